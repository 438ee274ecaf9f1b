//! Lists and maps of which only so much is held while they are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Members that are held.
const HELD_MAX: usize = 512;

/// The first members of a list, or the first entries of an object.
#[derive(Debug)]
pub(super) struct Capped<T> {
    pub(super) held: Vec<T>,
    pub(super) left_out: u64,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Capped {
            held: Vec::new(),
            left_out: 0,
        }
    }
}

impl<'de, T: Member<'de>> Deserialize<'de> for Capped<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Filling(PhantomData))
    }
}

/// What can be held: a member of a list, or a name with its text.
pub(super) trait Member<'de>: Sized {
    fn from_list<A: SeqAccess<'de>>(_list: &mut A) -> Result<Option<Self>, A::Error> {
        Err(serde::de::Error::custom(
            "a list where an object was expected",
        ))
    }

    fn from_object<A: MapAccess<'de>>(_map: &mut A) -> Result<Option<Self>, A::Error> {
        Err(serde::de::Error::custom(
            "an object where a list was expected",
        ))
    }
}

struct Filling<T>(PhantomData<T>);

impl<'de, T: Member<'de>> Visitor<'de> for Filling<T> {
    type Value = Capped<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Capped::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut capped = Capped::default();
        while capped.held.len() < HELD_MAX {
            match T::from_list(&mut list)? {
                Some(member) => capped.held.push(member),
                None => return Ok(capped),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            capped.left_out += 1;
        }
        Ok(capped)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut capped = Capped::default();
        while capped.held.len() < HELD_MAX {
            match T::from_object(&mut map)? {
                Some(member) => capped.held.push(member),
                None => return Ok(capped),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            capped.left_out += 1;
        }
        Ok(capped)
    }
}
