//! Requests that change something, and kept answers that are out of date by that.

use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use ondol_model::ServiceRef;

use super::keep::key_of;
use super::way::Way;
use crate::cache::Cache;
use crate::gate::Kept;

/// Names of what a change makes out of date (RFC 9875, section 3).
const GROUPS: &str = "cache-group-invalidation";

/// A request whose method is not safe.
pub(super) struct Change {
    /// What is kept for its own address.
    key: Option<String>,
}

impl Change {
    /// `None` of one that only reads.
    pub(super) fn of(kept: Option<&Kept>, request: &Request<Incoming>, way: &Way) -> Option<Self> {
        let key = || kept.map(|kept| key_of(kept, request, way));
        (!request.method().is_safe()).then(|| Change { key: key() })
    }

    /// The service did it, unless its answer is an error (RFC 9111, section 4.4).
    pub(super) fn happened(
        self,
        cache: &Cache,
        service: &ServiceRef,
        status: StatusCode,
        answer: &HeaderMap,
    ) {
        if status.is_client_error() || status.is_server_error() {
            return;
        }
        if let Some(key) = self.key {
            cache.remove(&key);
        }
        let groups = answer.get_all(GROUPS).iter();
        let groups = groups.filter_map(|groups| groups.to_str().ok());
        let groups = groups.flat_map(|groups| groups.split([',', ' ', '\t']));
        let groups = groups.map(|group| group.trim_matches('"'));
        let groups: Vec<_> = groups.filter(|group| !group.is_empty()).collect();
        if !groups.is_empty() {
            cache.forget_groups(service, &groups);
        }
    }
}
