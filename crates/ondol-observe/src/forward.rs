//! Forwarding: what is kept goes on to other stores, metrics by Prometheus' remote write 1.0, logs and traces by OTLP over
//! HTTP.
//!
//! It is read from the stores, one window of time after the other, so that an outage of the receiver is bridged by what
//! is kept anyway. How far that came is in a file. A window that was not acknowledged whole is sent again after a restart
//! exactly as it was: a receiver of metrics then refuses what it has, and takes what it has not; one of logs and traces
//! may have some of it twice.
//!
//! What comes in later than [`Forward::settle_ms`] after its moment is too late for its window. Lines and spans then take
//! a way of their own ([`Late`]): a node that was away reads old lines, and a span begins long before it is known.
//! Samples of that kind are kept, and not forwarded.

mod delivery;
mod events;
mod late;
mod progress;
mod samples;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::Uri;
use ondol_ingest::otlp::Signal;
use tokio::sync::{mpsc, watch};

use self::delivery::Courier;
use self::progress::Progress;
use crate::client::Client;
use crate::clock;
use crate::shared::Shared;
use crate::stores::Settings;

pub(crate) use late::Late;

/// How often there is a look for something new.
const PAUSE: Duration = Duration::from_secs(5);

/// Where something goes on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Of a remote write, or what OpenTelemetry calls an endpoint; a name and password in it are its authorization.
    pub url: Uri,
    /// What tells this machine from others there: labels on every series, attributes of every resource, where they are
    /// not there already.
    pub labels: Vec<(String, String)>,
    /// How long something may take to come in.
    pub settle_ms: i64,
}

/// What goes on together, to one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Metrics,
    Events,
}

impl Lane {
    pub(crate) const ALL: [Lane; 2] = [Lane::Metrics, Lane::Events];

    /// As a label of what is counted.
    pub(crate) fn signal(self) -> &'static str {
        match self {
            Lane::Metrics => "samples",
            Lane::Events => "events",
        }
    }

    /// For people.
    fn what(self) -> &'static str {
        match self {
            Lane::Metrics => "metrics",
            Lane::Events => "logs and traces",
        }
    }

    fn forward(self, settings: &Settings) -> Option<&Forward> {
        match self {
            Lane::Metrics => settings.forward.as_ref(),
            Lane::Events => settings.forward_events.as_ref(),
        }
    }

    /// How far it is, and how much of the time before is not kept any more. `None` when nothing is forwarded.
    fn progress(self, settings: &Settings, started_ms: i64) -> Option<(Progress, i64)> {
        let receiver = shown(&self.forward(settings)?.url);
        let kept = match self {
            Lane::Metrics => settings.samples.retention,
            Lane::Events => settings.events.retention,
        };
        let keep_ms = i64::try_from(kept.keep_ms).unwrap_or(i64::MAX);
        // The begin is excluded, and something may have come in already.
        let file = self.file(settings);
        Some(Progress::load(&file, &receiver, keep_ms, started_ms - 1))
    }

    fn file(self, settings: &Settings) -> PathBuf {
        settings.dir.join(match self {
            Lane::Metrics => "forward.json",
            Lane::Events => "forward-events.json",
        })
    }
}

/// A request's body, as its receiver wants it.
struct Body {
    signal: Signal,
    /// Samples, lines or spans.
    items: u64,
    bytes: Vec<u8>,
}

/// What became of everything, since the start.
#[derive(Debug, Default)]
pub(crate) struct Forwarded {
    metrics: Counts,
    events: Counts,
}

/// What became of the samples, or of the lines and spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The receiver has them.
    sent: AtomicU64,
    /// It refused them for good, or there was no room for them on their way.
    dropped: AtomicU64,
    /// Up to when it has all, in milliseconds since 1970; 0 when nothing is forwarded.
    done_ms: AtomicI64,
}

impl Forwarded {
    pub(crate) fn of(&self, lane: Lane) -> &Counts {
        match lane {
            Lane::Metrics => &self.metrics,
            Lane::Events => &self.events,
        }
    }
}

impl Counts {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How far the receiver is behind; `None` when there is none.
    pub(crate) fn behind_ms(&self, now_ms: i64) -> Option<i64> {
        let done_ms = self.done_ms.load(Ordering::Relaxed);
        (done_ms != 0).then(|| now_ms.saturating_sub(done_ms).max(0))
    }
}

