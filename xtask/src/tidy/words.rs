//! What must not stand in a source: silenced lints without a reason, unfinished work, this machine.

use std::path::Path;

use crate::tree::{File, Tree};

use super::Finding;

// Written apart, so that this file does not break its own rules.
const UNFINISHED: [&str; 3] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
];
const ALLOWS: [&str; 2] = [concat!("#[al", "low("), concat!("#![al", "low(")];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let here = machine_paths(tree);
    let mut findings = Vec::new();
    for file in &tree.files {
        let mut find = |rule, line, says: String| {
            findings.push(Finding {
                rule,
                path: file.path.clone(),
                line,
                says,
            });
        };
        for (line, text) in file.lines() {
            if let Some(path) = here.iter().find(|path| text.contains(*path)) {
                find(
                    "machine",
                    line,
                    format!(
                        "`{path}` is a folder of one machine; expected nothing that depends on where it is built"
                    ),
                );
            }
            if let Some(host) = stray_registry(file, text) {
                find(
                    "registry",
                    line,
                    format!(
                        "`{host}` is not the public registry; expected a lock file that everybody can use"
                    ),
                );
            }
        }
        if file.path.ends_with(".rs") {
            rust(file, &mut find);
        }
    }
    findings
}

fn rust(file: &File, find: &mut impl FnMut(&'static str, usize, String)) {
    for (line, text) in file.lines() {
        let code = text.trim_start();
        let comment = code.starts_with("//");
        if !comment && ALLOWS.iter().any(|allow| code.starts_with(allow)) {
            find(
                "allow",
                line,
                "a lint silenced for good; expected `#[expect(lint, reason = \"...\")]`".to_owned(),
            );
        }
        if let Some(word) = UNFINISHED
            .iter()
            .find(|word| !comment && code.contains(**word))
        {
            find(
                "unfinished",
                line,
                format!("`{word}..)`; expected finished work"),
            );
        }
        if let Some(letter) = commented(text).chars().find(|c| foreign(*c)) {
            find(
                "english",
                line,
                format!("`{letter}` in a comment; expected English in the code"),
            );
        }
    }
    let main = file.path.ends_with("/src/lib.rs") || file.path.ends_with("/src/main.rs");
    if main && !file.text.starts_with("//!") {
        find(
            "crate-doc",
            1,
            "a crate that does not say what it is; expected `//!` in its first line".to_owned(),
        );
    }
}

/// Folders that only this machine has: the checkout and what is around it, and the home of who builds.
fn machine_paths(tree: &Tree) -> Vec<String> {
    let checkout = tree.root.ancestors();
    let home = std::env::home_dir();
    checkout
        .chain(home.as_deref())
        .filter(|folder| is_telling(folder))
        .map(|folder| format!("{}/", folder.display()))
        .collect()
}

/// `/` and the top folders of every Unix are no secret.
fn is_telling(folder: &Path) -> bool {
    const EVERYWHERE: [&str; 13] = [
        "/", "/builds", "/home", "/mnt", "/opt", "/private", "/root", "/srv", "/tmp", "/usr",
        "/usr/src", "/var", "/var/tmp",
    ];
    !EVERYWHERE.iter().any(|common| folder == Path::new(common))
}

fn stray_registry<'a>(file: &File, line: &'a str) -> Option<&'a str> {
    let quoted = |line: &'a str| line.split('"').rev().nth(1);
    match file.name() {
        "Cargo.lock" => line
            .strip_prefix("source = ")
            .and_then(quoted)
            .filter(|source| *source != CRATES_IO),
        "package-lock.json" => line
            .trim_start()
            .strip_prefix("\"resolved\": ")
            .and_then(quoted)
            .filter(|source| !source.starts_with(NPM)),
        _ => None,
    }
}

fn commented(line: &str) -> &str {
    line.split_once("// ")
        .or_else(|| line.split_once("/// "))
        .map_or("", |(_, comment)| comment)
}

/// Letters of the languages that people here also write.
fn foreign(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<String> {
        check(&tree(&[(path, text)]))
            .iter()
            .map(|found| format!("{}:{}", found.rule, found.line))
            .collect()
    }

    #[test]
    fn a_silenced_lint_is_found_and_an_expected_one_is_not() {
        assert_eq!(
            rules("a.rs", &format!("\n  {}dead_code)]\n", ALLOWS[0])),
            ["allow:2"]
        );
        assert_eq!(
            rules("a.rs", "#[expect(dead_code, reason = \"why\")]\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            assert_eq!(
                rules("a.rs", &format!("let x = {word});")),
                ["unfinished:1"]
            );
            assert!(rules("a.rs", &format!("// never {word})")).is_empty());
        }
    }

    #[test]
    fn comments_are_english_and_text_may_be_anything() {
        assert_eq!(rules("a.rs", "let a = 1; // \u{d55c}"), ["english:1"]);
        assert!(rules("a.rs", "let a = \"\u{d55c}\";").is_empty());
    }

    #[test]
    fn a_crate_says_what_it_is() {
        assert_eq!(rules("crates/a/src/lib.rs", "mod a;\n"), ["crate-doc:1"]);
        assert!(rules("crates/a/src/lib.rs", "//! A.\nmod a;\n").is_empty());
    }

    #[test]
    fn folders_of_this_machine_are_found() {
        let found = check(&tree(&[(
            "docs/a.md",
            "ok /var/lib\nsee /checkout/project/target\nand /checkout/notes\n",
        )]));
        assert_eq!(places(&found), ["docs/a.md:2", "docs/a.md:3"]);
    }

    #[test]
    fn lock_files_point_at_the_public_registries() {
        assert!(rules("Cargo.lock", &format!("source = \"{CRATES_IO}\"")).is_empty());
        assert_eq!(
            rules(
                "Cargo.lock",
                "source = \"registry+https://mirror.example/\""
            ),
            ["registry:1"]
        );
        assert!(
            rules(
                "x/package-lock.json",
                &format!("  \"resolved\": \"{NPM}a/-/a.tgz\",")
            )
            .is_empty()
        );
        assert_eq!(
            rules(
                "x/package-lock.json",
                "  \"resolved\": \"https://mirror.example/a.tgz\","
            ),
            ["registry:1"]
        );
    }
}
