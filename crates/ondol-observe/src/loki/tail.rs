//! `/loki/api/v1/tail`: lines as they come, over a WebSocket.
//!
//! The store is asked again and again for what is new. Lines that come a little late are seen too: each look begins
//! some seconds before the last one, and what was sent already is left out.

mod websocket;

use std::collections::BTreeSet;
use std::time::Duration;

use ondol_query::logql::{Direction, Expr, Kept, Outcome, Query, evaluate, parse};
use serde_json::json;

use super::envelope::Failure;
use super::query::now_ns;
use super::source::StoredLines;
use super::{json as shape, params};
use crate::server::{Answer, Ask, Params};
use crate::shared::Shared;
use websocket::WebSocket;

/// How often it is looked for new lines.
const EVERY: Duration = Duration::from_millis(500);
/// Lines may come so late and are seen.
const LATE_NS: i64 = 3_000_000_000;
/// Lines that are sent at once; what is more is counted as dropped.
const AT_ONCE: usize = 5000;
/// The longest that a client may ask lines to be held back.
const DELAY_S_MAX: i64 = 5;

struct Tail {
    expr: Expr,
    start_ns: i64,
    delay_ns: i64,
    lines_max: usize,
}

/// Answers with a WebSocket.
pub(super) fn answer(ask: Ask, shared: &Shared) -> Answer {
    let tail = match Tail::of(&ask.query()) {
        Ok(tail) => tail,
        Err(failure) => return failure.answer(),
    };
    let shared = shared.clone();
    websocket::accept(ask, move |socket| tail.run(socket, shared))
}

impl Tail {
    fn of(params: &Params) -> Result<Self, Failure> {
        let expr = parse(params.get("query").unwrap_or_default())?;
        if !matches!(expr, Expr::Log(_)) {
            return Err(Failure::bad(
                "a metric has no lines to follow; expected a query of lines such as {service=\"web\"}",
            ));
        }
        let delay = params.get("delay_for").unwrap_or("0").parse::<i64>().ok();
        let delay = delay.filter(|delay| (0..=DELAY_S_MAX).contains(delay));
        let Some(delay) = delay else {
            return Err(Failure::bad(format!(
                "delay_for is no number of seconds from 0 to {DELAY_S_MAX}"
            )));
        };
        Ok(Tail {
            expr,
            start_ns: params::span(params, now_ns())?.start_ns,
            delay_ns: delay * 1_000_000_000,
            lines_max: params::lines_max(params)?,
        })
    }

    /// Until the client goes.
    async fn run(self, mut socket: WebSocket, shared: Shared) {
        let mut sent = Sent::default();
        let (mut from_ns, mut is_first) = (self.start_ns, true);
        loop {
            let to_ns = now_ns().saturating_sub(self.delay_ns);
            // Of what was there before, the newest; of what comes, all.
            let (direction, most) = match is_first {
                true => (Direction::Backward, self.lines_max),
                false => (Direction::Forward, AT_ONCE),
            };
            let (expr, stores) = (self.expr.clone(), shared.clone());
            let look = tokio::task::spawn_blocking(move || {
                let query = Query {
                    direction,
                    lines_max: most,
                    ..Query::range(&expr, from_ns, to_ns.max(from_ns), 1)
                };
                evaluate(&query, &StoredLines(&stores.stores)).map(|answer| answer.outcome)
            });
            let Ok(Ok(Outcome::Lines(lines))) = look.await else {
                socket.close().await;
                return;
            };
            let new = sent.take_new(lines, to_ns.saturating_sub(LATE_NS));
            if !new.is_empty() {
                let message =
                    json!({"streams": shape::streams(&new, false), "dropped_entries": null});
                if socket.send(&message.to_string()).await.is_err() {
                    return;
                }
            }
            (from_ns, is_first) = (from_ns.max(to_ns.saturating_sub(LATE_NS)), false);
            if socket.wait(EVERY).await.is_err() {
                return;
            }
        }
    }
}

/// Lines that were sent and may be found again.
#[derive(Default)]
struct Sent(BTreeSet<(i64, String, String)>);

impl Sent {
    /// Those that were not sent; older ones than `since_ns` will not be found again.
    fn take_new(&mut self, lines: Vec<Kept>, since_ns: i64) -> Vec<Kept> {
        let key = |line: &Kept| {
            let labels = line.stream.iter().chain(&line.metadata);
            let labels: Vec<String> = labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            (line.at_ns, labels.join("\n"), line.line.clone())
        };
        let new = lines
            .into_iter()
            .filter(|line| self.0.insert(key(line)))
            .collect();
        self.0.retain(|(at_ns, ..)| *at_ns >= since_ns);
        new
    }
}
