//! `/loki/api/v1/tail`: lines as they come, over a WebSocket; for the owner of the node also as lines of JSON.
//!
//! First come the newest of those that are stored; then each as it is taken in, none twice and none left out. A client
//! that does not keep up is told how many lines it missed.

mod fresh;
mod outlet;
mod websocket;

use ondol_query::logql::{Direction, Expr, Kept, LogSource, Outcome, Query, evaluate, parse};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep};

use super::envelope::Failure;
use super::query::now_ns;
use super::source::StoredLines;
use super::{json as shape, params};
use crate::live::News;
use crate::server::{Answer, Ask, Params};
use crate::shared::Shared;
use fresh::FreshLines;
use outlet::Outlet;

/// The longest that a client may ask lines to be held back.
const DELAY_S_MAX: u64 = 5;
/// Lines that come within it are sent together.
const TOGETHER: Duration = Duration::from_millis(20);

struct Tail {
    expr: Expr,
    start_ns: i64,
    delay: Duration,
    lines_max: usize,
}

/// Answers with a WebSocket.
pub(super) fn answer(ask: Ask, shared: &Shared) -> Answer {
    let tail = match Tail::of(&ask.query()) {
        Ok(tail) => tail,
        Err(failure) => return failure.answer(),
    };
    let shared = shared.clone();
    websocket::accept(ask, move |socket| tail.run(Outlet::Socket(socket), shared))
}

/// Answers with a message a line.
pub(super) fn lines(params: &Params, shared: &Shared) -> Answer {
    let tail = match Tail::of(params) {
        Ok(tail) => tail,
        Err(failure) => return failure.answer(),
    };
    let (lines, waiting) = mpsc::channel(1);
    tokio::spawn(tail.run(Outlet::Lines(lines), shared.clone()));
    Answer::lines(waiting)
}

impl Tail {
    fn of(params: &Params) -> Result<Self, Failure> {
        let expr = parse(params.get("query").unwrap_or_default())?;
        if !matches!(expr, Expr::Log(_)) {
            return Err(Failure::bad(
                "a metric has no lines to follow; expected a query of lines such as {service=\"web\"}",
            ));
        }
        let delay = params.get("delay_for").unwrap_or("0").parse::<u64>().ok();
        let Some(delay_s) = delay.filter(|delay_s| *delay_s <= DELAY_S_MAX) else {
            return Err(Failure::bad(format!(
                "delay_for is no number of seconds from 0 to {DELAY_S_MAX}"
            )));
        };
        Ok(Tail {
            expr,
            start_ns: params::span(params, now_ns())?.start_ns,
            delay: Duration::from_secs(delay_s).max(TOGETHER),
            lines_max: params::lines_max(params)?,
        })
    }

    /// Until the client goes, or the query fails.
    async fn run(self, mut to: Outlet, shared: Shared) {
        let (view, mut follower) = {
            // Nothing comes in while both are taken: what is not in the one is in the other.
            let events = shared.stores.events.read();
            (events.view(), shared.live.follow())
        };
        let past = (Direction::Backward, self.start_ns, self.lines_max);
        let mut found = self.lines(StoredLines(view), past).await;
        let mut missed = 0;
        while let Some(lines) = found {
            if (!lines.is_empty() || missed > 0) && to.send(&message(&lines, missed)).await.is_err()
            {
                return;
            }
            if to.wait(follower.wait()).await.is_err() || to.wait(sleep(self.delay)).await.is_err()
            {
                return;
            }
            let news = follower.take();
            missed = news.missed;
            let all = news.lines.iter().map(|lines| lines.len()).sum();
            let News { lines, .. } = news;
            found = self
                .lines(FreshLines(lines), (Direction::Forward, 0, all))
                .await;
        }
        to.close().await;
    }

    /// Lines of the query among those of `source`, from a moment on, not more than so many.
    async fn lines(
        &self,
        source: impl LogSource + Send + 'static,
        (direction, from_ns, lines_max): (Direction, i64, usize),
    ) -> Option<Vec<Kept>> {
        let expr = self.expr.clone();
        let look = tokio::task::spawn_blocking(move || {
            let query = Query {
                direction,
                lines_max,
                ..Query::range(&expr, from_ns, i64::MAX, 1)
            };
            evaluate(&query, &source).map(|answer| answer.outcome)
        });
        match look.await {
            Ok(Ok(Outcome::Lines(lines))) => Some(lines),
            _ => None,
        }
    }
}

/// Loki names the streams of what it left out; here it is only known how many lines there were, of all streams.
fn message(lines: &[Kept], missed: u64) -> Value {
    let dropped = (missed > 0).then(|| {
        let labels = json!({"missed": missed.to_string()});
        json!([{"timestamp": now_ns().to_string(), "labels": labels}])
    });
    json!({"streams": shape::streams(lines, false), "dropped_entries": dropped})
}
