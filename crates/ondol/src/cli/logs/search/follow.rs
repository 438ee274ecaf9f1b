//! Lines as they come.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::super::super::ask;
use super::super::super::failure::Failure;
use super::answer::{Line, of_streams};

/// What the telemetry sends of a query, from the moment on at which it was opened.
pub(super) struct Follow {
    body: Incoming,
    /// The beginning of a message that is not whole yet.
    waiting: Vec<u8>,
}

/// What is new.
pub(super) struct News {
    pub(super) lines: Vec<Line>,
    /// Lines, of whatever stream, that came faster than they were taken.
    pub(super) missed: u64,
}

impl Follow {
    pub(super) async fn open(query: &str, from_ns: u64) -> Result<Self, Failure> {
        let pairs = [
            ("query", query.to_owned()),
            ("start", super::nanoseconds(from_ns)),
        ];
        Ok(Follow {
            body: ask::stream("/ondol/telemetry/follow", &pairs).await?,
            waiting: Vec::new(),
        })
    }

    /// The next lines; `None` when the telemetry ends.
    pub(super) async fn next(&mut self) -> Result<Option<News>, Failure> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let message: Vec<u8> = self.waiting.drain(..=end).collect();
                return News::of(&message).map(Some);
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame
                .map_err(|error| Failure::error(format!("the telemetry broke off: {error}")))?;
            self.waiting.extend(frame.into_data().unwrap_or_default());
        }
    }
}

impl News {
    fn of(message: &[u8]) -> Result<Self, Failure> {
        let message: Value = serde_json::from_slice(message).map_err(|_| {
            let said = String::from_utf8_lossy(message);
            Failure::error(format!("the telemetry said: {}", said.trim()))
        })?;
        let missed = &message["dropped_entries"][0]["labels"]["missed"];
        Ok(News {
            lines: of_streams(&message["streams"])?,
            missed: missed
                .as_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_is_new_and_how_much_was_missed() {
        let news = |message: &str| News::of(message.as_bytes()).unwrap();
        let all = news(
            r#"{"streams":[{"stream":{"service":"web"},"values":[["7","a"]]}],"dropped_entries":null}"#,
        );
        assert_eq!((all.lines.len(), all.lines[0].at_ns, all.missed), (1, 7, 0));
        let some = news(
            r#"{"streams":[],"dropped_entries":[{"timestamp":"9","labels":{"missed":"42"}}]}"#,
        );
        assert_eq!((some.lines.len(), some.missed), (0, 42));
        assert!(News::of(b"it broke").is_err());
    }
}
