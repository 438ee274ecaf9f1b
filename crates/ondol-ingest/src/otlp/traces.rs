//! `ExportTraceServiceRequest`.

use std::sync::Arc;

use super::resource::{Group, id, messages, resource, scope};
use crate::any_value::attribute;
use crate::span::{Link, Moment, Span, SpanKind, SpanStatus};
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};
use crate::{Batch, Limits};

pub(super) fn decode(body: &[u8], limits: &Limits) -> Result<Batch<Span>, Malformed> {
    let mut taking = Taking::new(limits);
    let mut items = Vec::new();
    for of_resource in messages(body, 1) {
        let of_resource = Group::read(of_resource?)?;
        let resource = Arc::new(resource(of_resource.owner, &mut taking)?);
        for of_scope in of_resource.members() {
            let of_scope = Group::read(of_scope?)?;
            let scope = Arc::new(scope(of_scope.owner, &mut taking)?);
            for bytes in of_scope.members() {
                let bytes = bytes?;
                if !taking.admits() {
                    continue;
                }
                let mut span = span(bytes, &mut taking)?;
                if span.trace_id == 0 || span.span_id == 0 {
                    taking
                        .dropped
                        .refuse("a span has no valid trace id or span id");
                    continue;
                }
                span.resource = resource.clone();
                span.scope = scope.clone();
                items.push(span);
            }
        }
    }
    Ok(Batch {
        items,
        dropped: taking.dropped,
    })
}

fn span(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Span, Malformed> {
    let mut span = Span::default();
    let mut end_ns = 0;
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => span.trace_id = u128::from_be_bytes(id(bytes)),
            (2, Wire::Bytes(bytes)) => span.span_id = u64::from_be_bytes(id(bytes)),
            (3, Wire::Bytes(text)) => span.trace_state = taking.value(text),
            (4, Wire::Bytes(bytes)) => span.parent_id = u64::from_be_bytes(id(bytes)),
            (5, Wire::Bytes(name)) => span.name = taking.value(name),
            (6, Wire::Varint(kind)) => span.kind = SpanKind::from_number(kind),
            (7, Wire::Fixed64(at)) => span.start_ns = nanoseconds(at),
            (8, Wire::Fixed64(at)) => end_ns = nanoseconds(at),
            (9, Wire::Bytes(bytes)) => {
                let attribute = attribute(bytes, taking)?;
                taking.add(&mut span.attributes, attribute);
            }
            (11, Wire::Bytes(_)) if span.moments.len() >= taking.limits.list_max => {
                taking.dropped.fields += 1;
            }
            (11, Wire::Bytes(bytes)) => span.moments.push(moment(bytes, taking)?),
            (13, Wire::Bytes(_)) if span.links.len() >= taking.limits.list_max => {
                taking.dropped.fields += 1;
            }
            (13, Wire::Bytes(bytes)) => span.links.push(link(bytes, taking)?),
            (15, Wire::Bytes(bytes)) => status(bytes, &mut span, taking)?,
            _ => {}
        }
    }
    // A clock that was set back during the span.
    span.duration_ns = u64::try_from(end_ns.saturating_sub(span.start_ns)).unwrap_or(0);
    Ok(span)
}

fn moment(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Moment, Malformed> {
    let mut moment = Moment::default();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Fixed64(at)) => moment.at_ns = nanoseconds(at),
            (2, Wire::Bytes(name)) => moment.name = taking.value(name),
            (3, Wire::Bytes(bytes)) => {
                let attribute = attribute(bytes, taking)?;
                taking.add(&mut moment.attributes, attribute);
            }
            _ => {}
        }
    }
    Ok(moment)
}

fn link(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Link, Malformed> {
    let mut link = Link::default();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => link.trace_id = u128::from_be_bytes(id(bytes)),
            (2, Wire::Bytes(bytes)) => link.span_id = u64::from_be_bytes(id(bytes)),
            (4, Wire::Bytes(bytes)) => {
                let attribute = attribute(bytes, taking)?;
                taking.add(&mut link.attributes, attribute);
            }
            _ => {}
        }
    }
    Ok(link)
}

fn status(bytes: &[u8], span: &mut Span, taking: &mut Taking<'_>) -> Result<(), Malformed> {
    for field in Fields(bytes) {
        match field? {
            (2, Wire::Bytes(text)) => span.status_message = taking.value(text),
            (3, Wire::Varint(1)) => span.status = SpanStatus::Ok,
            (3, Wire::Varint(2)) => span.status = SpanStatus::Error,
            (3, Wire::Varint(_)) => span.status = SpanStatus::Unset,
            _ => {}
        }
    }
    Ok(())
}

/// Until the year 2262.
pub(super) fn nanoseconds(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}
