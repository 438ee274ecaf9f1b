//! One body at a time, until the receiver has it or does not want it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};

use super::{Forward, shown};
use crate::client::{Client, ClientError};

/// Between two attempts: twice as long each time, up to a minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer that are told to people.
const WORDS_MAX: usize = 300;

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    /// It will never be taken.
    Refused,
}

/// Brings bodies to the receiver, and says when that begins to fail and when it works again.
pub(super) struct Courier {
    client: Client,
    url: Uri,
    receiver: String,
    agent: String,
    attempts: u32,
    /// That something was refused has been said.
    complained: bool,
}

impl Courier {
    pub(super) fn new(client: Client, forward: &Forward, version: &str) -> Self {
        Courier {
            client,
            url: forward.url.clone(),
            receiver: shown(&forward.url),
            agent: format!("ondol/{version}"),
            attempts: 0,
            complained: false,
        }
    }

    /// Tries until there is an outcome.
    pub(super) async fn deliver(&mut self, body: Vec<u8>, say: &impl Fn(String)) -> Outcome {
        let body = Bytes::from(body);
        loop {
            let answer = match self.request(body.clone()) {
                Ok(request) => self.client.send(request).await,
                Err(why) => Err(ClientError::Address(why.to_string())),
            };
            match judged(&answer) {
                Verdict::Taken => {
                    if std::mem::take(&mut self.attempts) > 0 {
                        say(format!("metrics are forwarded to {} again", self.receiver));
                    }
                    return Outcome::Taken;
                }
                Verdict::Refused(why) => {
                    if !std::mem::replace(&mut self.complained, true) {
                        say(format!(
                            "{} refuses metrics, which it will not get again: {why} (said once; \
                             ondol_telemetry_forward_dropped_total counts them)",
                            self.receiver
                        ));
                    }
                    return Outcome::Refused;
                }
                Verdict::Later { why, pause } => {
                    if self.attempts == 0 {
                        say(format!(
                            "metrics cannot be forwarded to {}: {why}; they are kept, and sent when it answers",
                            self.receiver
                        ));
                    }
                    tokio::time::sleep(pause.unwrap_or_else(|| backoff(self.attempts))).await;
                    self.attempts = self.attempts.saturating_add(1);
                }
            }
        }
    }

    fn request(&self, body: Bytes) -> Result<Request<Bytes>, http::Error> {
        Request::post(self.url.clone())
            .header(CONTENT_ENCODING, "snappy")
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .header(USER_AGENT, &self.agent)
            .body(body)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Refused(String),
    Later {
        why: String,
        /// As long as the receiver asks for.
        pause: Option<Duration>,
    },
}

/// As the specification of remote write has it: 5xx and 429 come again, other answers do not.
fn judged(answer: &Result<Response<Bytes>, ClientError>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let why = error.to_string();
            return Verdict::Later { why, pause: None };
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Verdict::Taken;
    }
    let words = answer.body().get(..WORDS_MAX).unwrap_or(answer.body());
    let why = format!("{status}: {}", String::from_utf8_lossy(words).trim());
    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
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
        judged(&Ok(answer.body(Bytes::from_static(b"so \n")).unwrap()))
    }

    #[test]
    fn what_may_pass_comes_again_and_the_rest_does_not() {
        assert_eq!(answered(204, &[]), Verdict::Taken);
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
        assert_eq!(seconds(judged(&Err(ClientError::Late))), None);
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses = [0, 1, 2, 5, 6, 40].map(|attempts| backoff(attempts).as_secs());
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }
}
