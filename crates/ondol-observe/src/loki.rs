//! The API of Loki.

mod push;

use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    match parts {
        ["loki", "api", "v1", "push"] => push::answer(ask, shared).await,
        _ => Answer::not_found(ask.path()),
    }
}
