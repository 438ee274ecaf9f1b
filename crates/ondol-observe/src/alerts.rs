//! Rules, alerts and silences: the API of Prometheus for what fires, and that of Alertmanager for silences.

use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, _parts: &[&str], _shared: &Shared) -> Answer {
    Answer::not_found(ask.path())
}
