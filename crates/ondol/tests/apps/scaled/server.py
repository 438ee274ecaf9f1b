"""Takes 50 ms for an answer, and says how much work there is as long as a file does."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"done\n"
        if self.path == "/metrics":
            body = open("/work/metrics", "rb").read()
        else:
            time.sleep(0.05)
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *line):
        pass


ThreadingHTTPServer(("", int(os.environ["PORT"])), Server).serve_forever()
