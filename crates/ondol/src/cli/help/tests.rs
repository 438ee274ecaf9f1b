use std::collections::BTreeSet;

use clap::{Arg, FromArgMatches};
use expect_test::expect_file;

use super::*;

const INTRODUCTION: &str = "# Command line

<!-- Made from the command line's own help: `UPDATE_EXPECT=1 cargo test -p ondol --bin ondol help` -->

Compose's own names and flags, wherever Compose has one.

- Standard output is data, standard error is talk. With `--json`, data is one JSON object per line.
- Exit codes: **0** done, **1** error, **2** invalid file or command line, **3** rolled back, **4** timeout. `run` and `exec` end with
  the code of what they ran, 126 when it could not be run, 130 after Ctrl-C.
- Which project: the options below, before the verb; else the `compose.yaml` of this folder or one above it; else the only project that
  runs.

See also: [a node on a server](operations.md), [sandboxes](sandbox.md), [what becomes of Compose's keys](compose.md).
";

/// The page of the documentation.
fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    let command = Cli::command();
    text += &table(command.get_arguments());
    for group in &GROUPS {
        let _ = write!(text, "\n## {}\n", group.title);
        for page in group.pages {
            let mut verb = command.find_subcommand(page.verb).unwrap().clone();
            let usage = verb.render_usage().to_string();
            let usage = usage.trim_start_matches("Usage: ").replacen(
                page.verb,
                &format!("ondol {}", page.verb),
                1,
            );
            let _ = write!(
                text,
                "\n### ondol {}\n\n{}. {}\n\n    {usage}\n",
                page.verb,
                summary(&verb),
                page.more
            );
            text += &table(verb.get_arguments());
            for part in verb
                .get_subcommands()
                .filter(|part| part.get_name() != "help")
            {
                let _ = write!(
                    text,
                    "\n`ondol {} {}`: {}\n",
                    page.verb,
                    part.get_name(),
                    summary(part)
                );
                text += &table(part.get_arguments());
            }
            for (typed, what) in page.examples {
                let what = if what.is_empty() {
                    String::new()
                } else {
                    format!(" ({what})")
                };
                let _ = write!(text, "\n`{typed}`{what}\n");
            }
        }
    }
    text
}

fn table<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let hidden =
        |arg: &Arg| arg.is_hide_set() || matches!(arg.get_id().as_str(), "help" | "version");
    let rows: Vec<String> = args.filter(|arg| !hidden(arg)).map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| | |\n|---|---|\n{}", rows.concat())
}

fn row(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let takes = arg.get_action().takes_values();
    let value = names
        .first()
        .map(|name| name.replace('|', "\\|"))
        .filter(|_| takes);
    let flags = [
        arg.get_short().map(|short| format!("-{short}")),
        arg.get_long().map(|long| format!("--{long}")),
    ];
    let flags: Vec<String> = flags.into_iter().flatten().collect();
    let what = match (flags.is_empty(), value) {
        (true, value) => format!("`{}`", value.unwrap_or_default()),
        (false, Some(value)) => format!("`{} {value}`", flags.join("`, `")),
        (false, None) => format!("`{}`", flags.join("`, `")),
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    format!("| {what} | {help} |\n")
}

#[test]
fn the_page_says_what_the_help_says() {
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")].assert_eq(&page());
}

#[test]
fn every_verb_is_in_one_group_and_has_examples_that_can_be_typed() {
    let listed: Vec<&str> = GROUPS
        .iter()
        .flat_map(|group| group.pages)
        .map(|page| page.verb)
        .collect();
    let command = Cli::command();
    let known = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(Command::get_name);
    assert_eq!(
        listed.iter().copied().collect::<BTreeSet<_>>(),
        known.collect()
    );
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len());
    for page in GROUPS.iter().flat_map(|group| group.pages) {
        assert!(!page.examples.is_empty(), "{}", page.verb);
        for (typed, _) in page.examples {
            let words: Vec<&str> = typed.split(' ').collect();
            assert_eq!(words[..2], ["ondol", page.verb]);
            let parsed = super::command()
                .try_get_matches_from(words)
                .map_err(|error| error.to_string());
            assert!(Cli::from_arg_matches(&parsed.unwrap()).is_ok(), "{typed}");
        }
    }
}

#[test]
fn every_line_of_help_is_short_begins_large_and_ends_without_a_dot() {
    let mut command = super::command();
    command.build();
    let verbs = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
    for verb in verbs {
        for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let name = format!("{} {}: {help}", verb.get_name(), arg.get_id());
            assert!(
                !help.is_empty() && help.len() <= 100 && !help.ends_with('.'),
                "{name}"
            );
            assert!(
                !help.starts_with(char::is_lowercase)
                    || help.starts_with("bash")
                    || help.starts_with("tcp"),
                "{name}"
            );
        }
    }
}

#[test]
fn the_help_fits_a_terminal() {
    let mut command = super::command();
    command.build();
    let top = command.render_help().to_string();
    assert!(top.lines().count() <= 60, "{top}");
    let verbs = command
        .get_subcommands_mut()
        .filter(|verb| !verb.is_hide_set());
    let all = verbs
        .map(|verb| verb.render_help().to_string())
        .collect::<String>()
        + &top;
    for line in all.lines() {
        assert!(line.chars().count() <= 110, "{line}");
    }
}

#[test]
fn paragraphs_are_wrapped_between_words() {
    let text = "word ".repeat(40);
    let wrapped = wrapped(text.trim_end());
    assert_eq!(wrapped.replace('\n', " "), text.trim_end());
    assert!(wrapped.lines().count() == 3 && wrapped.lines().all(|line| line.len() <= WIDTH));
}
