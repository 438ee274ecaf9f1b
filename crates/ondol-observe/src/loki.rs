//! The API of Loki.

use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, _parts: &[&str], _shared: &Shared) -> Answer {
    Answer::not_found(ask.path())
}
