"""What it does is its first argument; what came of it is a line."""

import http.server
import os
import socket
import sys
import time
import urllib.request


def serve():
    http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()


def echo():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", int(os.environ["PORT"])))
    while True:
        said, caller = server.recvfrom(65536)
        server.sendto(b"echo " + said, caller)


def ask():
    print("heard", urllib.request.urlopen(os.environ["WEB_URL"], timeout=5).status, flush=True)
    time.sleep(3600)


def reach(address):
    host, port = address.rsplit(":", 1)
    try:
        heard = socket.create_connection((host, int(port)), timeout=3).recv(100).decode()
    except OSError:
        heard = "nothing"
    print("heard", heard, flush=True)
    time.sleep(3600)


globals()[sys.argv[1]](*sys.argv[2:])
