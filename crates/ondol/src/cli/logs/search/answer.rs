//! Lines of an answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::clock::rfc3339;
use super::super::super::failure::Failure;
use super::super::super::out::Colour;
use super::super::Printer;
use super::MS_NS;

/// A line that was found. Sorted by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// Nanoseconds since 1970.
    pub(super) at_ns: u64,
    labels: BTreeMap<String, String>,
    text: String,
}

impl Line {
    /// Before all lines of that moment.
    pub(super) fn at(at_ns: u64) -> Self {
        Line {
            at_ns,
            labels: BTreeMap::new(),
            text: String::new(),
        }
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Who wrote it: the replica, or who else said so.
    fn origin(&self) -> &str {
        match self.label("replica") {
            "" => self.label("service"),
            replica => replica,
        }
    }

    fn json(&self) -> Value {
        const SAID: [&str; 4] = ["service", "replica", "stream", "detected_level"];
        let others = self
            .labels
            .iter()
            .filter(|(name, _)| !SAID.contains(&name.as_str()));
        let fields: BTreeMap<&String, &String> = others.collect();
        let mut object = json!({"at_unix_ms": self.at_ns / MS_NS, "text": self.text});
        let named = [
            ("service", "service"),
            ("replica", "replica"),
            ("stream", "stream"),
            ("level", "detected_level"),
        ];
        for (name, label) in named {
            if let (Some(value), Some(object)) = (self.labels.get(label), object.as_object_mut()) {
                object.insert(name.to_owned(), json!(value));
            }
        }
        if let (false, Some(object)) = (fields.is_empty(), object.as_object_mut()) {
            object.insert("fields".to_owned(), json!(fields));
        }
        object
    }
}

/// Lines of an answer, the oldest first.
pub(super) fn lines(answer: &Value) -> Result<Vec<Line>, Failure> {
    of_streams(&answer["data"]["result"])
}

/// The lines of streams, the oldest first.
pub(super) fn of_streams(streams: &Value) -> Result<Vec<Line>, Failure> {
    let strange = || Failure::error("the telemetry answered something else than lines");
    let streams = streams.as_array().ok_or_else(strange)?;
    let mut lines = Vec::new();
    for stream in streams {
        let labels = stream["stream"].as_object().ok_or_else(strange)?;
        let labels: BTreeMap<String, String> = (labels.iter())
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        for value in stream["values"].as_array().ok_or_else(strange)? {
            let (at, text) = (value[0].as_str(), value[1].as_str());
            let at_ns = at.and_then(|at| at.parse().ok());
            lines.push(Line {
                at_ns: at_ns.ok_or_else(strange)?,
                labels: labels.clone(),
                text: text.ok_or_else(strange)?.to_owned(),
            });
        }
    }
    lines.sort();
    Ok(lines)
}

impl Printer<'_> {
    /// Prints a line that was found, in the colour of its level.
    pub(super) fn found(&mut self, line: &Line) -> Result<(), Failure> {
        if self.out.json {
            return self.out.object(&line.json());
        }
        let mut head = self.head(line.label("service"), line.origin());
        if self.timestamps {
            head += &format!("{} ", rfc3339(line.at_ns / MS_NS));
        }
        let text = line.text.trim_end_matches('\r');
        let colour = match line.label("detected_level") {
            "error" | "fatal" => Some(Colour::Red),
            "warn" => Some(Colour::Yellow),
            "debug" | "trace" => Some(Colour::Dim),
            _ if line.label("stream") == "ondol" => Some(Colour::Dim),
            _ => None,
        };
        match colour {
            Some(colour) => self
                .out
                .data(format_args!("{head}{}", self.out.paint(colour, text))),
            None => self.out.data(format_args!("{head}{text}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_streams_are_in_order_and_say_what_is_known_of_them() {
        let answer = json!({"data": {"result": [
            {"stream": {"service": "web", "replica": "web-1", "stream": "stdout", "status": "500", "detected_level": "error"},
             "values": [["2000000000", "b"]]},
            {"stream": {"service": "db"}, "values": [["1000000000", "a"], ["3000000000", "c"]]},
        ]}});
        let lines = lines(&answer).unwrap();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
        assert_eq!((lines[0].origin(), lines[1].origin()), ("db", "web-1"));
        assert_eq!(
            lines[1].json(),
            json!({"at_unix_ms": 2000, "service": "web", "replica": "web-1", "stream": "stdout", "level": "error", "text": "b", "fields": {"status": "500"}})
        );
        assert!(super::lines(&json!({"status": "error"})).is_err());
    }
}
