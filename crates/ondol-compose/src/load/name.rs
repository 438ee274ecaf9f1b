use std::path::Path;

use ondol_model::ProjectName;

use super::Loader;
use super::start::StartName;
use crate::findings::error;
use crate::tree::{Entry, Node};

/// A folder's name as a project's: lower case, with only what is allowed (Compose's own rule).
pub(super) fn folder_name(dir: &Path) -> String {
    let folder = dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name: String = folder.chars().filter(allowed).collect();
    name.trim_start_matches(['-', '_'])
        .chars()
        .take(63)
        .collect()
}

impl Loader<'_> {
    /// The project's name: what was given, else what the file says, else the folder's. It is written into `tree`.
    pub(super) fn name(&mut self, tree: &mut Node, start: &StartName) -> Option<ProjectName> {
        let written = tree.get("name");
        let place = written.map(|node| node.span);
        let (text, place) = match start {
            StartName::Given(name) => (name.clone(), None),
            StartName::Folder(name) => (
                written.and_then(Node::text).unwrap_or(name).to_owned(),
                place,
            ),
        };
        let finding = match ProjectName::new(&text) {
            Ok(name) => {
                let key = place.unwrap_or(tree.span);
                let node = Node::text_node(text, key);
                tree.map_mut()?.insert("name".into(), Entry { key, node });
                return Some(name);
            }
            Err(_) if text.is_empty() => error(
                "bad-name",
                "the project has no name, and its folder's name has nothing to make one of",
            )
            .help("write `name: my-project` at the top of the file, or use --project-name"),
            Err(why) => {
                let close = folder_name(Path::new(&text));
                let close = (!close.is_empty()).then(|| format!("`{close}` would do"));
                error("bad-name", why.to_string()).help_maybe(close)
            }
        };
        self.findings.add(match place {
            Some(span) => finding.at(span),
            None => finding,
        });
        None
    }
}
