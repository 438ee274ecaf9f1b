//! `ondol alerts`: what fires, and why.

use std::process::ExitCode;

use serde_json::Value;

use super::args::{AlertsArgs, AlertsVerb};
use super::ask;
use super::failure::Failure;
use super::out::{Colour, Out};
use super::table::Table;

pub(crate) async fn alerts(args: AlertsArgs, out: &Out) -> Result<ExitCode, Failure> {
    match args.what {
        None => list(out).await,
        Some(AlertsVerb::Why { name }) => why(name, out).await,
    }
}

async fn list(out: &Out) -> Result<ExitCode, Failure> {
    let seen = ask::get("/ondol/alerts", &[]).await?;
    let alerts = array(&seen["alerts"]);
    if out.json {
        alerts.iter().try_for_each(|alert| out.object(alert))?;
        return Ok(ExitCode::SUCCESS);
    }
    let live: Vec<&Value> = alerts
        .iter()
        .filter(|alert| alert["state"] != "resolved")
        .collect();
    if live.is_empty() {
        out.say(format_args!(
            "nothing fires; {} rules are followed",
            seen["rules"]
        ));
    } else {
        let mut table = Table::new(&["ALERT", "STATE", "SINCE", "VALUE", "WHAT"]);
        live.iter().for_each(|alert| table.row(row(alert)));
        table.lines().iter().for_each(|line| out.data(line));
    }
    for rule in array(&seen["failing_rules"]) {
        out.say(format_args!(
            "rule {} cannot be evaluated: {}",
            text(&rule["name"]),
            text(&rule["error"])
        ));
    }
    for delivery in array(&seen["deliveries"]) {
        if let Some(failure) = delivery["last_failure"].as_str() {
            out.say(format_args!(
                "{} could not be told: {failure}",
                text(&delivery["receiver"])
            ));
        }
    }
    if seen["receivers"] == 0 && !live.is_empty() {
        out.say("nobody is told; `x-ondol: { receivers: ... }` names who is");
    }
    Ok(ExitCode::SUCCESS)
}

/// The alerts of a project, or of one service of it, that are pending or fire; none where there is no telemetry to ask.
pub(crate) async fn of(project: &str, service: Option<&str>) -> Vec<Value> {
    let Ok(mut seen) = ask::get("/ondol/alerts", &[]).await else {
        return Vec::new();
    };
    let alerts = match seen["alerts"].take() {
        Value::Array(alerts) => alerts,
        _ => Vec::new(),
    };
    let is_of = |alert: &Value| {
        alert["state"] != "resolved"
            && alert["labels"]["project"] == project
            && service.is_none_or(|service| alert["labels"]["service"] == service)
    };
    alerts.into_iter().filter(is_of).collect()
}

/// `ErrorRatio is firing since ...: 12 % of the requests fail`
pub(crate) fn line(alert: &Value) -> String {
    let row = row(alert);
    let cell = |at: usize| row.get(at).map(String::as_str).unwrap_or_default();
    format!("{} is {} since {}: {}", cell(0), cell(1), cell(2), cell(4))
}

fn row(alert: &Value) -> Vec<String> {
    let state = match () {
        () if !array(&alert["silenced_by"]).is_empty() => "silenced",
        () if !array(&alert["inhibited_by"]).is_empty() => "inhibited",
        () => text(&alert["state"]),
    };
    let since = alert["fired_at"].as_str().or(alert["active_at"].as_str());
    let summary = alert["annotations"]["summary"].as_str().map(str::to_owned);
    vec![
        text(&alert["name"]).to_owned(),
        state.to_owned(),
        since.unwrap_or_default().to_owned(),
        number(&alert["value"]),
        summary.unwrap_or_else(|| labels(&alert["labels"])),
    ]
}

async fn why(name: String, out: &Out) -> Result<ExitCode, Failure> {
    let told = ask::get("/ondol/alerts/why", &[("name", name.clone())]).await?;
    if let Some(refused) = told.as_str() {
        let hint = "`ondol alerts` shows what fires, `ondol alerts --json` with all labels";
        return Err(Failure::error(format!("{refused}: {name}")).hint(hint));
    }
    if out.json {
        out.object(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.data(format_args!("rule  {}", text(&told["rule"])));
    let alerts = array(&told["alerts"]);
    if alerts.is_empty() {
        out.say("it has no alert now");
    }
    for alert in alerts {
        explain(alert, out);
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(alert: &Value, out: &Out) {
    out.data("");
    let title = format!(
        "{} is {}: {}",
        text(&alert["name"]),
        text(&alert["state"]),
        labels(&alert["labels"])
    );
    out.data(out.paint(Colour::Bold, title));
    let bound = alert["bound"].as_str().unwrap_or_default();
    out.data(format_args!(
        "  value     {} {bound}",
        number(&alert["value"])
    ));
    out.data(format_args!("  since     {}", text(&alert["active_at"])));
    let points = array(&alert["history"]);
    if !points.is_empty() {
        let values: Vec<f64> = points
            .iter()
            .filter_map(|point| point[1].as_f64())
            .collect();
        out.data(format_args!("  over time {}", bars(&values)));
    }
    for part in array(&alert["stands_on"]) {
        out.data(format_args!(
            "  stands on {} ({} series)",
            text(&part["expr"]),
            part["count"]
        ));
        for series in array(&part["series"]) {
            out.data(format_args!(
                "    {:>12}  {}",
                number(&series["value"]),
                labels(&series["labels"])
            ));
        }
    }
}

/// A bar for each value, from zero or the lowest to the highest.
fn bars(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let low = values.iter().copied().fold(0.0, f64::min);
    let high = values.iter().copied().fold(low, f64::max);
    let bar = |value: &f64| match high > low {
        true => BARS[(((value - low) / (high - low) * 7.0).round() as usize).min(7)],
        false => BARS[0],
    };
    let drawn: String = values.iter().map(bar).collect();
    format!("{drawn}  {low} to {high:.4}")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 => format!("{number}"),
        Some(number) => format!("{number:.4}"),
        None => "-".to_owned(),
    }
}

/// `name=value` of each label but the alert's name.
fn labels(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten();
    let pairs = pairs.filter(|(name, _)| *name != "alertname");
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    pairs.join(" ")
}
