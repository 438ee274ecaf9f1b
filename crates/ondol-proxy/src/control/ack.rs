use tokio::sync::mpsc;

use crate::message::ToNode;

/// A message to the node that is sent when the last holder lets go: every worker has done what it is about.
pub(crate) struct Ack {
    message: Option<ToNode>,
    answers: mpsc::UnboundedSender<ToNode>,
}

impl Ack {
    pub(super) fn new(message: ToNode, answers: mpsc::UnboundedSender<ToNode>) -> Self {
        Ack {
            message: Some(message),
            answers,
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            // The control thread is gone only when the process ends.
            let _ = self.answers.send(message);
        }
    }
}
