use std::process::ExitCode;

use http_body_util::BodyExt;
use ondol_model::Bytes;
use serde_json::Value;

use super::args::{TelemetryExportArgs, TelemetryVerb};
use super::ask;
use super::failure::Failure;
use super::out::Out;
use super::table::Table;

pub(crate) async fn telemetry(verb: TelemetryVerb, out: &Out) -> Result<ExitCode, Failure> {
    match verb {
        TelemetryVerb::Status => status(out).await,
        TelemetryVerb::Compact => {
            let done = ask::post("/ondol/telemetry/compact", &[]).await?;
            show(&done, out)
        }
        TelemetryVerb::Export(args) => export(args, out).await,
    }
}

async fn status(out: &Out) -> Result<ExitCode, Failure> {
    let status = ask::get("/ondol/telemetry/status", &[]).await?;
    show(&status, out)
}

fn show(status: &Value, out: &Out) -> Result<ExitCode, Failure> {
    if out.json {
        out.object(status)?;
        return Ok(ExitCode::SUCCESS);
    }
    let addresses = status["addresses"].as_array().into_iter().flatten();
    let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
    out.data(match addresses.is_empty() {
        true => "listens nowhere but in the state folder".to_owned(),
        false => format!("listens at {}", addresses.join(", ")),
    });
    let mut table = Table::new(&[
        "WHAT",
        "IN MEMORY",
        "ON THE DISK",
        "BYTES",
        "KEPT FOR",
        "AT MOST",
        "DROPPED",
    ]);
    for (name, key) in [("metrics", "metrics"), ("logs and traces", "events")] {
        let one = &status[key];
        let number = |key: &str| one[key].as_u64().unwrap_or_default();
        table.row(vec![
            name.to_owned(),
            number("in_memory").to_string(),
            number("on_disk").to_string(),
            Bytes(number("bytes")).to_string(),
            super::clock::span(std::time::Duration::from_millis(number("keep_ms"))),
            Bytes(number("bytes_max")).to_string(),
            number("dropped").to_string(),
        ]);
    }
    table.lines().iter().for_each(|line| out.data(line));
    if let Some(last_end) = status["last_end"]["summary"].as_str() {
        out.data(last_end);
    }
    Ok(ExitCode::SUCCESS)
}

/// Streams lines as they come: there may be more of them than memory.
async fn export(args: TelemetryExportArgs, out: &Out) -> Result<ExitCode, Failure> {
    let mut pairs = vec![("match[]", args.selector)];
    if let Some(since) = args.since {
        pairs.push(("start", format!("{}", since.0 as f64 / 1000.0)));
    }
    let mut body = ask::stream("/ondol/telemetry/export", &pairs).await?;
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Failure::error(format!("the export broke off: {error}")))?;
        for piece in frame
            .into_data()
            .unwrap_or_default()
            .split_inclusive(|byte| *byte == b'\n')
        {
            line.extend_from_slice(piece);
            if line.ends_with(b"\n") {
                out.data(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
