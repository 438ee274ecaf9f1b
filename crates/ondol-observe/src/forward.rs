//! Forwarding: metrics go on to another store, by Prometheus' remote write 1.0.
//!
//! They are read from the store, one window of time after the other, so that an outage of the receiver is bridged by what
//! is kept anyway. How far that came is in a file. A window that was not acknowledged whole is sent again after a restart
//! exactly as it was: a receiver then refuses what it has, and takes what it has not.
//!
//! A sample that comes in later than [`Forward::settle_ms`] after its moment is kept, and not forwarded.

mod delivery;
mod progress;
mod window;

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::Uri;
use tokio::sync::{mpsc, watch};

use self::delivery::{Courier, Outcome};
use self::progress::Progress;
use crate::client::Client;
use crate::clock;
use crate::shared::Shared;

/// How often there is a look for something new.
const PAUSE: Duration = Duration::from_secs(5);

/// Where metrics go on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Of its remote write; a name and password in it are its authorization.
    pub url: Uri,
    /// Labels that tell this machine from others there: on every series that does not have them.
    pub labels: Vec<(String, String)>,
    /// How long a sample may take to come in.
    pub settle_ms: i64,
}

/// What became of it, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Samples that the receiver has.
    sent: AtomicU64,
    /// Samples that it refused for good.
    dropped: AtomicU64,
    /// Up to when it has all, in milliseconds since 1970; 0 when nothing is forwarded.
    done_ms: AtomicI64,
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
    forward: Forward,
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    mut leave: watch::Receiver<bool>,
) {
    let file = shared.settings.dir.join("forward.json");
    let receiver = shown(&forward.url);
    let say = |line: String| {
        // Nobody listens any more: then nobody can be told.
        let _ = said.send(line);
    };
    let client = match Client::new(None) {
        Ok(client) => client,
        Err(why) => return say(format!("metrics are not forwarded to {receiver}: {why}")),
    };
    let keep_ms = i64::try_from(shared.settings.samples.retention.keep_ms).unwrap_or(i64::MAX);
    // The begin is excluded, and something may have come in already.
    let (mut progress, gone_ms) = Progress::load(&file, &receiver, keep_ms, shared.started_ms - 1);
    if gone_ms > 0 {
        say(format!(
            "{} s of metrics were not forwarded to {receiver} and are not kept any more",
            gone_ms / 1000
        ));
    }
    let mut courier = Courier::new(client, &forward, shared.settings.version);
    shared
        .forwarded
        .done_ms
        .store(progress.done_ms, Ordering::Relaxed);
    loop {
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => return,
            () = round(&mut progress, &mut courier, &forward, &shared, &file, &say) => {}
        }
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Brings the receiver up to now, if it answers.
async fn round(
    progress: &mut Progress,
    courier: &mut Courier,
    forward: &Forward,
    shared: &Shared,
    file: &Path,
    say: &impl Fn(String),
) {
    while let Some((after_ms, until_ms)) =
        progress.begin(clock::now_ms().saturating_sub(forward.settle_ms))
    {
        let kept = progress.save(file);
        let (work, labels) = (shared.clone(), forward.labels.clone());
        let read = move || window::read(&work.stores.samples, after_ms, until_ms, &labels);
        let read = tokio::task::spawn_blocking(read).await;
        let bodies = match (kept, read) {
            (Ok(()), Ok(Ok(bodies))) => bodies,
            (Err(why), _) => {
                return say(format!(
                    "metrics are not forwarded: {}: {why}",
                    file.display()
                ));
            }
            (_, Ok(Err(why))) => return say(format!("metrics are not forwarded: {why}")),
            // The runtime is leaving.
            (_, Err(_)) => return,
        };
        for body in bodies {
            let count = match courier.deliver(body.bytes, say).await {
                Outcome::Taken => &shared.forwarded.sent,
                Outcome::Refused => &shared.forwarded.dropped,
            };
            count.fetch_add(body.samples, Ordering::Relaxed);
        }
        progress.end();
        // When this is not kept, the window is sent once more by the next one.
        let _ = progress.save(file);
        shared
            .forwarded
            .done_ms
            .store(progress.done_ms, Ordering::Relaxed);
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
