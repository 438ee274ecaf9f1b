//! What is done each second, or when memory is full, beside everything else.

use std::time::Duration;

use ondol_telemetry::StoreError;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::allocator;
use crate::clock;
use crate::intake::Batch;
use crate::proxy;
use crate::shared::Shared;

const EVERY: Duration = Duration::from_secs(1);
/// Memory that is free goes back to the machine once a minute.
const TRIM_TICKS: u32 = 60;

/// Until it is told to leave; then all that was taken in is made to last.
pub(crate) async fn run(
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    mut leave: watch::Receiver<bool>,
) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0u32;
    let mut complaints = [Complaint::of("metrics"), Complaint::of("logs and traces")];
    while !*leave.borrow() {
        let is_tick = tokio::select! {
            _ = tick.tick() => true,
            () = shared.work_is_due.notified() => false,
            _ = leave.changed() => break,
        };
        ticks = ticks.wrapping_add(u32::from(is_tick));
        let trims = is_tick && ticks.is_multiple_of(TRIM_TICKS);
        let work = shared.clone();
        let done = tokio::task::spawn_blocking(move || {
            let now_ms = clock::now_ms();
            if is_tick {
                tell_counts(&work, false, now_ms);
            }
            let done = work.stores.maintain(now_ms);
            if trims {
                allocator::trim();
            }
            done
        });
        let Ok(done) = done.await else {
            break;
        };
        for (complaint, done) in complaints.iter_mut().zip(done) {
            if let Some(line) = complaint.about(done) {
                // Nobody listens any more: then nobody can be told.
                let _ = said.send(line);
            }
        }
    }
}

/// What was counted of spans and requests becomes samples. Counters that cannot be kept now are told again later.
pub(crate) fn tell_counts(shared: &Shared, last: bool, now_ms: i64) {
    let (due, counted) = proxy::due(shared, last, now_ms);
    if due.is_empty() {
        return;
    }
    match shared.stores.samples.write().push(&due, now_ms) {
        Ok(_) => drop(shared.counted.send_replace(counted)),
        Err(_) => shared.drops.add(&Batch::Samples(due)),
    }
}

/// What was said last of one of the stores: the same is not said each second.
pub(crate) struct Complaint(&'static str, Option<std::mem::Discriminant<StoreError>>);

impl Complaint {
    pub(crate) fn of(what: &'static str) -> Self {
        Complaint(what, None)
    }

    pub(crate) fn about(&mut self, done: Result<(), StoreError>) -> Option<String> {
        let Complaint(what, before) = self;
        match done {
            Ok(()) => before.take().map(|_| format!("{what}: kept again")),
            Err(error) => {
                let kind = std::mem::discriminant(&error);
                (before.replace(kind) != Some(kind)).then(|| format!("{what}: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_made_once_and_its_end_too() {
        let mut complaint = Complaint::of("metrics");
        let full = || {
            Err(StoreError::Full {
                free_bytes: 1,
                floor_bytes: 2,
            })
        };
        assert!(
            complaint
                .about(full())
                .is_some_and(|said| said.contains("full"))
        );
        assert_eq!(complaint.about(full()), None);
        assert!(complaint.about(Err(StoreError::Broken(7))).is_some());
        assert_eq!(
            complaint.about(Ok(())).as_deref(),
            Some("metrics: kept again")
        );
        assert_eq!(complaint.about(Ok(())), None);
    }
}
