//! One span, as it is sent.

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};

use super::capped::{Capped, Member};
use super::text;
use crate::span::{Attribute, Moment, Span, SpanKind, SpanStatus, SpanValue};
use crate::taking::Taking;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    /// Microseconds since 1970.
    timestamp: Option<u64>,
    /// Microseconds.
    duration: Option<u64>,
    local_endpoint: Option<Endpoint>,
    remote_endpoint: Option<Endpoint>,
    #[serde(default)]
    annotations: Capped<Annotation>,
    #[serde(default)]
    tags: Capped<Tag>,
    #[serde(default)]
    shared: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    timestamp: u64,
    value: String,
}

#[derive(Debug)]
struct Tag(String, String);

impl<'de> Member<'de> for Annotation {
    fn from_list<A: SeqAccess<'de>>(list: &mut A) -> Result<Option<Self>, A::Error> {
        list.next_element()
    }
}

impl<'de> Member<'de> for Tag {
    fn from_object<A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        Ok(map.next_entry()?.map(|(name, value)| Tag(name, value)))
    }
}

impl Sent {
    /// Whose it is.
    pub(super) fn service(&self, taking: &mut Taking<'_>) -> String {
        let name = self
            .local_endpoint
            .as_ref()
            .and_then(|at| at.service_name.as_deref());
        taking.name(name.unwrap_or("unknown_service").as_bytes())
    }

    /// As everybody else's; `None` when its ids are none.
    pub(super) fn into_span(self, taking: &mut Taking<'_>) -> Option<Span> {
        let is_id = |id: &str, digits: usize| !id.is_empty() && id.len() <= digits;
        let trace_id = u128::from_str_radix(&self.trace_id, 16).ok()?;
        let span_id = u64::from_str_radix(&self.id, 16).ok()?;
        let is_valid = is_id(&self.trace_id, 32) && is_id(&self.id, 16);
        if !is_valid || trace_id == 0 || span_id == 0 {
            return None;
        }
        let parent = self.parent_id.as_deref().unwrap_or("0");
        let mut span = Span {
            trace_id,
            span_id,
            parent_id: u64::from_str_radix(parent, 16).unwrap_or(0),
            name: taking.value(self.name.unwrap_or_default().as_bytes()),
            kind: SpanKind::from_word(self.kind.as_deref().unwrap_or_default()),
            start_ns: nanoseconds(self.timestamp.unwrap_or(0)),
            duration_ns: self.duration.unwrap_or(0).saturating_mul(1000),
            ..Span::default()
        };
        if span.kind == SpanKind::Unspecified {
            span.kind = SpanKind::Internal;
        }
        taking.dropped.fields += self.tags.left_out + self.annotations.left_out;
        for Tag(name, value) in self.tags.held {
            if name == "error" {
                span.status = SpanStatus::Error;
                span.status_message = taking.value(value.as_bytes());
            }
            let name = taking.name(name.as_bytes());
            let value = SpanValue::Text(taking.value(value.as_bytes()));
            taking.add(&mut span.attributes, Attribute { name, value });
        }
        if let Some(at) = self.remote_endpoint {
            for (name, value) in at.parts() {
                let value = taking.name(value.as_bytes());
                taking.add(&mut span.attributes, text(name, value));
            }
        }
        if self.shared == Some(true) {
            let value = SpanValue::Bool(true);
            let name = "zipkin.shared".to_owned();
            taking.add(&mut span.attributes, Attribute { name, value });
        }
        let moment = |annotation: Annotation| Moment {
            at_ns: nanoseconds(annotation.timestamp),
            name: taking.value(annotation.value.as_bytes()),
            attributes: Vec::new(),
        };
        span.moments = self.annotations.held.into_iter().map(moment).collect();
        Some(span)
    }
}

impl Endpoint {
    /// Where the other side is, in OpenTelemetry's words.
    fn parts(self) -> impl Iterator<Item = (&'static str, String)> {
        let address = self.ipv4.or(self.ipv6);
        let parts = [
            ("peer.service", self.service_name),
            ("network.peer.address", address),
            ("network.peer.port", self.port.map(|port| port.to_string())),
        ];
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
    }
}

fn nanoseconds(microseconds: u64) -> i64 {
    i64::try_from(microseconds).map_or(i64::MAX, |at| at.saturating_mul(1000))
}
