//! What is done with a mapping of `ports` or `volumes` once its parts are in order.

use std::net::IpAddr;
use std::path::Path;

use super::{Normaliser, clean};
use crate::findings::error;
use crate::tree::{Entry, Node};

/// A port says its protocol, and an address is one.
pub(crate) fn port(node: &mut Node, normaliser: &mut Normaliser<'_>) {
    let span = node.span;
    let path = &normaliser.path;
    if let Some(ip) = node.get("host_ip")
        && let Some(text) = ip.text()
        && text.parse::<IpAddr>().is_err()
    {
        let text: String = text.chars().take(60).collect();
        normaliser.findings.add(
            error(
                "bad-value",
                format!("`{path}.host_ip` must be an address of the machine, but this is `{text}`"),
            )
            .at(ip.span)
            .help("write 127.0.0.1 for this machine only, or leave it out for every address"),
        );
    }
    if let Some(map) = node.map_mut() {
        let entry = || Entry {
            key: span,
            node: Node::text_node("tcp", span),
        };
        map.entry("protocol".into()).or_insert_with(entry);
    }
}

/// The source of a bind mount is absolute, and so is what it is mounted on, written in one way only.
pub(crate) fn mount(node: &mut Node, normaliser: &mut Normaliser<'_>) {
    let path = normaliser.path.clone();
    if let Some(entry) = node.map_mut().and_then(|map| map.get_mut("target"))
        && let Some(target) = entry.node.text().filter(|target| target.starts_with('/'))
    {
        let target = clean(Path::new(target)).to_string_lossy().into_owned();
        entry.node = Node::text_node(target, entry.node.span);
    }
    if let Some(target) = node.get("target")
        && let Some(text) = target.text()
        && !text.starts_with('/')
    {
        let text: String = text.chars().take(60).collect();
        normaliser.findings.add(
            error(
                "bad-value",
                format!("`{path}`: the path in the service must be absolute, but this is `{text}`"),
            )
            .at(target.span)
            .help("begin it with /"),
        );
    }
    let is_bind = node.get("type").and_then(Node::text) == Some("bind");
    if !is_bind {
        return;
    }
    match node.get("source").and_then(Node::text) {
        Some(source) => {
            let source = normaliser.absolute(source).to_string_lossy().into_owned();
            if let Some(entry) = node.map_mut().and_then(|map| map.get_mut("source")) {
                entry.node = Node::text_node(source, entry.node.span);
            }
        }
        None => normaliser.findings.add(
            error(
                "missing-key",
                format!("`{path}` is a bind mount without a `source`"),
            )
            .at(node.span)
            .help("add `source:` with a path of the machine"),
        ),
    }
}
