//! A page of the documentation as a story that is played: its files are written, its commands typed, its answers compared.
//!
//! A fence says what is done with it. `yaml compose.yaml` is a file of that name; `console run` holds commands
//! (`$ ...`) and what they print. In an answer, `...` stands for anything: inside a line, or for whole lines when alone.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::TestNode;

/// What a page asks for, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A file and its text.
    File {
        /// Relative to the folder of the story.
        name: String,
        /// All of it.
        text: String,
    },
    /// A command and the lines that it prints.
    Command {
        /// Line of the page, from 1.
        line: usize,
        /// As typed.
        typed: String,
        /// Expected on standard output and standard error together.
        printed: Vec<String>,
    },
}

/// Reads the scenes of a page.
pub fn scenes(page: &str) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| !line.starts_with("```"))
            .collect();
        match fence.split_once(' ') {
            Some(("console", "run")) => commands(&inside, &mut scenes),
            Some((_, name)) if name.contains(['.', '/']) => scenes.push(Scene::File {
                name: name.trim().to_owned(),
                text: inside.iter().map(|(_, line)| format!("{line}\n")).collect(),
            }),
            _ => {}
        }
    }
    scenes
}

/// Plays the scenes in `folder`; `ondol` is the node's binary and talks to that node.
pub fn play(scenes: &[Scene], node: &TestNode, folder: &Path) -> Result<()> {
    for scene in scenes {
        match scene {
            Scene::File { name, text } => {
                let path = folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
                std::fs::write(&path, text)
                    .with_context(|| format!("{} cannot be written", path.display()))?;
            }
            Scene::Command {
                line,
                typed,
                printed,
            } => {
                let got = type_in(typed, node, folder)
                    .with_context(|| format!("line {line}: `{typed}`"))?;
                let lines: Vec<&str> = got.lines().map(str::trim_end).collect();
                let wanted: Vec<&str> = printed.iter().map(|line| line.trim_end()).collect();
                if !matches(&wanted, &lines) {
                    bail!(
                        "line {line}: `{typed}` printed\n{got}expected\n{}\n{}",
                        printed.join("\n"),
                        node.logs()
                    );
                }
            }
        }
    }
    Ok(())
}

fn commands(inside: &[(usize, &str)], scenes: &mut Vec<Scene>) {
    for (at, text) in inside {
        if let Some(typed) = text.strip_prefix("$ ") {
            scenes.push(Scene::Command {
                line: at + 1,
                typed: typed.to_owned(),
                printed: Vec::new(),
            });
        } else if let Some(Scene::Command { printed, .. }) = scenes.last_mut() {
            printed.push((*text).to_owned());
        }
    }
}

fn type_in(typed: &str, node: &TestNode, folder: &Path) -> Result<String> {
    let mut shell = node.shell(&format!("{{ {typed}\n}} 2>&1"));
    let output = shell.current_dir(folder).stdin(Stdio::null()).output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("ended with {}\n{printed}{}", output.status, node.logs());
    }
    Ok(printed)
}

/// Whether the lines are as wanted, with `...` for anything.
fn matches(wanted: &[&str], lines: &[&str]) -> bool {
    match wanted {
        [] => lines.is_empty(),
        ["...", rest @ ..] => (0..=lines.len()).any(|skip| matches(rest, &lines[skip..])),
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, lines)| like(first, line) && matches(rest, lines)),
    }
}

fn like(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split("...");
    let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((end, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestDir;

    const PAGE: &str = "\
# Start
```yaml compose.yaml
services: {}
```
Words.
```console run
$ cat compose.yaml
services: {}
$ echo 1; echo 2; echo took 12 ms, well
...
took ... ms...
```
```console
$ not run
```
";

    #[test]
    fn a_page_is_read_as_files_and_commands() {
        let scenes = scenes(PAGE);
        assert_eq!(scenes.len(), 3);
        assert_eq!(
            scenes[0],
            Scene::File {
                name: "compose.yaml".into(),
                text: "services: {}\n".into()
            }
        );
        assert!(
            matches!(&scenes[1], Scene::Command { line: 7, typed, printed } if typed == "cat compose.yaml" && printed == &["services: {}"])
        );
    }

    #[test]
    fn a_page_that_tells_the_truth_plays_and_a_lie_is_found() {
        let (node, folder) = (
            TestNode::absent("/bin/true").unwrap(),
            TestDir::new().unwrap(),
        );
        play(&scenes(PAGE), &node, folder.path()).unwrap();
        for lie in [
            "$ echo no\nyes",
            "$ true\nmore",
            "$ false",
            "$ echo 1; echo 2\n1",
        ] {
            let page = format!("```console run\n{lie}\n```\n");
            assert!(play(&scenes(&page), &node, folder.path()).is_err(), "{lie}");
        }
        node.stop().unwrap();
    }

    #[test]
    fn three_dots_stand_for_anything() {
        for (wanted, line) in [
            ("a...c", "abbc"),
            ("...", ""),
            ("a...", "a"),
            ("x ... y ... z", "x 1 y 2 z"),
        ] {
            assert!(like(wanted, line), "{wanted}");
        }
        for (wanted, line) in [("a...c", "ab"), ("a", "ab"), ("...y...", "xz")] {
            assert!(!like(wanted, line), "{wanted}");
        }
    }
}
