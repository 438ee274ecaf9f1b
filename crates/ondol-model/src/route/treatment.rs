use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Guard, ServiceName};

/// What is done with the requests of a route, beside sending them on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Treatment {
    /// Answered by the proxy; nothing is sent on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<RouteAnswer>,
    /// Services of the project that share the requests by weight; empty sends all to the route's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<Share>,
    /// A service that gets a copy of the requests and whose answers are thrown away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// What takes the place of the matched prefix, of an exact path, or of the match of an expression (with `$1`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
    /// Done to the headers of a request before it is sent on.
    #[serde(skip_serializing_if = "HeaderEdits::is_empty")]
    pub request_headers: HeaderEdits,
    /// Done to the headers of every response.
    #[serde(skip_serializing_if = "HeaderEdits::is_empty")]
    pub response_headers: HeaderEdits,
    /// Which pages of other origins may ask (Fetch standard, CORS protocol).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Bytes that the body of a request may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<u64>,
    /// Who may ask, how often, and what is kept of the answers.
    #[serde(skip_serializing_if = "Guard::is_open")]
    pub guard: Guard,
}

impl Treatment {
    /// Whether requests are only sent on.
    pub fn is_plain(&self) -> bool {
        *self == Treatment::default()
    }
}

/// An answer that needs no service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteAnswer {
    /// Ask elsewhere.
    Redirect(Redirect),
    /// Always the same.
    Static(StaticAnswer),
}

/// Where to ask instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// A path or an absolute URL. `{host}`, `{path}` and `{rest}` (the path behind the matched prefix) are put in;
    /// the query is kept unless this has one.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// An answer that is always the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticAnswer {
    /// From 200 to 599.
    pub status: u16,
    /// Its headers; the type is `text/plain` when they do not say.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body.
    #[serde(default)]
    pub body: String,
}

/// A service's part of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which service of the project.
    pub service: ServiceName,
    /// Its port; `None` until the node has found its first.
    pub port: Option<u16>,
    /// Its part of the sum of all weights.
    pub weight: u32,
}

/// A copy of requests for another service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Which service of the project.
    pub service: ServiceName,
    /// Its port; `None` until the node has found its first.
    pub port: Option<u16>,
    /// Of a hundred requests, how many are copied.
    pub percent: u32,
}

/// Changes to headers: first what is removed, then what is set, then what is added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeaderEdits {
    /// Names that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Names that have this one value afterwards.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Names that get one value more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
}

impl HeaderEdits {
    /// Whether they change nothing.
    pub fn is_empty(&self) -> bool {
        *self == HeaderEdits::default()
    }
}

/// Which pages of other origins may ask, and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// `https://shop.example`, `https://*.example`, or `*` for any.
    pub origins: Vec<String>,
    /// Methods in upper case; empty allows those that a route has, or any.
    pub methods: Vec<String>,
    /// Headers that a request may have; empty allows what is asked for.
    pub headers: Vec<String>,
    /// Headers of the answer that the page may read.
    pub expose: Vec<String>,
    /// Cookies may come along.
    pub credentials: bool,
    /// How long the browser remembers.
    pub max_age: Duration,
}
