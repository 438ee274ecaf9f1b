use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the path of a route is compared with the path of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// Its beginning, on a segment boundary: `/api` matches `/api` and `/api/x`, not `/apix`.
    #[default]
    Prefix,
    /// The whole path, letter by letter.
    Exact,
    /// A regular expression that the whole path must match.
    Regex,
}

impl PathKind {
    /// Whether it is the ordinary kind.
    pub fn is_prefix(&self) -> bool {
        *self == PathKind::Prefix
    }
}

/// What a request must have beside host and path; all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Any of these methods, in upper case; empty is any method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Headers by name, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Wanted>,
    /// Parameters of the query by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Wanted>,
    /// Cookies by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cookies: BTreeMap<String, Wanted>,
}

/// What a header, a parameter or a cookie must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// There, whatever it is (`"*"`).
    Present,
    /// Exactly this.
    Exact(String),
    /// A regular expression that all of it must match (`"~..."`).
    Regex(String),
}

impl Wanted {
    /// From the text of a file: `*`, `~` and an expression, or the value itself.
    pub fn from_text(text: &str) -> Self {
        match text.strip_prefix('~') {
            Some(expression) => Wanted::Regex(expression.to_owned()),
            None if text == "*" => Wanted::Present,
            None => Wanted::Exact(text.to_owned()),
        }
    }
}

impl Conditions {
    /// Whether every request meets them.
    pub fn is_empty(&self) -> bool {
        self.methods.is_empty()
            && self.headers.is_empty()
            && self.query.is_empty()
            && self.cookies.is_empty()
    }

    /// How many headers, parameters and cookies they name.
    pub fn count(&self) -> usize {
        self.headers.len() + self.query.len() + self.cookies.len()
    }
}
