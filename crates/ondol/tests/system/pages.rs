//! The documentation tells the truth: its commands are typed, and its overview of verbs and flags is the binary's own.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use ondol_test::{Scene, TestDir, TestNode, play, scenes};

use crate::{ONDOL, project};

#[test]
fn commands_in_the_documentation_do_what_it_says() -> Result<()> {
    let mut pages = vec![project().join("README.md")];
    pages.extend(
        fs::read_dir(project().join("docs"))?
            .flatten()
            .map(|entry| entry.path()),
    );
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut played = 0;
    for page in pages {
        let scenes = scenes(&fs::read_to_string(&page)?);
        if !scenes
            .iter()
            .any(|scene| matches!(scene, Scene::Command { .. }))
        {
            continue;
        }
        let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
        play(&scenes, &node, folder.path()).with_context(|| page.display().to_string())?;
        node.stop()?;
        played += 1;
    }
    assert!(played > 0, "no page has commands to run");
    Ok(())
}

#[test]
fn the_page_of_the_command_line_has_every_verb_and_no_flag_that_is_not_there() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    let page = fs::read_to_string(project().join("docs/cli.md"))?;
    let mut described = BTreeSet::new();
    for section in page.split("\n### ondol ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap_or((section, ""));
        let mut known = String::new();
        for verb in title.split(", ") {
            described.insert(verb.to_owned());
            known += &node.ok(folder.path(), [verb, "--help"])?.stdout;
        }
        for flag in flags(text) {
            assert!(
                known.contains(flag),
                "docs/cli.md: `{title}` has no `{flag}`"
            );
        }
    }
    let help = node.ok(folder.path(), ["--help"])?.stdout;
    let listed = help
        .split_once("Commands:")
        .context("no list of commands in --help")?
        .1;
    let lines = listed.lines().skip(1).take_while(|line| !line.is_empty());
    let verbs: BTreeSet<String> = lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert_eq!(
        described, verbs,
        "docs/cli.md describes other verbs than there are"
    );
    node.stop()
}

/// Every `--flag` that a text names as code.
fn flags(text: &str) -> BTreeSet<&str> {
    let code = text.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(' '))
        .filter(|word| word.starts_with("--"))
        .collect()
}
