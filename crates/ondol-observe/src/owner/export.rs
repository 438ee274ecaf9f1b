//! Samples as JSON, a series per line, as they are read: there may be more of them than memory.

use bytes::Bytes;
use http::StatusCode;
use ondol_query::promql::parse_matchers;
use ondol_query::{Matcher, Sample, Selection, Source, SourceError, Value};
use tokio::sync::mpsc;

use crate::prometheus::{json, moment};
use crate::server::{Answer, Params};
use crate::shared::Shared;

/// Lines that wait for whoever reads.
const AHEAD: usize = 16;

pub(super) async fn answer(params: &Params, shared: &Shared) -> Answer {
    let matchers = match parse_matchers(params.get("match[]").unwrap_or_default()) {
        Ok(matchers) => matchers,
        Err(error) => return Answer::refused(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let start = params
        .get("start")
        .map(|text| moment::moment("start", text));
    let Ok(start_ms) = start.unwrap_or(Ok(i64::MIN)) else {
        return Answer::refused(StatusCode::BAD_REQUEST, "`start` is no moment");
    };
    let (lines, waiting) = mpsc::channel(AHEAD);
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(&shared, &matchers, start_ms, &lines) {
            let line = serde_json::json!({ "error": error.to_string() });
            // Nobody reads any more: there is nobody to tell.
            let _ = lines.blocking_send(format!("{line}\n").into());
        }
    });
    Answer::lines(waiting)
}

fn write(
    shared: &Shared,
    matchers: &[Matcher],
    start_ms: i64,
    lines: &mpsc::Sender<Bytes>,
) -> Result<(), SourceError> {
    let selection = Selection {
        matchers,
        start_ms,
        end_ms: i64::MAX,
        step_ms: 0,
        range_ms: 0,
        function: "",
    };
    for mut series in shared.stores.samples.select(&selection)? {
        let mut samples = Vec::new();
        while series.samples.read(&mut samples)? {}
        let is_there = |sample: &&Sample| !sample.value.is_stale();
        let mut line = br#"{"metric":"#.to_vec();
        json::labels(&series.labels, &mut line);
        for (name, part) in [("values", true), ("timestamps", false)] {
            line.extend_from_slice(format!(",\"{name}\":[").as_bytes());
            for (at, sample) in samples.iter().filter(is_there).enumerate() {
                line.extend_from_slice(if at > 0 { b"," } else { b"" });
                match (&sample.value, part) {
                    (_, false) => line.extend_from_slice(sample.time_ms.to_string().as_bytes()),
                    (Value::Float(value), true) => json::number(*value, &mut line),
                    (Value::Histogram(value), true) => json::histogram(value, &mut line),
                }
            }
            line.push(b']');
        }
        line.extend_from_slice(b"}\n");
        if lines.blocking_send(line.into()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
