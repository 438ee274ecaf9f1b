use std::process::ExitCode;

use serde_json::Value;

use super::args::MetricsArgs;
use super::chart::{self, Curve};
use super::failure::Failure;
use super::out::{Colour, Out};
use super::{ask, clock};

/// Points of a range, when nobody says how far apart: about one for each column of a terminal.
const POINTS: u64 = 120;
/// How far back is shown when nobody says.
const SINCE_MS: u64 = 30 * 60 * 1000;

pub(crate) async fn metrics(args: MetricsArgs, out: &Out) -> Result<ExitCode, Failure> {
    let Some(query) = &args.query else {
        return names(out).await;
    };
    let now_ms = clock::now_unix_ms();
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    if args.now {
        let pairs = [("query", query.clone()), ("time", seconds(now_ms))];
        let (data, notes) = ask::prometheus("/api/v1/query", &pairs).await?;
        say(&notes, out);
        return latest(&data, out);
    }
    let since_ms = args
        .since
        .map_or(now_ms.saturating_sub(SINCE_MS), |since| since.0);
    let span_ms = now_ms.saturating_sub(since_ms);
    let step_ms = args
        .step
        .map_or((span_ms / POINTS).max(1000), |step| step.0);
    let pairs = [
        ("query", query.clone()),
        ("start", seconds(since_ms)),
        ("end", seconds(now_ms)),
        ("step", seconds(step_ms)),
    ];
    let (data, notes) = ask::prometheus("/api/v1/query_range", &pairs).await?;
    say(&notes, out);
    let result = data["result"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if out.json {
        result.iter().try_for_each(|series| out.object(series))?;
        return Ok(ExitCode::SUCCESS);
    }
    if result.is_empty() {
        out.say("nothing matches in this time; `ondol metrics` lists what there is");
        return Ok(ExitCode::SUCCESS);
    }
    let curves: Vec<Curve> = result
        .iter()
        .map(|series| curve(series, since_ms, step_ms))
        .collect();
    let span = std::time::Duration::from_millis(span_ms);
    for line in chart::lines(
        &curves,
        super::terminal::Terminal::room().width,
        &clock::span(span),
    ) {
        out.data(line);
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of all metrics, and what they are where somebody said so.
async fn names(out: &Out) -> Result<ExitCode, Failure> {
    let (names, _) = ask::prometheus("/api/v1/label/__name__/values", &[]).await?;
    let (about, _) =
        ask::prometheus("/api/v1/metadata", &[("limit_per_metric", "1".to_owned())]).await?;
    for name in names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let known = about_of(&about, name);
        let text = |key: &str| known[key].as_str().unwrap_or_default();
        if out.json {
            let line =
                serde_json::json!({"name": name, "type": text("type"), "help": text("help")});
            out.object(&line)?;
        } else if text("help").is_empty() {
            out.data(name);
        } else {
            out.data(format_args!(
                "{name}  {}",
                out.paint(Colour::Dim, text("help"))
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Metadata are of families; series of some kinds have a suffix.
fn about_of<'a>(about: &'a Value, name: &str) -> &'a Value {
    let suffixes = ["", "_total", "_bucket", "_count", "_sum", "_info"];
    let mut stems = suffixes
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix));
    let found = stems.find_map(|stem| about.get(stem));
    found.map_or(&Value::Null, |families| &families[0])
}

fn latest(data: &Value, out: &Out) -> Result<ExitCode, Failure> {
    if data["resultType"] == "scalar" || data["resultType"] == "string" {
        if out.json {
            out.object(data)?;
        } else {
            out.data(data["result"][1].as_str().unwrap_or_default());
        }
        return Ok(ExitCode::SUCCESS);
    }
    for series in data["result"].as_array().into_iter().flatten() {
        if out.json {
            out.object(series)?;
            continue;
        }
        let value = match (&series["value"][1], &series["histogram"][1]) {
            (Value::String(value), _) => value.clone(),
            (_, histogram) => format!(
                "histogram of {} observations",
                histogram["count"].as_str().unwrap_or("?")
            ),
        };
        out.data(format_args!("{}  {value}", named(&series["metric"])));
    }
    Ok(ExitCode::SUCCESS)
}

fn say(notes: &[String], out: &Out) {
    notes.iter().for_each(|note| out.say(note));
}

fn curve(series: &Value, since_ms: u64, step_ms: u64) -> Curve {
    let mut points = Vec::new();
    for pair in series["values"].as_array().into_iter().flatten() {
        let at_ms = pair[0]
            .as_f64()
            .map_or(0, |seconds| (seconds * 1000.0).round() as u64);
        let value = pair[1].as_str().and_then(number);
        let at = at_ms.saturating_sub(since_ms) / step_ms.max(1);
        if let (Ok(at), Some(value)) = (usize::try_from(at), value) {
            points.resize(points.len().max(at + 1), None);
            points[at] = Some(value);
        }
    }
    Curve {
        name: named(&series["metric"]),
        points,
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

/// `name{label="value"}`
fn named(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten();
    let labels: Vec<String> = labels
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let name = metric["__name__"].as_str().unwrap_or_default();
    match labels.is_empty() {
        true if name.is_empty() => "{}".to_owned(),
        true => name.to_owned(),
        false => format!("{name}{{{}}}", labels.join(",")),
    }
}
