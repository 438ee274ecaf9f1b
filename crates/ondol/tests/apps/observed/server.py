"""Answers, fails at /fail, and writes a numbered line every few milliseconds from /write until /rest, which says how many."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

writes = threading.Event()
rests = threading.Event()
rests.set()
written = 0


def write():
    global written
    while True:
        writes.wait()
        rests.clear()
        while writes.is_set():
            written += 1
            print(f"line {written}", flush=True)
            threading.Event().wait(0.005)
        rests.set()


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/write":
            writes.set()
        if self.path == "/rest":
            writes.clear()
            rests.wait()
        body = str(written).encode()
        self.send_response(500 if self.path == "/fail" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


threading.Thread(target=write, daemon=True).start()
Server(("0.0.0.0", int(os.environ["PORT"])), Service).serve_forever()
