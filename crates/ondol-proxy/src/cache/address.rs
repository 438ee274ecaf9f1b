use std::borrow::Cow;

use crate::policy::path::{host_name, normal};

/// What somebody wants forgotten, in the form that keys have.
pub(super) struct Address {
    /// Empty is any.
    host: String,
    path: String,
    query: Option<String>,
}

impl Address {
    /// From `http://host:port/path?query` or any end of it.
    pub(super) fn read(written: &str) -> Self {
        let rest = written.split_once("://").map_or(written, |(_, rest)| rest);
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        Address {
            host: host_name(host).into_owned(),
            path: normal(path).map_or_else(|_| path.to_owned(), Cow::into_owned),
            query,
        }
    }

    /// Whether what is kept under this key answers it.
    pub(super) fn is_of(&self, key: &str) -> bool {
        // Before it stands the service.
        let key = key.split_once(' ').map_or(key, |(_, address)| address);
        let (host, target) = key.split_at(key.find('/').unwrap_or(key.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        (self.host.is_empty() || self.host == host)
            && self.path == path
            && (self.query.is_none() || self.query.as_deref() == query)
    }
}
