mod conditions;
mod treatment;

use serde::{Deserialize, Serialize};

pub use conditions::{Conditions, PathKind, Wanted};
pub use treatment::{
    Cors, HeaderEdits, Mirror, Redirect, RouteAnswer, Share, StaticAnswer, Treatment,
};

/// One `x-ondol.route`: requests at the edge that go to the service it is written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `shop.example`, `*.example`; `None` is any host.
    pub host: Option<String>,
    /// What the path is compared with, as [`Route::path_kind`] says.
    pub path: String,
    /// Remove the prefix before the request goes on.
    pub strip: bool,
    /// Port of the service; `None` is its first.
    pub port: Option<u16>,
    /// How `path` is compared.
    #[serde(default, skip_serializing_if = "PathKind::is_prefix")]
    pub path_kind: PathKind,
    /// What else the request must have.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub when: Conditions,
    /// The higher wins before anything else is compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// What is done with requests that match.
    #[serde(default, skip_serializing_if = "Treatment::is_plain")]
    pub treatment: Treatment,
    /// Connections by TLS whose client asks for `host` are handed to the service as they are, and it does TLS itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub passthrough: bool,
}

impl Route {
    /// Host and path in words: `shop.example/api`, `* = /robots.txt` for all of a path, `* ~ /v[0-9]+` for an expression.
    pub fn pattern(&self) -> String {
        let host = self.host.as_deref().unwrap_or("*");
        let path = &self.path;
        match self.path_kind {
            PathKind::Prefix => format!("{host}{path}"),
            PathKind::Exact => format!("{host} = {path}"),
            PathKind::Regex => format!("{host} ~ {path}"),
        }
    }
}

fn is_false(said: &bool) -> bool {
    !said
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
