//! Who sends: the resource and the scope of a batch.

use crate::any_value::attribute;
use crate::span::{Attribute, Scope};
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};

/// The parts of `ResourceSpans`, `ResourceLogs` and `ResourceMetrics`, and of what is in them: the message that says
/// whose the others are may stand after them.
pub(super) struct Group<'a> {
    /// `Resource`, or `InstrumentationScope`.
    pub(super) owner: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Group<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut owner: &[u8] = &[];
        for field in Fields(bytes) {
            if let (1, Wire::Bytes(message)) = field? {
                owner = message;
            }
        }
        Ok(Group { owner, bytes })
    }

    /// What belongs to it.
    pub(super) fn members(&self) -> impl Iterator<Item = Result<&'a [u8], Malformed>> {
        messages(self.bytes, 2)
    }
}

/// All messages of one field.
pub(super) fn messages(bytes: &[u8], tag: u32) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields(bytes).filter_map(move |field| match field {
        Ok((number, Wire::Bytes(message))) if number == tag => Some(Ok(message)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed)),
    })
}

/// The attributes of a `Resource`.
pub(super) fn resource(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Vec<Attribute>, Malformed> {
    let mut attributes = Vec::new();
    for message in messages(bytes, 1) {
        let attribute = attribute(message?, taking)?;
        taking.add(&mut attributes, attribute);
    }
    Ok(attributes)
}

/// An `InstrumentationScope`.
pub(super) fn scope(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Scope, Malformed> {
    let mut scope = Scope::default();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(name)) => scope.name = taking.name(name),
            (2, Wire::Bytes(version)) => scope.version = taking.name(version),
            _ => {}
        }
    }
    Ok(scope)
}

/// An id; 0, which no id may be, when it has the wrong length.
pub(super) fn id<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

/// The text of an attribute, for what names the sender.
pub(super) fn text_of(attributes: &[Attribute], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.name == name)?;
    let text = found.value.text().into_owned();
    (!text.is_empty()).then_some(text)
}
