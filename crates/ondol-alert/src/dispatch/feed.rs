//! Alerts on their way to an Alertmanager: told at once, and again every minute as long as they fire.

use std::collections::BTreeMap;

use crate::notice::{DeliveryError, Notice};
use crate::rule::Labels;

/// Time between two times that an alert is told.
pub(crate) const RESEND_MS: i64 = 60_000;
/// Alerts of one request.
const BATCH_MAX: usize = 256;
/// Alerts that are held; more are dropped.
const HELD_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Each with when it is told next.
    alerts: BTreeMap<Labels, (Notice, i64)>,
    telling: Option<Vec<Notice>>,
    attempts: u32,
    not_before_ms: i64,
}

impl Feed {
    /// Whether there was room for it.
    pub(super) fn put(&mut self, notice: Notice, now_ms: i64) -> bool {
        let is_full = self.alerts.len() >= HELD_MAX;
        match self.alerts.get_mut(&notice.labels) {
            // It is told that it fires; its new value waits for the next time.
            Some((held, _))
                if held.ends_at_ms == notice.ends_at_ms
                    && held.starts_at_ms == notice.starts_at_ms =>
            {
                *held = notice;
            }
            Some(held) => *held = (notice, now_ms),
            None if is_full => return false,
            None => drop(self.alerts.insert(notice.labels.clone(), (notice, now_ms))),
        }
        true
    }

    pub(super) fn wake_at_ms(&self) -> Option<i64> {
        let first = self.alerts.values().map(|(_, at)| *at).min()?;
        self.telling
            .is_none()
            .then(|| first.max(self.not_before_ms))
    }

    pub(super) fn due(&mut self, now_ms: i64) -> Option<Vec<Notice>> {
        if self.telling.is_some() || now_ms < self.not_before_ms {
            return None;
        }
        let due = self.alerts.values().filter(|(_, at)| *at <= now_ms);
        let batch: Vec<Notice> = due
            .take(BATCH_MAX)
            .map(|(notice, _)| notice.clone())
            .collect();
        if batch.is_empty() {
            return None;
        }
        self.telling = Some(batch.clone());
        Some(batch)
    }

    pub(super) fn delivered(&mut self, outcome: &Result<(), DeliveryError>, now_ms: i64) {
        let Some(telling) = self.telling.take() else {
            return;
        };
        match outcome {
            Err(error) if error.is_passing => {
                self.attempts += 1;
                self.not_before_ms = now_ms + backoff_ms(self.attempts);
            }
            // What is refused for good is not tried again before its time either.
            _ => {
                self.attempts = 0;
                for told in telling {
                    self.told(&told, now_ms);
                }
            }
        }
    }

    fn told(&mut self, told: &Notice, now_ms: i64) {
        let Some((held, next)) = self.alerts.get_mut(&told.labels) else {
            return;
        };
        if held.ends_at_ms != told.ends_at_ms {
            return;
        }
        match held.ends_at_ms {
            Some(end) if now_ms - end > crate::active::RESOLVED_KEPT_MS => {
                self.alerts.remove(&told.labels);
            }
            _ => *next = now_ms + RESEND_MS,
        }
    }
}

/// How long to wait after so many failures: 1 s, 2 s, 4 s, up to a minute.
pub(super) fn backoff_ms(attempts: u32) -> i64 {
    (1_000_i64 << attempts.saturating_sub(1).min(6)).min(60_000)
}
