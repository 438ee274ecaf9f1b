use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Loader, Scope};
use crate::findings::{error, warning};
use crate::merge::settle;
use crate::tree::{Entry, Node};

/// What an included project gives to the one that includes it.
const SECTIONS: [&str; 5] = ["services", "networks", "volumes", "secrets", "configs"];

impl Loader<'_> {
    /// Brings in what `include` names (Compose specification, "Include"): each with its own folder and
    /// `.env`, below the variables of the one that includes it. Nothing is merged.
    pub(super) fn include_all(
        &mut self,
        tree: &mut Node,
        scope: &Rc<Scope>,
        chain: &mut Vec<PathBuf>,
    ) {
        let include = tree.map_mut().and_then(|map| map.remove("include"));
        for entry in include.iter().flat_map(|entry| entry.node.items()) {
            if self.budget.is_spent() {
                return;
            }
            if let Some(mut included) = self.included(entry, scope, chain) {
                settle(&mut included);
                self.tell_unused(&included);
                for section in SECTIONS {
                    self.import(tree, &mut included, section);
                }
            }
        }
    }

    /// The project that one entry of `include` names; `None` after telling why there is none.
    fn included(&mut self, entry: &Node, scope: &Scope, chain: &mut Vec<PathBuf>) -> Option<Node> {
        let paths = |key: &str| -> Vec<PathBuf> {
            let items = entry.get(key).map(Node::items).unwrap_or_default();
            items
                .iter()
                .filter_map(Node::text)
                .map(PathBuf::from)
                .collect()
        };
        let files = paths("path");
        if let Some(at) = chain.iter().position(|file| files.contains(file)) {
            self.cycle(entry, &chain[at..]);
            return None;
        }
        if let Some(missing) = files.iter().find(|file| !self.source.is_file(file)) {
            let missing = missing.display();
            self.findings.add(
                error(
                    "unreadable-file",
                    format!("cannot include {missing}: there is no such file"),
                )
                .at(entry.span)
                .help("the path is relative to the folder of the file that includes it"),
            );
            return None;
        }
        let dir = match entry.get("project_directory").and_then(Node::text) {
            Some(dir) => PathBuf::from(dir),
            None => files.first()?.parent()?.to_path_buf(),
        };
        let env = match entry.get("env_file") {
            Some(_) => self.env_from(&paths("env_file"), true, &scope.env),
            None => self.env_from(&[dir.join(".env")], false, &scope.env),
        };
        let is_named = true;
        let scope = Scope { dir, env, is_named };
        Some(self.project(&files, &Rc::new(scope), chain))
    }

    fn cycle(&mut self, entry: &Node, chain: &[PathBuf]) {
        let steps = chain.iter().chain(chain.first());
        let steps: Vec<String> = steps.map(|file| file.display().to_string()).collect();
        self.findings.add(
            error(
                "include-cycle",
                format!("files include each other: {}", steps.join(" -> ")),
            )
            .at(entry.span)
            .label("and so around")
            .help("move what both need into a file of its own"),
        );
    }

    /// What is said of a project as a whole is taken from the file that includes, not from the included.
    fn tell_unused(&mut self, included: &Node) {
        if let Some(entry) = included.map().and_then(|map| map.get("x-ondol")) {
            self.findings.add(
                warning(
                    "not-acted-on",
                    "the `x-ondol` of an included file is not acted on",
                )
                .at(entry.key)
                .help(
                    "say it in the file that includes this one; `x-ondol` in services is acted on",
                ),
            );
        }
    }

    /// Moves a section's entries over; one that both have must be the same in both.
    fn import(&mut self, tree: &mut Node, included: &mut Node, section: &'static str) {
        let theirs = included
            .map_mut()
            .and_then(|map| map.get_mut(section)?.node.map_mut());
        let theirs = theirs.map(std::mem::take).unwrap_or_default();
        let span = tree.span;
        let Some(map) = tree.map_mut().filter(|_| !theirs.is_empty()) else {
            return;
        };
        let empty = || Entry {
            key: span,
            node: Node::map_node([], span),
        };
        let Some(ours) = map
            .entry(section.into())
            .or_insert_with(empty)
            .node
            .map_mut()
        else {
            return;
        };
        for (name, entry) in theirs {
            match ours.get(&name) {
                None => {
                    ours.insert(name, entry);
                }
                Some(own) if own.node == entry.node => {}
                Some(own) => {
                    let file = self
                        .findings
                        .path_of(entry.key)
                        .unwrap_or(Path::new("another file"));
                    let file = file.display();
                    let message =
                        format!("`{section}.{name}` is defined here and, differently, in {file}");
                    self.findings.add(
                        error("include-conflict", message)
                            .at(own.key)
                            .see(entry.key, "and here")
                            .help("rename one of them; what is included is not merged"),
                    );
                }
            }
        }
    }
}
