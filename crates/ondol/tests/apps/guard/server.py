"""Says what it was asked, counts how often, and decides who may ask."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = {"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0LW9mLWF0LWxlYXN0LTMyLWJ5dGVzLWhlcmU"}]}
asked = {}


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        asked[path] = asked.get(path, 0) + 1
        status, said = 200, {"path": self.path, "times": asked[path], "filler": "x" * 2000}
        said.update({name.lower(): value for name, value in self.headers.items()})
        if path == "/keys":
            said = KEYS
        if path == "/decide":
            status = 200 if self.headers.get("X-Forwarded-Uri") == "/asked/nicely" else 403
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Answer).serve_forever()
