//! How far the proxy follows: which snapshot it answered, and who waits for that.

use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Answered {
    /// The newest snapshot that the proxy uses, or has said why it does not.
    version: u64,
    /// Who waits for the proxy to use a snapshot of this version.
    awaiting: Vec<(u64, oneshot::Sender<()>)>,
}

impl Answered {
    /// With a proxy that uses this snapshot already, told by an earlier node or read from the disk.
    pub(crate) fn met(version: u64) -> Self {
        Answered {
            version,
            awaiting: Vec::new(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn wait(&mut self, version: u64, shown: oneshot::Sender<()>) {
        self.awaiting.push((version, shown));
    }

    /// The proxy uses this snapshot.
    pub(crate) fn accept(&mut self, version: u64) {
        self.version = version;
        for (wanted, shown) in std::mem::take(&mut self.awaiting) {
            match wanted <= version {
                // Nobody waits when the order was given up.
                true => drop(shown.send(())),
                false => self.awaiting.push((wanted, shown)),
            }
        }
    }

    /// The proxy keeps what it had: there is nothing to come. Who waits to see this one goes on waiting.
    pub(crate) fn refuse(&mut self, version: u64) {
        self.version = version;
    }
}
