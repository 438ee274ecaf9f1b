use std::collections::BTreeMap;

use ondol_model::{FileSource, GrantedFile, StoredFile};

use super::read;
use crate::findings::{Findings, error};
use crate::interpolate::Env;
use crate::normalise::file_mode;
use crate::tree::Node;

/// The project's secrets or configs.
pub(super) fn files(
    tree: &Node,
    section: &'static str,
    env: &Env,
    findings: &mut Findings,
) -> BTreeMap<String, StoredFile> {
    let mut files = BTreeMap::new();
    for (key, entry) in tree.get(section).into_iter().flat_map(Node::entries) {
        let node = &entry.node;
        let source = if let Some(path) = read::text(node, &["file"]) {
            FileSource::Path(path.into())
        } else if let Some(content) = read::text(node, &["content"]) {
            FileSource::Content(content)
        } else if let Some((place, variable)) = node
            .get("environment")
            .and_then(|node| Some((node, node.text()?)))
        {
            let content = env.get(variable).cloned();
            if content.is_none() {
                findings.add(
                    error(
                        "missing-variable",
                        format!("`{section}.{key}` is the value of `{variable}`, which is not set"),
                    )
                    .at(place.span)
                    .help(format!(
                        "set it in the shell or in `.env`: {variable}=value"
                    )),
                );
            }
            FileSource::Content(content.unwrap_or_default())
        } else {
            FileSource::External
        };
        let name = read::external_name(node);
        files.insert(
            key.to_string(),
            StoredFile {
                name,
                source,
                digest: None,
            },
        );
    }
    files
}

/// What a service is granted of them. A relative target is below `folder`.
pub(super) fn granted(service: &Node, section: &'static str, folder: &str) -> Vec<GrantedFile> {
    let grant = |node: &Node| {
        let source = read::text(node, &["source"])?;
        let target = read::text(node, &["target"]).unwrap_or_else(|| source.clone());
        let target = match target.starts_with('/') {
            true => target,
            false => format!("{folder}/{target}"),
        };
        Some(GrantedFile {
            source,
            target,
            uid: read::number(node, &["uid"]),
            gid: read::number(node, &["gid"]),
            mode: read::text(node, &["mode"])
                .and_then(|mode| file_mode(&mode))
                .unwrap_or(0o444),
        })
    };
    let items = service.get(section).map(Node::items).unwrap_or_default();
    items.iter().filter_map(grant).collect()
}
