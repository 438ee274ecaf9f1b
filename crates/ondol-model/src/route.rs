use serde::{Deserialize, Serialize};

/// One `x-ondol.route`: requests at the edge that go to the service it is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `shop.example`, `*.example`; `None` is any host.
    pub host: Option<String>,
    /// Prefix on a segment boundary: `/api` matches `/api` and `/api/x`, not `/apix`.
    pub path: String,
    /// Remove the prefix before the request goes on.
    pub strip: bool,
    /// Port of the service; `None` is its first.
    pub port: Option<u16>,
}
