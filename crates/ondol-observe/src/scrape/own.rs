//! What this process and this machine say about themselves, taken in as if they had been asked.

use std::time::Duration;

use ondol_telemetry::{Format, Target};
use tokio::time::MissedTickBehavior;

use crate::shared::Shared;
use crate::{clock, host, own};

const EVERY: Duration = Duration::from_secs(5);

/// Until it is aborted.
pub(super) async fn run(shared: Shared) {
    let name = host::name();
    let target = |job: &str| Target {
        key: format!("{job}/{name}"),
        labels: [("instance", name.as_str()), ("job", job)]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .to_vec(),
    };
    let (ondol, node) = (target("ondol"), target("node"));
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let (shared, ondol, node) = (shared.clone(), ondol.clone(), node.clone());
        let work = move || {
            for (target, page) in [
                (&ondol, own::page(&shared, Format::Text)),
                (&node, host::page()),
            ] {
                let mut samples = shared.stores.samples.write();
                // What cannot be stored is said by those who tend the store.
                let _ = samples.scrape(target, page.as_bytes(), Format::Text, 0, clock::now_ms());
            }
        };
        let _ = tokio::task::spawn_blocking(work).await;
    }
}
