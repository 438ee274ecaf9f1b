use std::time::Duration;

use ondol_model::RunId;

use super::{Cluster, InFlight};

/// Before an endpoint that refused a connection is asked again, because there is no other; then four times that.
/// A service that crashed is started again within some ten milliseconds.
const PAUSE: Duration = Duration::from_millis(10);

/// The endpoints that refused one request so far, and what else the choice of the next depends on.
#[derive(Default)]
pub(crate) struct Refused {
    runs: Vec<RunId>,
    pauses: u32,
    key: Option<u64>,
    zone: Option<String>,
}

impl Refused {
    /// None so far. Requests with the same key go to the same endpoint, where the service is balanced so; those from
    /// a `zone` to endpoints there.
    pub(crate) fn none_yet(key: Option<u64>, zone: Option<String>) -> Self {
        Refused {
            key,
            zone,
            ..Refused::default()
        }
    }

    pub(crate) fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    pub(crate) fn key(&self) -> Option<u64> {
        self.key
    }

    pub(crate) fn note(&mut self, endpoint: &InFlight) {
        self.runs.push(endpoint.run());
    }

    /// The same for one that was tried in another way.
    pub(crate) fn note_run(&mut self, run: RunId) {
        self.runs.push(run);
    }

    pub(crate) fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// Waits a moment when every endpoint of the service has refused.
    pub(crate) async fn pause(&mut self, cluster: &Cluster) {
        if !self.runs.is_empty() && cluster.has_only(&self.runs) {
            Box::pin(tokio::time::sleep(PAUSE * 4u32.pow(self.pauses))).await;
            self.pauses += 1;
        }
    }
}
