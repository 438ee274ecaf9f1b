use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Bytes, IpNet, ServiceName};

/// Who may ask a route or an address of a service, how often, and what is kept of the answers: `allow`, `deny`,
/// `limit`, `auth`, `cache` and `compress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guard {
    /// Addresses of clients that may ask; empty is everybody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<IpNet>,
    /// Addresses of clients that may not, also when they are among those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<IpNet>,
    /// How often; all of them must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<RateLimit>,
    /// Who asks must say who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Answers are kept for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRule>,
    /// Answers are made smaller for clients that can read that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub compress: bool,
}

impl Guard {
    /// The files that it names, whose contents the proxy needs.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let auth = self.auth.as_ref();
        let keys = auth.and_then(|auth| match &auth.jwt.as_ref()?.keys {
            KeySource::File(file) => Some(file),
            KeySource::Page(_) => None,
        });
        let api_keys = auth.and_then(|auth| Some(&auth.api_key.as_ref()?.file));
        let passwords = auth.and_then(|auth| Some(&auth.basic.as_ref()?.file));
        [keys, api_keys, passwords].into_iter().flatten()
    }

    /// The pages of other services that it asks.
    pub fn pages_mut(&mut self) -> impl Iterator<Item = &mut ServicePage> {
        let (jwt, forward) = match &mut self.auth {
            Some(auth) => (auth.jwt.as_mut(), auth.forward.as_mut()),
            None => (None, None),
        };
        let keys = jwt.and_then(|jwt| match &mut jwt.keys {
            KeySource::File(_) => None,
            KeySource::Page(page) => Some(page),
        });
        let asked = forward.map(|forward| &mut forward.page);
        [keys, asked].into_iter().flatten()
    }

    /// Whether every request passes and nothing is kept.
    pub fn is_open(&self) -> bool {
        *self == Guard::default()
    }
}

/// So many requests in a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests in each `period`.
    pub requests: u32,
    /// Longer than 0.
    pub period: Duration,
    /// Requests that may come at once.
    pub burst: u32,
    /// What is counted together.
    pub by: LimitBy,
}

/// What a rate limit counts together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitBy {
    /// Requests of one client address; IPv6 clients have a /64 each.
    #[default]
    Ip,
    /// Requests with the same value of this header; those without it count together.
    Header(String),
    /// Requests of the same user, as `auth` found out.
    User,
    /// All requests.
    All,
}

/// Ways to say who one is: a request passes when it succeeds in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// A signed token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtAuth>,
    /// A key in a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyAuth>,
    /// Name and password (RFC 7617).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
    /// Another server decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<ForwardAuth>,
}

/// Signed tokens (RFC 7519) in `Authorization: Bearer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtAuth {
    /// The keys that tokens are signed with (RFC 7517).
    pub keys: KeySource,
    /// Who may have issued them; empty is anybody whose key it is.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// Whom they may be for; empty is anybody.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Algorithms that may be used, in the words of RFC 7518; empty is each that a key is for.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// Claims that the service is told, by the header it finds them in.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
    /// A cookie that may carry the token too.
    #[serde(default)]
    pub cookie: Option<String>,
}

/// Where a set of keys comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// A file of this machine, absolute.
    File(PathBuf),
    /// A page of a service of the project; fetched again in time.
    Page(ServicePage),
}

/// A page of a service of the project: `http://SERVICE[:PORT]/PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePage {
    /// Which service.
    pub service: ServiceName,
    /// Its port; `None` until the node has found its first.
    pub port: Option<u16>,
    /// Path and query; begins with `/`.
    pub path: String,
}

/// Keys in a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyAuth {
    /// The header.
    pub header: String,
    /// A file with lines `name:key`, where the key may be `sha256:` and the digest of it in hex.
    pub file: PathBuf,
}

/// Names and passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAuth {
    /// A file with lines `name:hash` as `htpasswd -B` writes them.
    pub file: PathBuf,
    /// What the browser asks for.
    pub realm: String,
}

/// A server that is asked for each request: 2xx lets it pass, anything else is the client's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardAuth {
    /// What is asked.
    pub page: ServicePage,
    /// Headers of its answer that the service gets.
    #[serde(default)]
    pub headers: Vec<String>,
}

/// Answers are kept, as far as the service allows it (RFC 9111).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRule {
    /// How long an answer holds that says nothing about it; `None` does not keep such.
    pub ttl: Option<Duration>,
    /// How long after its end an answer is given while a new one is fetched, when it says nothing about it.
    pub stale_while_revalidate: Duration,
    /// How long after its end an answer is given when the service fails, when it says nothing about it.
    pub stale_if_error: Duration,
    /// Parameters of the query that make a difference; `None` is all of them.
    pub query: Option<Vec<String>>,
    /// Larger bodies are not kept.
    pub body_bytes_max: Bytes,
}
