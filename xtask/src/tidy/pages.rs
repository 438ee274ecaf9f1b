//! Pages keep their promises: links lead somewhere, and commands and folders they name exist.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use clap::CommandFactory;

use crate::Arguments;
use crate::tree::{File, Tree};

use super::Finding;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        let mut fenced = false;
        for (line, text) in file.lines() {
            fenced ^= text.trim_start().starts_with("```");
            let mut find = |rule, says| {
                findings.push(Finding {
                    rule,
                    path: file.path.clone(),
                    line,
                    says,
                });
            };
            if !fenced {
                for target in links(text) {
                    if let Some(says) = broken(tree, file, target) {
                        find("links", says);
                    }
                }
            }
            if let Some(verb) = unknown_verb(text) {
                find(
                    "commands",
                    format!(
                        "`cargo xtask {verb}` does not exist; expected a command that can be typed"
                    ),
                );
            }
            if let Some(folder) = missing_example(tree, text) {
                find(
                    "commands",
                    format!("`{folder}` does not exist; expected an example that can be run"),
                );
            }
        }
    }
    findings
}

/// Targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

fn broken(tree: &Tree, from: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        from.path.clone()
    } else {
        beside(&from.path, path)
    };
    let exists = tree
        .files
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&format!("{path}/")));
    if !exists && !tree.root.join(&path).is_file() {
        return Some(format!("the link leads to `{path}`, which does not exist"));
    }
    let page = tree
        .files
        .iter()
        .find(|file| file.path == path && path.ends_with(".md"))?;
    let missing = !anchor.is_empty() && !headings(page).contains(anchor);
    missing.then(|| format!("the link leads to `#{anchor}`, which is no heading of {path}"))
}

/// `target` as seen from the folder of `from`, without `.` and `..`.
fn beside(from: &str, target: &str) -> String {
    let mut path = Path::new(from)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::RootDir => path = PathBuf::new(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// Anchors of a page, made the way GitHub makes them.
fn headings(page: &File) -> BTreeSet<String> {
    let titles = page.text.lines().filter(|line| line.starts_with('#'));
    titles
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

fn unknown_verb(line: &str) -> Option<&str> {
    let known = Arguments::command();
    line.split("cargo xtask ").skip(1).find_map(|rest| {
        let verb = rest
            .split(|c: char| !c.is_ascii_lowercase() && c != '-')
            .next()?;
        let exists = verb.is_empty() || verb == "help" || known.find_subcommand(verb).is_some();
        (!exists).then_some(verb)
    })
}

fn missing_example<'a>(tree: &Tree, line: &'a str) -> Option<&'a str> {
    line.match_indices("examples/").find_map(|(at, _)| {
        let rest = &line[at..];
        let end = rest[9..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .map_or(rest.len(), |end| end + 9);
        let folder = &rest[..end];
        let exists = end == 9 || tree.files.iter().any(|file| file.path.starts_with(folder));
        (!exists).then_some(folder)
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;

    #[test]
    fn links_lead_to_files_folders_and_headings() {
        let found = check(&tree(&[
            (
                "README.md",
                "# The way in\n[a](docs/a.md) [b](docs/a.md#two-words) [c](docs) [d](#the-way-in) [e](https://example.com/x)\n",
            ),
            (
                "docs/a.md",
                "## Two words\n[up](../README.md)\n[gone](b.md)\n[gone](../README.md#no)\n```\n[not](a-link)\n```\n",
            ),
        ]));
        assert_eq!(places(&found), ["docs/a.md:3", "docs/a.md:4"]);
    }

    #[test]
    fn commands_and_examples_exist() {
        let page = "cargo xtask ci\ncargo xtask dance\n`cargo run -- up examples/shop`\n`up examples/none`\nall of examples/\n";
        let found = check(&tree(&[
            ("README.md", page),
            ("examples/shop/compose.yaml", ""),
        ]));
        assert_eq!(places(&found), ["README.md:2", "README.md:4"]);
    }
}
