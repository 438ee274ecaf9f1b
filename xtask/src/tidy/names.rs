//! Names say what a thing is. These words say nothing.

use crate::tree::Tree;

use super::Finding;

const EMPTY_WORDS: [&str; 11] = [
    "Manager",
    "Handler",
    "Helper",
    "Helpers",
    "Util",
    "Utils",
    "Utilities",
    "Common",
    "Info",
    "Data",
    "Misc",
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".rs") {
        let mut find = |rule, line, says| {
            findings.push(Finding {
                rule,
                path: file.path.clone(),
                line,
                says,
            });
        };
        let stem = file.name().trim_end_matches(".rs");
        if stem == "mod" {
            find(
                "mod-rs",
                1,
                "`mod.rs`; expected `foo.rs` beside `foo/`".to_owned(),
            );
        }
        if let Some(word) = empty_word(&camel(stem)) {
            find(
                "names",
                1,
                format!("a file called `{stem}.rs`; expected a name that says more than `{word}`"),
            );
        }
        for (line, text) in file.lines() {
            if let Some((name, word)) =
                declared(text).and_then(|name| Some((name, empty_word(name)?)))
            {
                find(
                    "names",
                    line,
                    format!("a type called `{name}`; expected a name that says more than `{word}`"),
                );
            }
        }
    }
    findings
}

/// The type that this line declares. One inside an `impl` is called what its trait calls it.
fn declared(line: &str) -> Option<&str> {
    if line.trim_start().starts_with("type ") && line.starts_with(' ') {
        return None;
    }
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with("pub"));
    if !matches!(
        words.next()?,
        "struct" | "enum" | "trait" | "type" | "union"
    ) {
        return None;
    }
    words
        .next()?
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

fn empty_word(name: &str) -> Option<&'static str> {
    EMPTY_WORDS.into_iter().find(|word| name.ends_with(word))
}

/// `state_info` -> `StateInfo`.
fn camel(stem: &str) -> String {
    stem.split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;

    #[test]
    fn empty_words_are_found_in_files_and_types() {
        let found = check(&tree(&[
            ("src/http_helpers.rs", ""),
            ("src/a/mod.rs", ""),
            (
                "src/a.rs",
                "use x::FooManager;\npub(crate) struct ProbeInfo<T>(T);\nenum Data {\n    type Data = X;\n",
            ),
            (
                "src/database.rs",
                "struct PhantomDatabase;\n// struct OldManager\n",
            ),
        ]));
        assert_eq!(
            places(&found),
            [
                "src/http_helpers.rs:1",
                "src/a/mod.rs:1",
                "src/a.rs:2",
                "src/a.rs:3"
            ]
        );
    }
}
