//! JSON respelled as protobuf, by the schema, so that there is one way to read a request.
//!
//! It is done while the JSON is read: what no schema names is skipped, and nothing is held but what was written so far.

use std::fmt;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::schema::{Field, Kind, Message};
use crate::IngestError;
use crate::wire::put;

/// The message of a JSON text.
pub(super) fn to_protobuf(json: &[u8], message: &'static Message) -> Result<Vec<u8>, IngestError> {
    let mut into = Vec::with_capacity(json.len() / 2);
    let refuse =
        |error: serde_json::Error| IngestError::malformed("OTLP as JSON", error.to_string());
    let mut from = serde_json::Deserializer::from_slice(json);
    let fields = Fields {
        message,
        into: &mut into,
    };
    fields.deserialize(&mut from).map_err(refuse)?;
    from.end().map_err(refuse)?;
    Ok(into)
}

/// The fields of a message, without its length.
struct Fields<'a> {
    message: &'static Message,
    into: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(known) = map.next_key_seed(Name(self.message))? {
            match known {
                Some(Field(_, tag, kind)) => map.next_value_seed(Spelled {
                    tag: *tag,
                    kind: *kind,
                    into: self.into,
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The field of a message that has this name.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let Message(fields) = self.0;
        Ok(fields.iter().find(|field| field.0 == name))
    }
}

/// One field, or a list of them.
struct Spelled<'a> {
    tag: u32,
    kind: Kind,
    into: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Spelled<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Spelled<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Text => "a text",
            Kind::Hex => "hexadecimal digits",
            Kind::Bytes => "base64",
            Kind::Bool => "true or false",
            Kind::Whole | Kind::Signed | Kind::Fixed => "a whole number",
            Kind::Double => "a number",
            Kind::Message(_) => "an object",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Spelled { tag, kind, into } = self;
        while list
            .next_element_seed(Spelled { tag, kind, into })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.kind else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        // The length stands before the fields and is known after them.
        let mut inner = Vec::new();
        Fields {
            message,
            into: &mut inner,
        }
        .visit_map(map)?;
        put::bytes(self.into, self.tag, &inner);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.kind {
            Kind::Bool => put::number(self.into, self.tag, value.into()),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match self.kind {
            Kind::Whole => put::number(self.into, self.tag, value),
            Kind::Fixed => put::fixed64(self.into, self.tag, value),
            _ => match i64::try_from(value) {
                Ok(value) => return self.visit_i64(value),
                Err(_) => return self.visit_f64(value as f64),
            },
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.kind {
            Kind::Whole => put::number(self.into, self.tag, value as u64),
            Kind::Signed => put::number(self.into, self.tag, (value << 1 ^ value >> 63) as u64),
            Kind::Fixed => put::fixed64(self.into, self.tag, value as u64),
            Kind::Double => put::fixed64(self.into, self.tag, (value as f64).to_bits()),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Signed(value), &self)),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.kind {
            Kind::Double => put::fixed64(self.into, self.tag, value.to_bits()),
            // 1.0 and 1e3 are whole numbers of JSON too.
            Kind::Whole | Kind::Signed | Kind::Fixed
                if value.trunc() == value && value.abs() < 9.0e15 =>
            {
                return self.visit_i64(value as i64);
            }
            _ => return Err(E::invalid_type(serde::de::Unexpected::Float(value), &self)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let wrong = |this: &Self| E::invalid_value(serde::de::Unexpected::Str(text), this);
        match self.kind {
            Kind::Text => put::bytes(self.into, self.tag, text.as_bytes()),
            Kind::Hex => {
                let bytes = hex(text).ok_or_else(|| wrong(&self))?;
                put::bytes(self.into, self.tag, &bytes);
            }
            Kind::Bytes => {
                let bytes = BASE64_STANDARD
                    .decode(text)
                    .or_else(|_| BASE64_URL_SAFE.decode(text))
                    .map_err(|_| wrong(&self))?;
                put::bytes(self.into, self.tag, &bytes);
            }
            // Numbers of 64 bits are texts in JSON, and NaN and the infinities too.
            Kind::Whole | Kind::Signed | Kind::Fixed => match (text.parse(), text.parse()) {
                (Ok(value), _) => return self.visit_u64(value),
                (_, Ok(value)) => return self.visit_i64(value),
                _ => return Err(wrong(&self)),
            },
            Kind::Double => {
                let value: f64 = text.parse().map_err(|_| wrong(&self))?;
                return self.visit_f64(value);
            }
            Kind::Bool | Kind::Message(_) => return Err(wrong(&self)),
        }
        Ok(())
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    rest.is_empty().then_some(())?;
    pairs.iter().map(byte).collect()
}
