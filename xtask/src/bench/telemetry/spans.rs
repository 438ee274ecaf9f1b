//! T1: spans by OTLP over HTTP, in protobuf.

use std::net::TcpStream;
use std::path::Path;

use anyhow::{Result, ensure};

use super::generator::Dice;
use super::lines::bring;
use super::ours::{self, Kind};
use super::protobuf::Message;
use super::server::{Running, memory_mb};
use super::{SERVICES, http};
use crate::bench::samples::Samples;
use crate::say;

const SPANS: u64 = 200_000;
const BATCH: u64 = 500;
/// Ten spans are a trace.
const TRACE_SPANS: u64 = 10;
const STEP_NS: u64 = 3_000_000;
const OPERATIONS: [&str; 6] = [
    "GET /",
    "GET /items/{id}",
    "POST /orders",
    "SELECT",
    "publish",
    "render",
];

pub(super) fn measure(dir: &Path, ours: &mut Samples) -> Result<()> {
    say::line("bench: T1");
    let node = ours::server(dir, 0)?.start()?;
    let before_s = node.cpu_s();
    push(&node)?;
    super::settle();
    ours.add("t1_cpu", (node.cpu_s() - before_s) * 1e6 / SPANS as f64);
    for (key, ms) in ask(&node)? {
        ours.add(key, ms);
    }
    ours.add("t1_rss", memory_mb(node.pid(), "VmHWM"));
    drop(node);
    let (bytes, spans) = ours::sealed(dir, Kind::Events)?;
    ensure!(spans as u64 == SPANS, "{spans} of {SPANS} spans are there");
    ours.add("t1_bytes", bytes / spans);
    Ok(())
}

/// Brings all spans, as fast as they are taken.
pub(super) fn push(node: &Running) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port()))?;
    let first_ns = ours::now_ms()? as u64 * 1_000_000 - SPANS * STEP_NS;
    let mut dice = Dice(42);
    for batch in 0..SPANS / BATCH {
        let mut of_services: Vec<Vec<Message>> = vec![Vec::new(); SERVICES.len()];
        for number in batch * BATCH..(batch + 1) * BATCH {
            let service = dice.below(SERVICES.len() as u64) as usize;
            of_services[service].push(span(number, first_ns + number * STEP_NS, &mut dice));
        }
        // ExportTraceServiceRequest, ResourceSpans, ScopeSpans (opentelemetry/proto/trace/v1/trace.proto).
        let mut request = Message::default();
        for (service, spans) in SERVICES.iter().zip(&of_services) {
            let mut scope = Message::default();
            spans.iter().for_each(|span| scope.message(2, span));
            let mut resource = Message::default();
            resource.message(1, &attribute("service.name", service));
            let mut of_resource = Message::default();
            of_resource.message(1, &resource);
            of_resource.message(2, &scope);
            request.message(1, &of_resource);
        }
        bring(
            &mut stream,
            "/v1/traces",
            "application/x-protobuf",
            request.bytes(),
        )?;
    }
    Ok(())
}

/// Milliseconds of each question.
pub(super) fn ask(node: &Running) -> Result<Vec<(&'static str, f64)>> {
    let mut by_id: Vec<f64> = Vec::new();
    for nth in 0..20 {
        let id = http_id(nth * (SPANS / TRACE_SPANS / 20));
        by_id.push(node.fastest_ms(&format!("/api/traces/{id}"), 1000)?);
    }
    let by_id = by_id.iter().sum::<f64>() / by_id.len() as f64;
    let tags = http::escaped("{\"error\":\"true\"}");
    let search = format!("/api/traces?service=cart&tags={tags}&minDuration=490ms&limit=20");
    Ok(vec![
        ("t1_id", by_id),
        ("t1_search", node.fastest_ms(&search, 1000)?),
    ])
}

fn span(number: u64, at_ns: u64, dice: &mut Dice) -> Message {
    let mut span = Message::default();
    span.bytes_of(1, &trace_id(number / TRACE_SPANS));
    span.bytes_of(2, &span_id(number));
    let in_trace = number % TRACE_SPANS;
    if in_trace > 0 {
        span.bytes_of(4, &span_id(number - 1 - dice.below(in_trace)));
    }
    span.bytes_of(5, OPERATIONS[dice.below(6) as usize].as_bytes());
    span.number(6, 1 + dice.below(3));
    let start_ns = at_ns + dice.below(2_000_000);
    span.fixed(7, start_ns);
    span.fixed(8, start_ns + dice.below(500_000) * 1000);
    let url = format!("/items/{}", dice.below(5000));
    let thread = dice.below(64).to_string();
    for (name, value) in [
        (
            "http.request.method",
            ["GET", "POST"][dice.below(2) as usize],
        ),
        ("url.path", &url),
        (
            "http.response.status_code",
            ["200", "201", "404", "500"][dice.below(4) as usize],
        ),
        ("network.peer.name", SERVICES[dice.below(8) as usize]),
        ("thread.id", &thread),
    ] {
        span.message(9, &attribute(name, value));
    }
    let mut status = Message::default();
    status.number(3, if dice.below(50) == 0 { 2 } else { 1 });
    span.message(15, &status);
    span
}

/// KeyValue with an AnyValue that is a text.
fn attribute(name: &str, text: &str) -> Message {
    let (mut value, mut attribute) = (Message::default(), Message::default());
    value.bytes_of(1, text.as_bytes());
    attribute.bytes_of(1, name.as_bytes());
    attribute.message(2, &value);
    attribute
}

fn trace_id(number: u64) -> [u8; 16] {
    let mut dice = Dice(number ^ 0x7ace);
    (u128::from(dice.next()) << 64 | u128::from(dice.next())).to_be_bytes()
}

fn http_id(number: u64) -> String {
    format!("{:032x}", u128::from_be_bytes(trace_id(number)))
}

fn span_id(number: u64) -> [u8; 8] {
    Dice(number ^ 0x59a4).next().to_be_bytes()
}
