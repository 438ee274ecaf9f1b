use std::path::Path;

use super::pattern;

/// A `.dockerignore` file (Docker's build reference): the last rule that matches counts; a rule that matches a folder
/// covers what is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    exception: bool,
    parts: Vec<String>,
}

const RULES_MAX: usize = 2_000;

impl Ignore {
    pub(super) fn parse(text: &str) -> Self {
        let rules = text
            .trim_start_matches('\u{feff}')
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .take(RULES_MAX)
            .map(|line| {
                let (exception, line) = match line.strip_prefix('!') {
                    Some(rest) => (true, rest.trim()),
                    None => (false, line),
                };
                let parts = line
                    .split('/')
                    .filter(|part| !part.is_empty() && *part != ".")
                    .map(str::to_string)
                    .collect();
                Rule { exception, parts }
            })
            .filter(|rule: &Rule| !rule.parts.is_empty())
            .collect();
        Ignore { rules }
    }

    /// Rules with `!` can bring back what is in a folder that is left out.
    pub(super) fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.exception)
    }

    pub(super) fn ignores(&self, path: &Path) -> bool {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let mut ignored = false;
        for rule in &self.rules {
            if rule.exception == ignored
                && (1..=parts.len()).any(|len| matches(&rule.parts, &parts[..len]))
            {
                ignored = !rule.exception;
            }
        }
        ignored
    }
}

fn matches(rule: &[String], path: &[std::borrow::Cow<'_, str>]) -> bool {
    match rule.split_first() {
        None => path.is_empty(),
        Some((part, rest)) if part == "**" => {
            (0..=path.len()).any(|skipped| matches(rest, &path[skipped..]))
        }
        Some((part, rest)) => path
            .split_first()
            .is_some_and(|(name, below)| pattern::matches(part, name) && matches(rest, below)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_matches_counts() {
        let ignore = Ignore::parse(
            "# comment\nnode_modules\n*.md\n!README.md\n**/*.log\n/target/\nsecret*/**\ndocs\n!docs/keep",
        );
        for (path, ignored) in [
            ("node_modules", true),
            ("node_modules/a/b.js", true),
            ("src/node_modules", false),
            ("CHANGES.md", true),
            ("README.md", false),
            ("a/b/x.log", true),
            ("target/debug", true),
            ("secrets/x", true),
            ("docs/a", true),
            ("docs/keep/a", false),
        ] {
            assert_eq!(ignore.ignores(Path::new(path)), ignored, "{path}");
        }
    }
}
