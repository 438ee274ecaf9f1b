//! Traces found again: by their id, or by what is known of one of their spans.

use std::collections::BTreeSet;

use ondol_ingest::{Pair, fields};
use ondol_query::{MatchOp, Matcher};
use ondol_telemetry::{Condition, EventView, Found as Event, Query, StoreError, TRACE_ID, Test};

use super::labels;
use super::tree::Trace;
use crate::shared::{Shared, Stop};

/// Spans that are looked at for each trace that is wanted.
const SPANS_EACH: usize = 16;
/// Times that older spans are looked at because the newer ones were of the same traces.
const ROUNDS_MAX: usize = 8;

/// What one of the spans of a trace must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Search {
    pub(crate) project: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    /// As Zipkin has it: a value, or only that it is there.
    pub(crate) tags: Vec<(String, Option<String>)>,
    pub(crate) failed: bool,
    pub(crate) min_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    /// Traces.
    pub(crate) limit: usize,
}

/// What came of a search.
pub(crate) type Found = Result<Vec<Trace>, StoreError>;

/// A trace with all that belongs to it; `None` when nothing is known of it.
pub(crate) fn trace(id: u128, shared: &Shared) -> Result<Option<Trace>, StoreError> {
    let trace = Trace::of(id, events_of(id, &shared.stores.events.view())?);
    Ok(Some(trace).filter(|trace| !trace.spans.is_empty() || !trace.lines.is_empty()))
}

fn events_of(id: u128, view: &EventView) -> Result<Vec<Event>, StoreError> {
    view.trace(&format!("{id:032x}"))
}

/// The newest traces that have such a span, the newest first.
pub(crate) fn search(search: &Search, shared: &Shared, stop: &Stop) -> Found {
    let view = shared.stores.events.view();
    let mut ids: Vec<u128> = Vec::new();
    for query in search.queries() {
        let mut query = query;
        for _ in 0..ROUNDS_MAX {
            let events = view.search(&query)?;
            let is_all = events.len() < query.limit;
            let oldest_ns = events.last().map_or(i64::MIN, |event| event.at_ns);
            let fit = events.iter().filter(|event| search.admits(event));
            ids.extend(fit.filter_map(id_of));
            let known: BTreeSet<u128> = ids.iter().copied().collect();
            if is_all || known.len() >= search.limit || stop.is_set() {
                break;
            }
            query.end_ns = oldest_ns.saturating_sub(1);
        }
    }
    let mut known = BTreeSet::new();
    ids.retain(|id| known.insert(*id));
    let mut traces = Vec::new();
    for id in ids {
        if stop.is_set() {
            break;
        }
        let trace = Trace::of(id, events_of(id, &view)?);
        traces.extend(Some(trace).filter(|trace| !trace.spans.is_empty()));
    }
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.start_ns()));
    traces.truncate(search.limit);
    Ok(traces)
}

pub(super) fn id_of(event: &Event) -> Option<u128> {
    let (_, id) = event.fields.iter().find(|(name, _)| name == TRACE_ID)?;
    u128::from_str_radix(id, 16).ok()
}

impl Search {
    /// The first tag narrows the search down, as an attribute of the span or of its resource; the others are looked at
    /// afterwards.
    fn queries(&self) -> Vec<Query> {
        let base = self.base();
        let Some((name, value)) = self.tags.first() else {
            return vec![base];
        };
        let with = |field: String| {
            let (test, negated) = match value {
                Some(value) => (Test::Equals(value.clone()), false),
                None => (Test::Equals(String::new()), true),
            };
            let mut query = base.clone();
            query.conditions.push(Condition {
                field,
                test,
                negated,
            });
            query
        };
        names_of(name).map(with).to_vec()
    }

    fn base(&self) -> Query {
        // It is no pattern that could fail.
        let stream = Matcher::new("stream", MatchOp::Matches, labels::PATTERN);
        let mut streams: Vec<Matcher> = stream.into_iter().collect();
        for (name, value) in [("project", &self.project), ("service", &self.service)] {
            streams.extend(value.as_ref().map(|value| Matcher::equal(name, value)));
        }
        let mut conditions = Vec::new();
        let mut holds = |field: &str, test: Test| {
            conditions.push(Condition {
                field: field.to_owned(),
                test,
                negated: false,
            });
        };
        if let Some(operation) = &self.operation {
            holds(fields::NAME, Test::Equals(operation.clone()));
        }
        if self.failed {
            holds(fields::STATUS, Test::Equals("error".to_owned()));
        }
        if let Some(min_ns) = self.min_ns {
            holds(fields::DURATION, Test::AtLeast(min_ns as f64));
        }
        if let Some(max_ns) = self.max_ns {
            holds(fields::DURATION, Test::AtMost(max_ns as f64));
        }
        Query {
            streams,
            conditions,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            limit: self.limit.saturating_mul(SPANS_EACH),
            oldest_first: false,
        }
    }

    fn admits(&self, event: &Event) -> bool {
        let has = |(name, value): &(String, Option<String>)| {
            let names = names_of(name);
            let fits = |(known, text): &Pair| {
                names.contains(known) && value.as_ref().is_none_or(|value| value == text)
            };
            event.fields.iter().any(fits)
        };
        self.tags.iter().all(has)
    }
}

/// Names of the fields that a tag may be.
fn names_of(tag: &str) -> [String; 2] {
    [
        fields::of_attribute(tag).into_owned(),
        format!("{}{tag}", fields::RESOURCE),
    ]
}
