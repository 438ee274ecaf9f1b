//! House rules that no compiler checks, as tests of the tree. Each finding names the place and what was expected.

mod floors;
mod manifests;
mod names;
mod pages;
mod ratchet;
mod sizes;
mod words;

use anyhow::{Result, bail};

use crate::metadata::Metadata;
use crate::say;
use crate::tree::Tree;

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What an exception in `xtask/ratchet.txt` names.
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    pub(crate) line: usize,
    /// What is there and what was expected instead.
    pub(crate) says: String,
}

/// Checks every rule and shows all that was found.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let metadata = Metadata::of(&tree.root)?;
    for warning in sizes::warnings(&tree) {
        say::line(&warning);
    }
    let mut findings = floors::check(&metadata, &tree);
    for rule in [
        sizes::check,
        names::check,
        words::check,
        manifests::check,
        pages::check,
    ] {
        findings.extend(rule(&tree));
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let kept = ratchet::apply(&tree, findings)?;
    for Finding {
        rule,
        path,
        line,
        says,
    } in &kept
    {
        say::line(&format!("{path}:{line}: {says} [{rule}]"));
    }
    match kept.len() {
        0 => {
            say::line(&format!("tidy: {} files are in order", tree.files.len()));
            Ok(())
        }
        count => bail!("{count} places break a house rule"),
    }
}

#[cfg(test)]
mod fixture {
    use crate::tree::{File, Tree};

    /// A tree of these files.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        Tree {
            root: "/checkout/project".into(),
            files,
        }
    }

    /// `path:line` of each finding.
    pub(crate) fn places(findings: &[super::Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|finding| format!("{}:{}", finding.path, finding.line))
            .collect()
    }
}
