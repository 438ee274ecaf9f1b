"""Says what it was asked, and who it is. Some paths take their time, fail, or go on for ever."""

import json
import os
import socket
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = socket.gethostname()
PAGE = "<!doctype html><title>reach</title><p data-testid=page>here</p>"
asked = []


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/health":
            return self.answer(503 if "ill" in asked else 200, {})
        if path.endswith("/sicken"):
            asked.append("ill")
        asked.append(self.path)
        if path == "/page":
            return self.send(200, "text/html", PAGE.encode())
        if path == "/seen":
            return self.answer(200, asked)
        if path.endswith("/slow"):
            time.sleep(1)
        if path.endswith("/stall"):
            time.sleep(30)
        if path == "/silence":
            time.sleep(90)
        if path == "/events":
            return self.events()
        status = 503 if path == "/again" and ME.endswith("2") else 200
        said = {"me": ME, "service": os.environ.get("ONDOL_SERVICE"), "path": self.path, "protocol": self.request_version}
        said.update({name.lower(): value for name, value in self.headers.items()})
        self.answer(status, said)

    def do_POST(self):
        length = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                length += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.answer(200, {"me": ME, "length": length})

    do_PUT = do_POST

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in range(100):
            self.wfile.write(b"data: %d\n\n" % number)
            self.wfile.flush()
            time.sleep(0.5)

    def answer(self, status, said):
        self.send(status, "application/json", json.dumps(said).encode())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Told(Answer):
    """The first line of a connection is a PROXY header."""

    def handle(self):
        self.told = self.rfile.readline().decode().strip()
        super().handle()

    def do_GET(self):
        self.answer(200, {"told": self.told})


port = int(os.environ["PORT"])
server = ThreadingHTTPServer(("0.0.0.0", port), Told if "TOLD" in os.environ else Answer)
if "TLS" in os.environ:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("own.pem", "own.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