/// Until it is told to leave. What was not sent then is sent by the next one.
pub(crate) async fn run(
    lane: Lane,
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    mut leave: watch::Receiver<bool>,
) {
    let settings = &shared.settings;
    let known = lane.progress(settings, shared.started_ms);
    let Some((forward, (progress, gone_ms))) = lane.forward(settings).cloned().zip(known) else {
        return;
    };
    let (receiver, what) = (shown(&forward.url), lane.what());
    let say = |line: String| {
        // Nobody listens any more: then nobody can be told.
        let _ = said.send(line);
    };
    let client = match Client::new(None) {
        Ok(client) => client,
        Err(why) => return say(format!("{what} are not forwarded to {receiver}: {why}")),
    };
    if gone_ms > 0 {
        say(format!(
            "{} s of {what} were not forwarded to {receiver} and are not kept any more",
            gone_ms / 1000
        ));
    }
    let mut forwarding = Forwarding {
        lane,
        courier: Courier::new(client, &forward, what, settings.version),
        file: lane.file(settings),
        forward,
        progress,
        shared: shared.clone(),
    };
    forwarding.tell_progress();
    loop {
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => return,
            () = forwarding.round(&say) => {}
        }
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

struct Forwarding {
    lane: Lane,
    forward: Forward,
    progress: Progress,
    file: PathBuf,
    courier: Courier,
    shared: Shared,
}

impl Forwarding {
    /// Brings the receiver up to now, if it answers.
    async fn round(&mut self, say: &impl Fn(String)) {
        let what = self.lane.what();
        if self.lane == Lane::Events
            && let Err(why) = self.send_late(say).await
        {
            say(format!("late {what} are not forwarded: {why}"));
        }
        // Once for all windows: where each takes a millisecond, there would always be one more.
        let settled_ms = clock::now_ms().saturating_sub(self.forward.settle_ms);
        while let Some((after_ms, until_ms)) = self.progress.begin(settled_ms) {
            let bodies = match self.read(after_ms, until_ms).await {
                Some(Ok((bodies, until_ms))) => {
                    self.progress.shorten(until_ms);
                    bodies
                }
                Some(Err(why)) => return say(format!("{what} are not forwarded: {why}")),
                // The runtime is leaving.
                None => return,
            };
            if let Err(why) = self.progress.save(&self.file) {
                let file = self.file.display();
                return say(format!("{what} are not forwarded: {file}: {why}"));
            }
            for body in bodies {
                self.deliver(body, say).await;
            }
            self.progress.end();
            // When this is not kept, the window is sent once more by the next one.
            let _ = self.progress.save(&self.file);
            self.tell_progress();
        }
    }

    /// A window as bodies, and where it ends: it may have been too much for once. `None` when the runtime is leaving.
    async fn read(&self, after_ms: i64, until_ms: i64) -> Option<Result<(Vec<Body>, i64), String>> {
        let (lane, work) = (self.lane, self.shared.clone());
        let labels = self.forward.labels.clone();
        let read = move || match lane {
            Lane::Metrics => {
                let bodies = samples::read(&work.stores.samples, after_ms, until_ms, &labels);
                bodies.map(|bodies| (bodies, until_ms))
            }
            Lane::Events => events::read(&work, after_ms, until_ms, &labels),
        };
        tokio::task::spawn_blocking(read).await.ok()
    }

    async fn send_late(&mut self, say: &impl Fn(String)) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let Some(mut waiting) = shared.late.take()? else {
            return Ok(());
        };
        while let Some(body) = waiting.next()? {
            self.deliver(body, say).await;
        }
        waiting.done()
    }

    async fn deliver(&mut self, body: Body, say: &impl Fn(String)) {
        let outcome = self.courier.deliver(body, say).await;
        let counts = self.shared.forwarded.of(self.lane);
        counts.sent.fetch_add(outcome.taken, Ordering::Relaxed);
        counts.dropped.fetch_add(outcome.refused, Ordering::Relaxed);
    }

    fn tell_progress(&self) {
        let counts = self.shared.forwarded.of(self.lane);
        counts
            .done_ms
            .store(self.progress.done_ms, Ordering::Relaxed);
    }
}

/// An address as it may be told: without a password.
fn shown(url: &Uri) -> String {
    let place = url.authority().map_or("", |authority| authority.as_str());
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    format!(
        "{}://{place}{}",
        url.scheme_str().unwrap_or("http"),
        url.path()
    )
}
