//! Patterns that are looked for anywhere in a text, which is what lines are asked with.

use super::re2::{Pattern, PatternError, filled_in, translate};

impl Pattern {
    /// Matches anywhere. `dot_all`: whether `.` matches a line end.
    pub(crate) fn anywhere(pattern: &str, dot_all: bool) -> Result<Self, PatternError> {
        Self::compile(&Self::in_rust(pattern, dot_all)?)
    }

    /// The same pattern as the engine writes it, for stores that compile it themselves.
    pub(crate) fn in_rust(pattern: &str, dot_all: bool) -> Result<String, PatternError> {
        let translated = translate(pattern)?;
        Ok(if dot_all {
            format!("(?s:{translated})")
        } else {
            translated
        })
    }

    /// Numbers and names of the groups that have one.
    pub(crate) fn named_groups(&self) -> Vec<(usize, String)> {
        let names = self
            .0
            .group_info()
            .pattern_names(regex_automata::PatternID::ZERO);
        names
            .enumerate()
            .filter_map(|(at, name)| Some((at, name?.to_owned())))
            .collect()
    }

    /// What each of these groups matched first; `None` when the text does not match.
    pub(crate) fn groups<'t>(&self, text: &'t str, wanted: &[usize]) -> Option<Vec<&'t str>> {
        let mut found = self.0.create_captures();
        self.0.captures(text, &mut found);
        let group = |at: &usize| {
            let span = found.get_group(*at);
            span.and_then(|span| text.get(span.range()))
                .unwrap_or_default()
        };
        found.is_match().then(|| wanted.iter().map(group).collect())
    }

    /// How often it matches.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.find_iter(text).count()
    }

    /// The text with all matches replaced; `$1` in the replacement is a group unless it is `literal`.
    pub(crate) fn replace_all(&self, text: &str, replacement: &str, literal: bool) -> String {
        let (mut out, mut done) = (String::new(), 0);
        for found in self.0.captures_iter(text) {
            let Some(span) = found.get_match().map(|found| found.span()) else {
                continue;
            };
            out.push_str(text.get(done..span.start).unwrap_or_default());
            if literal {
                out.push_str(replacement);
            } else {
                out.push_str(&filled_in(replacement, text, &found));
            }
            done = span.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_anywhere_and_its_groups_are_told() {
        let pattern = Pattern::anywhere(r"(?P<a>\d+)-(x)(?P<b>.*)", false).unwrap();
        assert_eq!(
            pattern.named_groups(),
            [(1, "a".to_owned()), (3, "b".to_owned())]
        );
        assert_eq!(pattern.groups("y 12-xz\nw", &[1, 3]), Some(vec!["12", "z"]));
        assert_eq!(pattern.groups("none", &[1]), None);
        assert!(Pattern::anywhere("a.b", true).unwrap().is_match("a\nb"));
        assert!(!Pattern::anywhere("a.b", false).unwrap().is_match("a\nb"));
    }

    #[test]
    fn all_matches_are_counted_and_replaced() {
        let pattern = Pattern::anywhere("(a)b", false).unwrap();
        assert_eq!(pattern.count("abab ab"), 3);
        assert_eq!(pattern.replace_all("xab-ab", "<$1>", false), "x<a>-<a>");
        assert_eq!(pattern.replace_all("xab", "<$1>", true), "x<$1>");
        assert_eq!(
            Pattern::anywhere("x*", false)
                .unwrap()
                .replace_all("ab", "-", true),
            "-a-b-"
        );
    }
}
