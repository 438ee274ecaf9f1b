"""A program with OpenTelemetry's own SDK: a call with an error in it, a log line inside, a counter; by the protocol asked for."""
import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

protocol, endpoint = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from grpc import Compression

    options = {"endpoint": endpoint, "insecure": True, "compression": Compression.Gzip}
    spans, metrics, logs = (kind(**options) for kind in (OTLPSpanExporter, OTLPMetricExporter, OTLPLogExporter))
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    spans, metrics, logs = (
        kind(endpoint=f"{endpoint}/v1/{path}", compression=Compression.Gzip)
        for kind, path in ((OTLPSpanExporter, "traces"), (OTLPMetricExporter, "metrics"), (OTLPLogExporter, "logs"))
    )

resource = Resource.create({"service.name": f"sdk-{protocol}", "service.namespace": "shop"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(SimpleSpanProcessor(spans))
logging_provider = LoggerProvider(resource=resource)
logging_provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
measuring = MeterProvider([PeriodicExportingMetricReader(metrics)], resource=resource)

tracer = tracing.get_tracer("test", "1.0")
logger = logging.getLogger("shop")
logger.addHandler(LoggingHandler(logger_provider=logging_provider))
measuring.get_meter("test").create_counter("orders", unit="{order}").add(3, {"kind": "film"})
measuring.get_meter("test").create_histogram("took", unit="s").record(0.2)
with tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER) as span:
    span.set_attribute("http.response.status_code", 500)
    logger.error("it broke")
    try:
        with tracer.start_as_current_span("work"):
            raise ValueError("no")
    except ValueError:
        pass
    print(format(span.get_span_context().trace_id, "032x"))
for provider in (tracing, logging_provider, measuring):
    provider.shutdown()
