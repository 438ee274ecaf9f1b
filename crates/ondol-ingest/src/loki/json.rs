//! `{"streams": [{"stream": {...}, "values": [["<ns>", "line", {...}]]}]}`, taken in while it is read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::taking::Taking;
use crate::{IngestError, LogLine, LogStream, Pair};

pub(super) fn decode(body: &[u8], taking: &mut Taking<'_>) -> Result<Vec<LogStream>, IngestError> {
    let refuse =
        |error: serde_json::Error| IngestError::malformed("a Loki push as JSON", error.to_string());
    let mut from = serde_json::Deserializer::from_slice(body);
    let mut streams = Vec::new();
    Part::Push(&mut streams)
        .with(taking)
        .deserialize(&mut from)
        .map_err(refuse)?;
    from.end().map_err(refuse)?;
    Ok(streams)
}

/// What is being read, and where it goes.
enum Part<'a> {
    Push(&'a mut Vec<LogStream>),
    Streams(&'a mut Vec<LogStream>),
    Stream(&'a mut LogStream),
    Labels(&'a mut Vec<Pair>),
    Values(&'a mut Vec<LogLine>),
    Value(&'a mut LogLine),
    Metadata(&'a mut Vec<Pair>),
}

impl<'a> Part<'a> {
    fn with<'t, 'l>(self, taking: &'t mut Taking<'l>) -> Reading<'a, 't, 'l> {
        Reading { part: self, taking }
    }
}

struct Reading<'a, 't, 'l> {
    part: Part<'a>,
    taking: &'t mut Taking<'l>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.part {
            Part::Streams(_) | Part::Values(_) | Part::Value(_) => from.deserialize_seq(self),
            _ => from.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Push(_) => "{\"streams\": [...]}",
            Part::Streams(_) => "a list of streams",
            Part::Stream(_) => "{\"stream\": {...}, \"values\": [...]}",
            Part::Labels(_) | Part::Metadata(_) => "an object of texts",
            Part::Values(_) => "a list of values",
            Part::Value(_) => "[\"<nanoseconds>\", \"line\"]",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Reading { part, taking } = self;
        match part {
            Part::Push(streams) => {
                while let Some(key) = map.next_key::<String>()? {
                    if key == "streams" {
                        map.next_value_seed(Part::Streams(streams).with(taking))?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Part::Stream(stream) => {
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "stream" => {
                            map.next_value_seed(Part::Labels(&mut stream.labels).with(taking))?;
                        }
                        "values" => {
                            map.next_value_seed(Part::Values(&mut stream.lines).with(taking))?;
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
            }
            Part::Labels(labels) => {
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    let label = (taking.name(name.as_bytes()), taking.value(value.as_bytes()));
                    taking.add(labels, label);
                }
            }
            Part::Metadata(fields) => {
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    let name = taking.name(name.as_bytes());
                    let value = taking.value(value.as_bytes());
                    super::add_metadata(taking, fields, &name, value);
                }
            }
            part => {
                let reading = part.with(taking);
                return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &reading));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Reading { part, taking } = self;
        match part {
            Part::Streams(streams) => loop {
                let mut stream = LogStream::default();
                let reading = Part::Stream(&mut stream).with(taking);
                if list.next_element_seed(reading)?.is_none() {
                    return Ok(());
                }
                stream.labels = super::finish_labels(std::mem::take(&mut stream.labels));
                streams.push(stream);
            },
            Part::Values(lines) => loop {
                let mut line = LogLine::default();
                let reading = Part::Value(&mut line).with(taking);
                if list.next_element_seed(reading)?.is_none() {
                    return Ok(());
                }
                if taking.admits() {
                    lines.push(line);
                }
            },
            Part::Value(line) => {
                let short = || A::Error::custom("a value has fewer than two parts");
                let at: String = list.next_element()?.ok_or_else(short)?;
                line.at_ns = at
                    .parse()
                    .map_err(|_| A::Error::custom("a time is no text of nanoseconds since 1970"))?;
                let text: String = list.next_element()?.ok_or_else(short)?;
                line.body = taking.line(text.as_bytes());
                list.next_element_seed(Part::Metadata(&mut line.fields).with(taking))?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
            part => {
                let reading = part.with(taking);
                Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &reading))
            }
        }
    }
}
