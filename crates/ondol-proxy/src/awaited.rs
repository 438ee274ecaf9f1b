use std::collections::BTreeSet;
use std::sync::Mutex;

use ondol_model::ServiceRef;
use tokio::sync::Notify;

/// Services that may sleep, that a request waits for and that have no endpoint that is ready: the node is told. All
/// workers share it.
#[derive(Default)]
pub(crate) struct Awaited {
    services: Mutex<BTreeSet<ServiceRef>>,
    changed: Notify,
}

impl Awaited {
    pub(crate) fn add(&self, service: &ServiceRef) {
        // A lock that a panic left behind: the process ends with its worker.
        if let Ok(mut services) = self.services.lock() {
            services.insert(service.clone());
            self.changed.notify_one();
        }
    }

    /// Waits for one more. Safe to drop and call again.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Those that were added since the last time.
    pub(crate) fn take(&self) -> BTreeSet<ServiceRef> {
        let services = self.services.lock();
        services
            .map(|mut services| std::mem::take(&mut *services))
            .unwrap_or_default()
    }
}
