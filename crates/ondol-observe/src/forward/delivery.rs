//! One body at a time, until the receiver has it or does not want it.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use ondol_ingest::otlp::{self, Signal};

use super::{Body, Forward, shown};
use crate::client::{Client, ClientError};

/// Between two attempts: twice as long each time, up to a minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer that are told to people.
const WORDS_MAX: usize = 300;

/// What became of the samples, lines or spans of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) taken: u64,
    /// They will never be taken.
    pub(super) refused: u64,
}

/// Brings bodies to the receiver, and says when that begins to fail and when it works again.
pub(super) struct Courier {
    client: Client,
    url: Uri,
    /// What goes there, for people.
    what: &'static str,
    receiver: String,
    agent: String,
    attempts: u32,
    /// That something was refused has been said.
    complained: bool,
}

impl Courier {
    pub(super) fn new(
        client: Client,
        forward: &Forward,
        what: &'static str,
        version: &str,
    ) -> Self {
        Courier {
            client,
            url: forward.url.clone(),
            what,
            receiver: shown(&forward.url),
            agent: format!("ondol/{version}"),
            attempts: 0,
            complained: false,
        }
    }

    /// Tries until there is an outcome.
    pub(super) async fn deliver(&mut self, body: Body, say: &impl Fn(String)) -> Outcome {
        let Body {
            signal,
            items,
            bytes,
        } = body;
        let bytes = Bytes::from(bytes);
        loop {
            let answer = match self.request(signal, bytes.clone()) {
                Ok(request) => self.client.send(request).await,
                Err(why) => Err(ClientError::Address(why.to_string())),
            };
            match judged(signal, &answer) {
                Verdict::Taken { but } => {
                    if std::mem::take(&mut self.attempts) > 0 {
                        say(format!(
                            "{} are forwarded to {} again",
                            self.what, self.receiver
                        ));
                    }
                    let refused = but.map_or(0, |(refused, why)| {
                        self.complain(&why, say);
                        refused.min(items)
                    });
                    return Outcome {
                        taken: items - refused,
                        refused,
                    };
                }
                Verdict::Refused(why) => {
                    self.complain(&why, say);
                    return Outcome {
                        taken: 0,
                        refused: items,
                    };
                }
                Verdict::Later { why, pause } => {
                    if self.attempts == 0 {
                        say(format!(
                            "{} cannot be forwarded to {}: {why}; they are kept, and sent when it answers",
                            self.what, self.receiver
                        ));
                    }
                    tokio::time::sleep(pause.unwrap_or_else(|| backoff(self.attempts))).await;
                    self.attempts = self.attempts.saturating_add(1);
                }
            }
        }
    }

    /// That something was refused is said once.
    fn complain(&mut self, why: &str, say: &impl Fn(String)) {
        if !std::mem::replace(&mut self.complained, true) {
            say(format!(
                "{} refuses {}, which it will not get again: {why} (said once; \
                 ondol_telemetry_forward_dropped_total counts them)",
                self.receiver, self.what
            ));
        }
    }

    fn request(&self, signal: Signal, body: Bytes) -> Result<Request<Bytes>, http::Error> {
        let post = |url: Uri| {
            Request::post(url)
                .header(CONTENT_TYPE, "application/x-protobuf")
                .header(USER_AGENT, &self.agent)
        };
        match signal {
            Signal::Metrics => post(self.url.clone())
                .header(CONTENT_ENCODING, "snappy")
                .header("x-prometheus-remote-write-version", "0.1.0")
                .body(body),
            Signal::Logs => post(self.below("v1/logs")?)
                .header(CONTENT_ENCODING, "gzip")
                .body(body),
            Signal::Traces => post(self.below("v1/traces")?)
                .header(CONTENT_ENCODING, "gzip")
                .body(body),
        }
    }

    /// As OpenTelemetry's exporters make it of an endpoint.
    fn below(&self, path: &str) -> Result<Uri, http::Error> {
        let url = format!("{}/{path}", self.url.to_string().trim_end_matches('/'));
        Ok(url.parse::<Uri>()?)
    }
}

/// A body as it goes over the wire.
pub(super) fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes)?;
    packer.finish()
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken {
        /// All but so many, and why not those.
        but: Option<(u64, String)>,
    },
    Refused(String),
    Later {
        why: String,
        /// As long as the receiver asks for.
        pause: Option<Duration>,
    },
}

/// As the specifications have it: of remote write, 5xx and 429 come again, of OTLP 429, 502, 503 and 504; other answers
/// do not.
fn judged(signal: Signal, answer: &Result<Response<Bytes>, ClientError>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let why = error.to_string();
            return Verdict::Later { why, pause: None };
        }
    };
    let status = answer.status();
    if status.is_success() {
        let but = match signal {
            Signal::Metrics => None,
            Signal::Logs | Signal::Traces => otlp::refused(answer.body()),
        };
        return Verdict::Taken { but };
    }
    let words = answer.body().get(..WORDS_MAX).unwrap_or(answer.body());
    let why = format!("{status}: {}", String::from_utf8_lossy(words).trim());
    let may_pass = match signal {
        Signal::Metrics => status.is_server_error(),
        Signal::Logs | Signal::Traces => matches!(status.as_u16(), 502..=504),
    };
    if !may_pass && status != StatusCode::TOO_MANY_REQUESTS {
        return Verdict::Refused(why);
    }
    let seconds = answer.headers().get(RETRY_AFTER);
    let seconds = seconds.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
    Verdict::Later { why, pause }
}

fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(6)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&'static str, &str)]) -> Verdict {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        judged(
            Signal::Metrics,
            &Ok(answer.body(Bytes::from_static(b"so \n")).unwrap()),
        )
    }

    #[test]
    fn what_may_pass_comes_again_and_the_rest_does_not() {
        assert_eq!(answered(204, &[]), Verdict::Taken { but: None });
        let refused = Verdict::Refused("400 Bad Request: so".to_owned());
        assert_eq!(answered(400, &[]), refused);
        let seconds = |verdict| match verdict {
            Verdict::Later { pause, .. } => pause.map(|pause| pause.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(seconds(answered(500, &[])), None);
        assert_eq!(seconds(answered(429, &[("retry-after", "7")])), Some(7));
        assert_eq!(
            seconds(answered(503, &[("retry-after", "86400")])),
            Some(60)
        );
        assert_eq!(
            seconds(judged(Signal::Metrics, &Err(ClientError::Late))),
            None
        );
    }

    #[test]
    fn a_receiver_of_otlp_may_take_some_and_fails_for_good_with_500() {
        let answered = |status: u16, body: &'static [u8]| {
            let answer = Response::builder().status(status);
            judged(
                Signal::Logs,
                &Ok(answer.body(Bytes::from_static(body)).unwrap()),
            )
        };
        // partial_success { rejected: 2, error_message: "no" }
        let some = answered(200, b"\x0a\x06\x08\x02\x12\x02no");
        let but = Some((2, "no".to_owned()));
        assert_eq!(some, Verdict::Taken { but });
        assert!(matches!(answered(500, b""), Verdict::Refused(_)));
        assert!(matches!(answered(503, b""), Verdict::Later { .. }));
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses = [0, 1, 2, 5, 6, 40].map(|attempts| backoff(attempts).as_secs());
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }
}
