//! `/federate`: the latest samples of chosen series, as a page for another Prometheus.

use std::collections::BTreeMap;

use http::StatusCode;
use ondol_query::promql::{Features, Outcome, Query, Series, parse};
use ondol_query::{METRIC_NAME, Value};

use super::envelope::Failure;
use super::query::evaluated;
use super::{json, names};
use crate::clock;
use crate::server::{Answer, Params};
use crate::shared::{Shared, Stop};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn answer(params: &Params, shared: &Shared, stop: &Stop) -> Answer {
    match page(params, shared, stop) {
        Ok(page) => Answer::new(StatusCode::OK, TEXT, page),
        Err(failure) => failure.answer(),
    }
}

fn page(params: &Params, shared: &Shared, stop: &Stop) -> Result<Vec<u8>, Failure> {
    names::selectors(params)?;
    let now_ms = clock::now_ms();
    let mut all = BTreeMap::new();
    for selector in params.all("match[]") {
        let expr = parse(selector, Features::STABLE).map_err(|error| Failure::of_query(&error))?;
        let (answer, timed_out) = evaluated(Query::instant(&expr, now_ms), shared, stop, TIMEOUT);
        let answer = answer.map_err(|error| Failure::of_evaluation(&error, timed_out))?;
        if let Outcome::Vector(series) = answer.outcome {
            all.extend(series.into_iter().map(|series| (key(&series), series)));
        }
    }
    let (mut page, mut family) = (Vec::new(), String::new());
    for ((name, _), series) in &all {
        if *name != family {
            family.clone_from(name);
            page.extend_from_slice(format!("# TYPE {name} untyped\n").as_bytes());
        }
        sample(name, series, &mut page);
    }
    Ok(page)
}

type Key = (String, ondol_query::Labels);

fn key(series: &Series) -> Key {
    let name = series.labels.metric_name().to_owned();
    (name, series.labels.without(METRIC_NAME))
}

/// A line. Native histograms have no place in the text format.
fn sample(name: &str, series: &Series, page: &mut Vec<u8>) {
    let Some(sample) = series.samples.last() else {
        return;
    };
    let Value::Float(value) = sample.value else {
        return;
    };
    page.extend_from_slice(name.as_bytes());
    page.push(b'{');
    let others = series
        .labels
        .iter()
        .filter(|label| &*label.name != METRIC_NAME);
    let mut separator = "";
    for label in others {
        page.extend_from_slice(separator.as_bytes());
        page.extend_from_slice(label.name.as_bytes());
        page.push(b'=');
        escaped(&label.value, page);
        separator = ",";
    }
    if series.labels.find("instance").is_none() {
        // So that the one who asks does not add its own.
        page.extend_from_slice(separator.as_bytes());
        page.extend_from_slice(b"instance=\"\"");
    }
    page.extend_from_slice(b"} ");
    json::plain(value, page);
    page.extend_from_slice(format!(" {}\n", sample.time_ms).as_bytes());
}

fn escaped(text: &str, page: &mut Vec<u8>) {
    page.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => page.extend_from_slice(b"\\\\"),
            b'"' => page.extend_from_slice(b"\\\""),
            b'\n' => page.extend_from_slice(b"\\n"),
            byte => page.push(byte),
        }
    }
    page.push(b'"');
}
