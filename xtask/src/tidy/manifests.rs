//! Every dependency says why it is there: beside its version in the root manifest, or in the manifest of the
//! crate that has a reason of its own.

use std::collections::BTreeSet;

use crate::tree::{File, Tree};

use super::Finding;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let explained: BTreeSet<&str> = tree
        .files
        .iter()
        .filter(|file| file.path == "Cargo.toml")
        .flat_map(entries)
        .filter(|entry| entry.reason)
        .map(|entry| entry.name)
        .collect();
    let mut findings = Vec::new();
    for file in tree.ending("/Cargo.toml") {
        if !file.path.starts_with("crates/") && !file.path.starts_with("xtask/") {
            continue;
        }
        for Entry { name, line, reason } in entries(file) {
            // Our own crates are explained by ARCHITECTURE.md.
            if !reason && !explained.contains(name) && !name.starts_with("ondol-") {
                findings.push(Finding {
                    rule: "reason",
                    path: file.path.clone(),
                    line,
                    says: format!("`{name}` without a reason; expected a comment beside it that says what it is needed for"),
                });
            }
        }
    }
    findings
}

/// One dependency of a manifest.
struct Entry<'a> {
    name: &'a str,
    line: usize,
    reason: bool,
}

fn entries(manifest: &File) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut among_dependencies = false;
    let mut before = "";
    for (line, text) in manifest.lines() {
        if text.starts_with('[') {
            among_dependencies = text
                .trim_end()
                .trim_end_matches(']')
                .ends_with("dependencies");
        } else if among_dependencies && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let name = text.split(['.', ' ', '=']).next().unwrap_or(text);
            let reason = text.contains(" # ") || before.starts_with("# ");
            entries.push(Entry { name, line, reason });
        }
        before = text;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest = "\
[package]
name = \"a\"
[dependencies]
ondol-model.workspace = true
serde.workspace = true # values cross the API
libc.workspace = true
# asks the kernel
nix = { workspace = true, features = [
  \"fs\",
] }
[dev-dependencies]
proptest.workspace = true
";
        let found = check(&tree(&[("crates/a/Cargo.toml", manifest)]));
        assert_eq!(
            places(&found),
            ["crates/a/Cargo.toml:6", "crates/a/Cargo.toml:12"]
        );
    }
}
