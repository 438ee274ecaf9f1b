"""Answers as fast as it can with which version it is. It ends at once when told to: whoever stops it has to drain it first."""

import os
import socket
import threading

ANSWER = os.environ["VERSION"].encode()
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


def serve(connection):
    with connection:
        rest = b""
        while part := connection.recv(65536):
            *requests, rest = (rest + part).split(b"\r\n\r\n")
            connection.sendall(WHOLE * len(requests))


listener = socket.create_server(("0.0.0.0", int(os.environ["PORT"])), backlog=512)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
