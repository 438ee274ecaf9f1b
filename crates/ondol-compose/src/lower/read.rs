//! Typed values out of a checked tree.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use ondol_model::Bytes;

use crate::normalise::duration as parse_duration;
use crate::tree::Node;

pub(super) fn text(node: &Node, path: &[&str]) -> Option<String> {
    node.at(path)?.text().map(String::from)
}

pub(super) fn flag(node: &Node, path: &[&str]) -> bool {
    node.at(path).and_then(Node::text) == Some("true")
}

pub(super) fn number<N: FromStr>(node: &Node, path: &[&str]) -> Option<N> {
    node.at(path)?.text()?.parse().ok()
}

/// A limit: 0 and -1 are none.
pub(super) fn limit(node: &Node, path: &[&str]) -> Option<u32> {
    number(node, path).filter(|limit| *limit > 0)
}

pub(super) fn size(node: &Node, path: &[&str]) -> Option<Bytes> {
    number(node, path).filter(|size| *size > Bytes(0))
}

/// Thousandths of a number.
pub(super) fn milli(node: &Node, path: &[&str]) -> Option<u32> {
    let number: f64 = number(node, path)?;
    Some((number * 1000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32)
}

pub(super) fn duration(node: &Node, path: &[&str]) -> Option<Duration> {
    parse_duration(node.at(path)?.text()?)
}

/// The entries of a list.
pub(super) fn items<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    items.iter()
}

pub(super) fn texts(node: &Node, path: &[&str]) -> Option<Vec<String>> {
    let items = node.at(path)?.items().iter();
    Some(items.filter_map(Node::text).map(String::from).collect())
}

pub(super) fn pairs(node: &Node, path: &[&str]) -> BTreeMap<String, String> {
    let entries = node.at(path).into_iter().flat_map(Node::entries);
    let pair = |(name, value): (&std::sync::Arc<str>, Option<&str>)| {
        (name.to_string(), value.unwrap_or_default().to_owned())
    };
    entries
        .map(|(name, entry)| pair((name, entry.node.text())))
        .collect()
}

pub(super) fn is_external(node: &Node) -> bool {
    node.get("external")
        .is_some_and(|external| external.text() != Some("false"))
}

/// `name`, or the old `external: {name: ...}`.
pub(super) fn external_name(node: &Node) -> Option<String> {
    text(node, &["name"]).or_else(|| text(node, &["external", "name"]))
}
