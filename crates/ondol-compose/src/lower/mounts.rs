use std::path::PathBuf;

use ondol_model::{Mount, MountSource};

use super::read;
use crate::findings::{Findings, error, warning};
use crate::normalise::file_mode;
use crate::tree::Node;

/// `volumes` and `tmpfs`.
pub(super) fn mounts(name: &str, service: &Node, findings: &mut Findings) -> Vec<Mount> {
    let volumes = service.get("volumes").map(Node::items).unwrap_or_default();
    let mut mounts: Vec<Mount> = volumes
        .iter()
        .filter_map(|node| mount(name, node, findings))
        .collect();
    let tmpfs = service.get("tmpfs").map(Node::items).unwrap_or_default();
    mounts.extend(tmpfs.iter().filter_map(|node| memory(name, node, findings)));
    mounts
}

fn mount(name: &str, node: &Node, findings: &mut Findings) -> Option<Mount> {
    let source = read::text(node, &["source"]);
    let kind = read::text(node, &["type"])?;
    let source = match kind.as_str() {
        "bind" => MountSource::Bind {
            path: PathBuf::from(source?),
            create: read::flag(node, &["bind", "create_host_path"]),
        },
        "volume" => match source {
            Some(name) => {
                let subpath = subpath(node, findings);
                let nocopy = read::flag(node, &["volume", "nocopy"]);
                MountSource::Volume {
                    name,
                    subpath,
                    nocopy,
                }
            }
            None => MountSource::Anonymous,
        },
        "tmpfs" => MountSource::Tmpfs {
            size: read::size(node, &["tmpfs", "size"]),
            mode: read::text(node, &["tmpfs", "mode"]).and_then(|mode| file_mode(&mode)),
        },
        _ => {
            findings.add(
                warning("not-acted-on", format!("`services.{name}` mounts something of type `{kind}`, which only a container engine can"))
                    .at(node.span)
                    .help("a process can have volumes, folders (bind) and memory (tmpfs)"),
            );
            return None;
        }
    };
    Some(Mount {
        source,
        target: read::text(node, &["target"])?,
        read_only: read::flag(node, &["read_only"]),
    })
}

/// A folder inside a volume; it must stay inside.
fn subpath(node: &Node, findings: &mut Findings) -> Option<String> {
    let node = node.at(&["volume", "subpath"])?;
    let text = node.text()?;
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        findings.add(
            error("bad-value", "a `subpath` stays inside its volume")
                .at(node.span)
                .help("write a relative path without `..`"),
        );
    }
    Some(text.to_owned())
}

/// `/run:size=64m,mode=1777,ro`
fn memory(name: &str, node: &Node, findings: &mut Findings) -> Option<Mount> {
    let text = node.text()?;
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let (mut size, mut mode, mut read_only) = (None, None, false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let is_known = match key {
            "size" => value.parse().map(|bytes| size = Some(bytes)).is_ok(),
            "mode" => file_mode(value).map(|bits| mode = Some(bits)).is_some(),
            "ro" => {
                read_only = true;
                true
            }
            "rw" | "nosuid" | "nodev" => true,
            _ => false,
        };
        if !is_known {
            let option: String = option.chars().take(40).collect();
            findings.add(
                warning(
                    "not-acted-on",
                    format!("`services.{name}.tmpfs`: the option `{option}` is not acted on"),
                )
                .at(node.span)
                .help("Ondol knows size, mode, ro and rw"),
            );
        }
    }
    if !target.starts_with('/') {
        findings.add(
            error(
                "bad-value",
                format!("`services.{name}.tmpfs` must name absolute paths"),
            )
            .at(node.span)
            .help("begin it with /"),
        );
    }
    Some(Mount {
        source: MountSource::Tmpfs { size, mode },
        target: target.to_owned(),
        read_only,
    })
}
