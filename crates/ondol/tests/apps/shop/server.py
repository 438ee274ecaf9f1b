"""A small HTTP service: says who it is, and asks others when told to."""

import json
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = os.environ["NAME"]


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = {
            "service": NAME,
            "host": os.environ["HOSTNAME"],
            "version": os.environ.get("VERSION", ""),
            "path": self.path,
        }
        # ?url=http://api/x asks that address; ?of=API_URL asks the address in that variable.
        asked = parse_qs(urlsplit(self.path).query)
        for url in asked.get("url", []) + [os.environ[name] for name in asked.get("of", [])]:
            with urllib.request.urlopen(url, timeout=5) as answer:
                body["answer"] = json.loads(answer.read())
        # /otel says that it was asked, where OpenTelemetry's variables say.
        if urlsplit(self.path).path == "/otel":
            body["told"] = tell(f"told by {NAME}")
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def tell(text):
    """A log record by OTLP, as an SDK sends it that only has its environment; the status of the answer."""
    resource = {"service.name": os.environ["OTEL_SERVICE_NAME"]}
    resource.update(pair.split("=") for pair in os.environ["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    records = [{"logRecords": [{"body": {"stringValue": text}}]}]
    sent = {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": records}]}
    request = urllib.request.Request(
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/logs",
        json.dumps(sent).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def journal(word):
    """Written down outside of the service, for those who want to know the order."""
    if "JOURNAL" in os.environ:
        with open(os.environ["JOURNAL"], "a") as file:
            file.write(f"{NAME} {word}\n")


def leave(*_):
    journal("leaves")
    print(f"{NAME} leaves", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, leave)
server = Server(("0.0.0.0", int(os.environ["PORT"])), Service)
journal("listens")
print(f"{NAME} listens", flush=True)
print(f"{NAME} has nothing to complain about", file=sys.stderr, flush=True)
server.serve_forever()
