//! Zipkin's API, version 2: spans as JSON.

mod capped;
mod span;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer as _, SeqAccess, Visitor};

use crate::span::{Attribute, SpanValue};
use crate::taking::Taking;
use crate::{Batch, IngestError, Limits, Span};

/// Spans of a `POST /api/v2/spans`.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn json(body: &[u8], limits: &Limits) -> Result<Batch<Span>, IngestError> {
    let refuse = |error: serde_json::Error| {
        IngestError::malformed("a list of Zipkin spans", error.to_string())
    };
    let mut from = serde_json::Deserializer::from_slice(body);
    let mut reading = Reading {
        taking: Taking::new(limits),
        resources: BTreeMap::new(),
        items: Vec::new(),
    };
    from.deserialize_seq(&mut reading).map_err(refuse)?;
    from.end().map_err(refuse)?;
    Ok(Batch {
        items: reading.items,
        dropped: reading.taking.dropped,
    })
}

struct Reading<'l> {
    taking: Taking<'l>,
    /// Spans of one service have one resource.
    resources: BTreeMap<String, Arc<Vec<Attribute>>>,
    items: Vec<Span>,
}

impl<'de> Visitor<'de> for &mut Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(sent) = list.next_element::<span::Sent>()? {
            if !self.taking.admits() {
                continue;
            }
            let service = sent.service(&mut self.taking);
            match sent.into_span(&mut self.taking) {
                Some(mut span) => {
                    let resource = self.resources.entry(service.clone());
                    let of_service = || Arc::new(vec![text("service.name", service)]);
                    span.resource = resource.or_insert_with(of_service).clone();
                    self.items.push(span);
                }
                None => (self.taking.dropped).refuse("a span has no valid trace id or span id"),
            }
        }
        Ok(())
    }
}

fn text(name: &str, value: String) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value: SpanValue::Text(value),
    }
}

#[cfg(test)]
mod tests;
