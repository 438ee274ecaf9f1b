use std::sync::OnceLock;

use tokio::sync::mpsc;

use crate::message::ToNode;

/// A message and the session that it answers. One of an earlier session is not for the node of this one.
pub(super) type Answer = (u64, ToNode);

/// A message to the node that is sent when the last holder lets go: every worker has done what it is about.
pub(crate) struct Ack {
    answer: Option<Answer>,
    failed: OnceLock<String>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl Ack {
    pub(super) fn new(
        session: u64,
        message: ToNode,
        answers: mpsc::UnboundedSender<Answer>,
    ) -> Self {
        Ack {
            answer: Some((session, message)),
            failed: OnceLock::new(),
            answers,
        }
    }

    /// It could not be done: the node is told `reason` instead. Of several reasons the first counts.
    pub(crate) fn fail(&self, reason: String) {
        let _ = self.failed.set(reason);
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        let Some((session, message)) = self.answer.take() else {
            return;
        };
        let message = match (message, self.failed.take()) {
            (ToNode::Accepted { version, .. }, Some(reason)) => ToNode::Refused { version, reason },
            (message, _) => message,
        };
        // The control thread is gone only when the process ends.
        let _ = self.answers.send((session, message));
    }
}
