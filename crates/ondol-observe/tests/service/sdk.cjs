// A program with OpenTelemetry's own SDK for Node, which is told by its environment alone where to send: a call with an error
// in it, a log line inside, a counter. The packages are in the folder that is named.
const { createRequire } = require('node:module');
const packages = createRequire(`${process.argv[2]}/node_modules/`);
const { context, metrics, SpanKind, SpanStatusCode, trace } = packages('@opentelemetry/api');
const { logs, SeverityNumber } = packages('@opentelemetry/api-logs');
const { NodeSDK } = packages('@opentelemetry/sdk-node');

const sdk = new NodeSDK();
sdk.start();
const tracer = trace.getTracer('test', '1.0');
const meter = metrics.getMeter('test');
meter.createCounter('orders', { unit: '{order}' }).add(3, { kind: 'film' });
meter.createHistogram('took', { unit: 's' }).record(0.2);
tracer.startActiveSpan('GET /', { kind: SpanKind.SERVER }, (span) => {
  span.setAttribute('http.response.status_code', 500);
  logs.getLogger('shop').emit({ severityNumber: SeverityNumber.ERROR, body: 'it broke', context: context.active() });
  tracer.startActiveSpan('work', (work) => {
    work.recordException(new Error('no'));
    work.setStatus({ code: SpanStatusCode.ERROR, message: 'no' });
    work.end();
  });
  span.end();
  console.log(span.spanContext().traceId);
});
sdk.shutdown().catch((error) => {
  console.error(`Failed to export: ${error.stack}`);
  process.exitCode = 1;
});
