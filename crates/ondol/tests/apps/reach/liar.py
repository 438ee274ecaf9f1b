"""Breaks the rules of HTTP, in the way that the path says."""

import os
import socketserver

LIES = {
    "nothing": b"",
    "noise": b"SSH-2.0-liar\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n\r\n",
    "head": b"HTTP/1.1 200 OK\r\n" + b"X-Long: %s\r\n" % (b"x" * 1000) * 10_000 + b"\r\n",
}


class Liar(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split(b" ")[1]
        while self.rfile.readline().strip():
            pass
        self.wfile.write(LIES[path.rsplit(b"/", 1)[1].decode()])


class Server(socketserver.ThreadingTCPServer):
    # Who has heard enough leaves in the middle of a lie.
    def handle_error(self, *_):
        pass


Server(("", int(os.environ["PORT"])), Liar).serve_forever()
