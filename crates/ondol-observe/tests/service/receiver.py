"""Takes OTLP over HTTP in OpenTelemetry's own messages, and prints a line for each record and span that it is sent."""

import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def pairs(attributes):
    return [[one.key, getattr(one.value, one.value.WhichOneof("value"))] for one in attributes]


def say(what, said):
    print(json.dumps({what: said}), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["content-encoding"] == "gzip"
        body = gzip.decompress(body)
        if self.path == "/v1/logs":
            for of_resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                for record in [record for scope in of_resource.scope_logs for record in scope.log_records]:
                    say("log", {
                        "body": record.body.string_value,
                        "severity": record.severity_number,
                        "attributes": pairs(record.attributes),
                        "resource": pairs(of_resource.resource.attributes),
                    })
        elif self.path == "/v1/traces":
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in [span for scope in of_resource.scope_spans for span in scope.spans]:
                    say("span", {
                        "name": span.name,
                        "ms": (span.end_time_unix_nano - span.start_time_unix_nano) // 1_000_000,
                        "attributes": pairs(span.attributes),
                        "resource": pairs(of_resource.resource.attributes),
                    })
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print("127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
