use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::args::TraceArgs;
use super::failure::Failure;
use super::out::{Colour, Out};
use super::table::Table;
use super::terminal::Terminal;
use super::{ask, clock};

mod waterfall;

/// Traces that are looked at to find the slowest.
const LOOKED_AT: usize = 500;

pub(crate) async fn trace(args: TraceArgs, out: &Out) -> Result<ExitCode, Failure> {
    match &args.id {
        Some(id) => one(id, out).await,
        None => list(&args, out).await,
    }
}

/// One trace: each span with its place in time, and its log lines.
async fn one(id: &str, out: &Out) -> Result<ExitCode, Failure> {
    let is_id = !id.is_empty() && id.len() <= 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_id {
        return Err(Failure::invalid(format!(
            "`{id}` is no trace id; expected up to 32 hexadecimal digits"
        ))
        .hint("`ondol trace` lists the newest traces with their ids"));
    }
    let trace = ask::get(&format!("/ondol/traces/{id}"), &[]).await?;
    if out.json {
        out.object(&trace)?;
        return Ok(ExitCode::SUCCESS);
    }
    let trace: waterfall::Trace = read(trace)?;
    for line in waterfall::lines(&trace, Terminal::room().width, out) {
        out.data(line);
    }
    Ok(ExitCode::SUCCESS)
}

/// A trace in a line of the list.
#[derive(Debug, Deserialize)]
struct Summary {
    id: String,
    start_unix_ns: i64,
    duration_ns: u64,
    service: Option<String>,
    name: Option<String>,
    spans: usize,
    failed: usize,
}

async fn list(args: &TraceArgs, out: &Out) -> Result<ExitCode, Failure> {
    let looked_at = if args.slowest {
        LOOKED_AT.max(args.limit)
    } else {
        args.limit
    };
    let mut pairs = vec![("limit", looked_at.to_string())];
    let mut put = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    put("service", args.service.clone());
    put("since_unix_ms", args.since.map(|since| since.0.to_string()));
    put(
        "min_duration_ms",
        args.min_duration.map(|span| span.0.to_string()),
    );
    put("error", args.error.then(|| "true".to_owned()));
    let mut answer = ask::get("/ondol/traces", &pairs).await?;
    let mut traces = match answer["traces"].take() {
        Value::Array(traces) => traces,
        _ => Vec::new(),
    };
    if args.slowest {
        traces.sort_by_key(|trace| std::cmp::Reverse(trace["duration_ns"].as_u64()));
        traces.truncate(args.limit);
    }
    if out.json {
        traces.iter().try_for_each(|trace| out.object(trace))?;
        return Ok(ExitCode::SUCCESS);
    }
    if traces.is_empty() {
        out.say("no trace fits; without --since the last hour is looked at");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&[
        "STARTED", "TRACE", "SERVICE", "WHAT", "TOOK", "SPANS", "FAILED",
    ]);
    for trace in traces {
        let trace: Summary = read(trace)?;
        let started_ms = u64::try_from(trace.start_unix_ns / 1_000_000).unwrap_or(0);
        table.row(vec![
            clock::rfc3339(started_ms),
            trace.id,
            trace.service.unwrap_or_default(),
            trace.name.unwrap_or_default(),
            took(trace.duration_ns),
            trace.spans.to_string(),
            trace.failed.to_string(),
        ]);
    }
    table.lines().iter().for_each(|line| out.data(line));
    Ok(ExitCode::SUCCESS)
}

fn read<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::error(format!("the telemetry's answer is not understood: {error}"))
    })
}

/// `0.4 ms`, `12 ms`, `1.25 s`.
fn took(duration_ns: u64) -> String {
    let duration = Duration::from_nanos(duration_ns);
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

/// What failed stands out.
fn paint(text: &str, failed: bool, out: &Out) -> String {
    match failed {
        true => out.paint(Colour::Red, text).to_string(),
        false => text.to_owned(),
    }
}
