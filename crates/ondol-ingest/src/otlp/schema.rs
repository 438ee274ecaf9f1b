//! The messages of OTLP as far as they are read: how JSON spells a field, its number, what it is.
//!
//! From opentelemetry-proto 1.x: common, resource, trace, logs, metrics (v1) and the three collector services.

/// The fields of a message.
pub(super) struct Message(pub(super) &'static [Field]);

/// A field: its name in JSON, its number in protobuf, and what it is.
pub(super) struct Field(pub(super) &'static str, pub(super) u32, pub(super) Kind);

/// What a field is. A list of them is as many fields of one number.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Bytes of an id: JSON has hexadecimal digits.
    Hex,
    /// Other bytes: JSON has base64.
    Bytes,
    Bool,
    /// `int32`, `int64`, `uint32`, `uint64` and enums.
    Whole,
    /// `sint32`.
    Signed,
    /// `fixed64` and `sfixed64`.
    Fixed,
    Double,
    Message(&'static Message),
}

use Kind::{Bool, Bytes, Double, Fixed, Hex, Signed, Text, Whole};

pub(super) static TRACES: Message =
    Message(&[Field("resourceSpans", 1, Kind::Message(&RESOURCE_SPANS))]);
pub(super) static LOGS: Message =
    Message(&[Field("resourceLogs", 1, Kind::Message(&RESOURCE_LOGS))]);
pub(super) static METRICS: Message = Message(&[Field(
    "resourceMetrics",
    1,
    Kind::Message(&RESOURCE_METRICS),
)]);

static ANY_VALUE: Message = Message(&[
    Field("stringValue", 1, Text),
    Field("boolValue", 2, Bool),
    Field("intValue", 3, Whole),
    Field("doubleValue", 4, Double),
    Field("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
    Field("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
    Field("bytesValue", 7, Bytes),
]);
static ARRAY_VALUE: Message = Message(&[Field("values", 1, Kind::Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[Field("values", 1, Kind::Message(&KEY_VALUE))]);
static KEY_VALUE: Message = Message(&[
    Field("key", 1, Text),
    Field("value", 2, Kind::Message(&ANY_VALUE)),
]);
static RESOURCE: Message = Message(&[Field("attributes", 1, Kind::Message(&KEY_VALUE))]);
static SCOPE: Message = Message(&[Field("name", 1, Text), Field("version", 2, Text)]);

static RESOURCE_SPANS: Message = Message(&[
    Field("resource", 1, Kind::Message(&RESOURCE)),
    Field("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
]);
static SCOPE_SPANS: Message = Message(&[
    Field("scope", 1, Kind::Message(&SCOPE)),
    Field("spans", 2, Kind::Message(&SPAN)),
]);
static SPAN: Message = Message(&[
    Field("traceId", 1, Hex),
    Field("spanId", 2, Hex),
    Field("traceState", 3, Text),
    Field("parentSpanId", 4, Hex),
    Field("name", 5, Text),
    Field("kind", 6, Whole),
    Field("startTimeUnixNano", 7, Fixed),
    Field("endTimeUnixNano", 8, Fixed),
    Field("attributes", 9, Kind::Message(&KEY_VALUE)),
    Field("events", 11, Kind::Message(&SPAN_EVENT)),
    Field("links", 13, Kind::Message(&SPAN_LINK)),
    Field("status", 15, Kind::Message(&STATUS)),
]);
static SPAN_EVENT: Message = Message(&[
    Field("timeUnixNano", 1, Fixed),
    Field("name", 2, Text),
    Field("attributes", 3, Kind::Message(&KEY_VALUE)),
]);
static SPAN_LINK: Message = Message(&[
    Field("traceId", 1, Hex),
    Field("spanId", 2, Hex),
    Field("attributes", 4, Kind::Message(&KEY_VALUE)),
]);
static STATUS: Message = Message(&[Field("message", 2, Text), Field("code", 3, Whole)]);

static RESOURCE_LOGS: Message = Message(&[
    Field("resource", 1, Kind::Message(&RESOURCE)),
    Field("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
]);
static SCOPE_LOGS: Message = Message(&[
    Field("scope", 1, Kind::Message(&SCOPE)),
    Field("logRecords", 2, Kind::Message(&LOG_RECORD)),
]);
static LOG_RECORD: Message = Message(&[
    Field("timeUnixNano", 1, Fixed),
    Field("severityNumber", 2, Whole),
    Field("severityText", 3, Text),
    Field("body", 5, Kind::Message(&ANY_VALUE)),
    Field("attributes", 6, Kind::Message(&KEY_VALUE)),
    Field("traceId", 9, Hex),
    Field("spanId", 10, Hex),
    Field("observedTimeUnixNano", 11, Fixed),
    Field("eventName", 12, Text),
]);

static RESOURCE_METRICS: Message = Message(&[
    Field("resource", 1, Kind::Message(&RESOURCE)),
    Field("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
]);
static SCOPE_METRICS: Message = Message(&[
    Field("scope", 1, Kind::Message(&SCOPE)),
    Field("metrics", 2, Kind::Message(&METRIC)),
]);
static METRIC: Message = Message(&[
    Field("name", 1, Text),
    Field("description", 2, Text),
    Field("unit", 3, Text),
    Field("gauge", 5, Kind::Message(&NUMBERS)),
    Field("sum", 7, Kind::Message(&NUMBERS)),
    Field("histogram", 9, Kind::Message(&HISTOGRAM)),
    Field("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL)),
    Field("summary", 11, Kind::Message(&SUMMARY)),
]);
/// `Gauge` and `Sum`.
static NUMBERS: Message = Message(&[
    Field("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
    Field("aggregationTemporality", 2, Whole),
    Field("isMonotonic", 3, Bool),
]);
static NUMBER_POINT: Message = Message(&[
    Field("timeUnixNano", 3, Fixed),
    Field("asDouble", 4, Double),
    Field("exemplars", 5, Kind::Message(&EXEMPLAR)),
    Field("asInt", 6, Fixed),
    Field("attributes", 7, Kind::Message(&KEY_VALUE)),
    Field("flags", 8, Whole),
]);
static HISTOGRAM: Message = Message(&[
    Field("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
    Field("aggregationTemporality", 2, Whole),
]);
static HISTOGRAM_POINT: Message = Message(&[
    Field("timeUnixNano", 3, Fixed),
    Field("count", 4, Fixed),
    Field("sum", 5, Double),
    Field("bucketCounts", 6, Fixed),
    Field("explicitBounds", 7, Double),
    Field("exemplars", 8, Kind::Message(&EXEMPLAR)),
    Field("attributes", 9, Kind::Message(&KEY_VALUE)),
    Field("flags", 10, Whole),
]);
static EXPONENTIAL: Message = Message(&[
    Field("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
    Field("aggregationTemporality", 2, Whole),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    Field("attributes", 1, Kind::Message(&KEY_VALUE)),
    Field("timeUnixNano", 3, Fixed),
    Field("count", 4, Fixed),
    Field("sum", 5, Double),
    Field("scale", 6, Signed),
    Field("zeroCount", 7, Fixed),
    Field("positive", 8, Kind::Message(&BUCKETS)),
    Field("negative", 9, Kind::Message(&BUCKETS)),
    Field("flags", 10, Whole),
    Field("exemplars", 11, Kind::Message(&EXEMPLAR)),
    Field("zeroThreshold", 14, Double),
]);
static BUCKETS: Message = Message(&[Field("offset", 1, Signed), Field("bucketCounts", 2, Whole)]);
static SUMMARY: Message = Message(&[Field("dataPoints", 1, Kind::Message(&SUMMARY_POINT))]);
static SUMMARY_POINT: Message = Message(&[
    Field("timeUnixNano", 3, Fixed),
    Field("count", 4, Fixed),
    Field("sum", 5, Double),
    Field("quantileValues", 6, Kind::Message(&QUANTILE)),
    Field("attributes", 7, Kind::Message(&KEY_VALUE)),
    Field("flags", 8, Whole),
]);
static QUANTILE: Message = Message(&[Field("quantile", 1, Double), Field("value", 2, Double)]);
static EXEMPLAR: Message = Message(&[
    Field("timeUnixNano", 2, Fixed),
    Field("asDouble", 3, Double),
    Field("spanId", 4, Hex),
    Field("traceId", 5, Hex),
    Field("asInt", 6, Fixed),
    Field("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
]);
