//! Who a request is from: signed tokens, keys and passwords. Decisions only: what has to be fetched is handed in.

mod api_key;
mod basic;
mod jwk;
mod jwt;

pub(crate) use api_key::ApiKeys;
pub(crate) use basic::{Basic, Credentials, Passwords};
pub(crate) use jwk::{Algorithm, Keys, KeysError};
pub(crate) use jwt::{Claims, Expected, Invalid, verify};

/// A line of a file of names that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// From 1.
    pub line: usize,
    pub why: &'static str,
}

/// `name:rest` of each line that is not empty or a comment.
fn entries(text: &str) -> impl Iterator<Item = (usize, Option<(&str, &str)>)> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(at, line)| (at + 1, line.trim()));
    let meant = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    meant.map(|(at, line)| {
        let entry = line.split_once(':');
        (
            at,
            entry.filter(|(name, rest)| !name.is_empty() && !rest.is_empty()),
        )
    })
}
