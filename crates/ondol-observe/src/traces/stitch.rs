//! Traces of services that hand on nothing of one, but the name of the request (`X-Request-Id`): what they ask others
//! begins anew each time, and is found again by that name.

use std::collections::BTreeSet;

use ondol_ingest::Span;
use ondol_telemetry::{Condition, Query, StoreError, Test};

use super::find::{id_of, trace};
use super::tree::Trace;
use crate::proxy::{FROM, PROXY_SCOPE, REQUEST_ID};
use crate::shared::Shared;

/// Names that one trace is looked for by, and traces that join it: whoever asks chooses names.
const NAMES_MAX: usize = 8;
const OTHERS_MAX: usize = 32;
/// Spans with such a name that are looked at.
const SPANS_MAX: usize = 200;

/// A trace with those that are part of the same request; `None` when nothing is known of it.
pub(super) fn stitched(id: u128, shared: &Shared) -> Result<Option<Trace>, StoreError> {
    let Some(mut whole) = trace(id, shared)? else {
        return Ok(None);
    };
    let mut others = BTreeSet::new();
    for name in names(&whole) {
        let found = shared.stores.events.view().search(&named(name, &whole))?;
        others.extend(found.iter().filter_map(id_of));
    }
    others.remove(&id);
    for other in others.into_iter().take(OTHERS_MAX) {
        if let Some(other) = trace(other, shared)? {
            join(&mut whole, other);
        }
    }
    Ok(Some(whole))
}

/// What the requests of a trace that the proxy carried are called.
fn names(trace: &Trace) -> BTreeSet<String> {
    let carried = trace.spans.iter().filter(|span| is_carried(span));
    let names = carried.filter_map(|span| span.text(REQUEST_ID));
    names.take(NAMES_MAX).map(str::to_owned).collect()
}

/// Requests of this name while the trace went on.
fn named(name: String, during: &Trace) -> Query {
    let start_ns = during.start_ns();
    Query {
        conditions: vec![Condition {
            field: REQUEST_ID.to_owned(),
            test: Test::Equals(name),
            negated: false,
        }],
        start_ns,
        end_ns: start_ns.saturating_add_unsigned(during.duration_ns()),
        limit: SPANS_MAX,
        ..Query::default()
    }
}

/// Puts the beginnings of another trace where they were asked for.
fn join(whole: &mut Trace, mut other: Trace) {
    let known: BTreeSet<u64> = other.spans.iter().map(|span| span.span_id).collect();
    for span in &mut other.spans {
        if !known.contains(&span.parent_id)
            && let Some(caller) = caller(span, &whole.spans)
        {
            span.parent_id = caller;
        }
    }
    whole.spans.extend(other.spans);
    whole.lines.extend(other.lines);
    whole.sort();
}

/// The innermost span of the calling service that went on when this one began.
fn caller(span: &Span, among: &[Span]) -> Option<u64> {
    let from = span.text(FROM)?;
    let around = among.iter().filter(|one| {
        let end_ns = one.start_ns.saturating_add_unsigned(one.duration_ns);
        one.service() == from && (one.start_ns..=end_ns).contains(&span.start_ns)
    });
    Some(around.max_by_key(|one| one.start_ns)?.span_id)
}

fn is_carried(span: &Span) -> bool {
    span.scope.name == PROXY_SCOPE
}
