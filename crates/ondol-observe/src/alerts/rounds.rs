//! Lets time go by, and does what the machine says.

use std::time::Duration;

use ondol_alert::{Action, Alert, AlertState, Delivery, DeliveryError, Event};
use tokio::sync::{mpsc, watch};

use super::{deliver, queries};
use crate::clock;
use crate::shared::Shared;
use crate::upkeep::Complaint;

/// The wall clock may be set; so long at most until that is seen.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Deliveries and queries whose outcome may wait to be taken in.
const OUTCOMES_MAX: usize = 256;

/// Until it is told to leave.
pub(crate) async fn run(
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    mut leave: watch::Receiver<bool>,
) {
    let (happened, mut outcomes) = mpsc::channel(OUTCOMES_MAX);
    let mut rounds = Rounds {
        shared: shared.clone(),
        said,
        happened,
        complaint: Complaint::of("alerts"),
        unsaved: false,
    };
    let mut sleep = Duration::ZERO;
    while !*leave.borrow() {
        let event = tokio::select! {
            _ = leave.changed() => break,
            Some(event) = outcomes.recv() => event,
            () = shared.alerts.woken.notified() => Event::Tick,
            () = tokio::time::sleep(sleep) => Event::Tick,
        };
        let (actions, wake_at_ms) = shared.alerts.handle(event, clock::now_ms());
        rounds.perform(actions).await;
        let ms = wake_at_ms.map_or(i64::MAX, |at| at - clock::now_ms());
        sleep = Duration::from_millis(ms.max(1).unsigned_abs()).min(SLEEP_MAX);
    }
    rounds.save().await;
}

struct Rounds {
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    happened: mpsc::Sender<Event>,
    complaint: Complaint,
    /// The file could not be written, and that was said.
    unsaved: bool,
}

impl Rounds {
    /// In their order: what a rule wrote is there before the next one asks.
    async fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Ask { group, expr, at_ms } => self.ask(group, expr, at_ms),
                Action::Write {
                    at_ms,
                    samples,
                    stale,
                } => self.write(queries::pushed(&samples, &stale, at_ms)).await,
                Action::Send(delivery) => self.send(delivery),
                Action::Save => self.save().await,
                Action::Turned(alert) => {
                    let _ = self.said.send(told(&alert));
                }
            }
        }
    }

    fn ask(&self, group: String, expr: String, at_ms: i64) {
        let (shared, happened) = (self.shared.clone(), self.happened.clone());
        tokio::spawn(async move {
            let text = expr.clone();
            let work = move || queries::ask(&shared, &text, at_ms);
            let result = tokio::task::spawn_blocking(work).await;
            let result = result.unwrap_or_else(|_| Err("it could not be evaluated".to_owned()));
            // Nobody takes it when the service leaves.
            let _ = happened
                .send(Event::Answer {
                    group,
                    expr,
                    result,
                })
                .await;
        });
    }

    async fn write(&mut self, pushed: Vec<ondol_telemetry::Pushed>) {
        let shared = self.shared.clone();
        let work = move || shared.stores.samples.write().push(&pushed, clock::now_ms());
        let Ok(done) = tokio::task::spawn_blocking(work).await else {
            return;
        };
        if let Some(line) = self.complaint.about(done.map(|_| ())) {
            let _ = self.said.send(line);
        }
    }

    fn send(&self, delivery: Delivery) {
        let (shared, happened) = (self.shared.clone(), self.happened.clone());
        tokio::spawn(async move {
            let outcome = match shared.alerts.receiver(&delivery.receiver) {
                Some(kind) => {
                    let external_url = shared.alerts.external_url();
                    deliver::deliver(&delivery, &kind, &external_url).await
                }
                None => Err(DeliveryError {
                    is_passing: false,
                    message: "there is no such receiver any more".to_owned(),
                }),
            };
            let id = delivery.id;
            let _ = happened.send(Event::Delivered { id, outcome }).await;
        });
    }

    async fn save(&mut self) {
        let shared = self.shared.clone();
        let work = move || shared.alerts.save(clock::now_ms());
        match tokio::task::spawn_blocking(work).await {
            Ok(Err(error)) if !self.unsaved => {
                self.unsaved = true;
                let _ = self
                    .said
                    .send(format!("alerts: {error}; a restart would forget them"));
            }
            Ok(Ok(())) => self.unsaved = false,
            _ => {}
        }
    }
}

/// A line for the log of the node.
fn told(alert: &Alert) -> String {
    let name = alert
        .labels
        .get(ondol_alert::ALERT_NAME)
        .map_or("", String::as_str);
    let what = match alert.state {
        AlertState::Resolved => "is over",
        _ => "fires",
    };
    match alert.annotations.get("summary") {
        Some(summary) => format!("alert {name} {what}: {summary}"),
        None => format!("alert {name} {what}"),
    }
}
