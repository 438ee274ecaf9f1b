//! Matchers of labels, as Alertmanager writes them: `severity="page"`, `service=~"web|api"`.

use ondol_model::{LabelMatcher, MatchBy};
use regex_automata::meta::Regex;

use crate::rule::Labels;

/// What a pattern may become when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A matcher that is ready to be asked.
#[derive(Clone, Debug)]
pub struct Matcher {
    spec: LabelMatcher,
    /// Of those that have a pattern; it matches whole values.
    pattern: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Matcher {
    /// Makes it ready.
    ///
    /// # Errors
    ///
    /// That its pattern is none.
    pub fn new(spec: LabelMatcher) -> Result<Self, String> {
        let pattern = match spec.by {
            MatchBy::Equal | MatchBy::NotEqual => None,
            MatchBy::Matches | MatchBy::MatchesNot => {
                let config = Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX));
                let whole = format!("^(?s:{})$", spec.value);
                let built = Regex::builder().configure(config).build(&whole);
                Some(built.map_err(|why| format!("{:?} is not a pattern: {why}", spec.value))?)
            }
        };
        Ok(Matcher { spec, pattern })
    }

    /// As it was written.
    pub fn spec(&self) -> &LabelMatcher {
        &self.spec
    }

    /// A label that is not there is an empty one.
    pub fn is_match(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.spec.name).map_or("", String::as_str);
        let matches = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => value == self.spec.value,
        };
        let wanted = matches!(self.spec.by, MatchBy::Equal | MatchBy::Matches);
        matches == wanted
    }
}

/// All of them, ready.
///
/// # Errors
///
/// That a pattern is none.
pub fn matchers(specs: &[LabelMatcher]) -> Result<Vec<Matcher>, String> {
    specs.iter().cloned().map(Matcher::new).collect()
}

#[cfg(test)]
mod tests {
    use ondol_model::{parse_matcher, parse_matchers};

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn matchers_are_read_and_asked() {
        let web = labels(&[("alertname", "Slow"), ("service", "web")]);
        for (text, matches) in [
            ("service=web", true),
            ("service=\"web\"", true),
            ("service != \"web\"", false),
            ("service=~\"we.|api\"", true),
            ("service=~\"we\"", false),
            ("service!~\"we\"", true),
            ("team=\"\"", true),
            ("team!=\"\"", false),
            ("Slow", true),
            ("{service=\"web\", alertname=~\"S.*\"}", true),
            ("service=\"a,b\"", false),
        ] {
            let specs = parse_matchers(text).unwrap();
            let all = matchers(&specs).unwrap();
            assert_eq!(all.iter().all(|m| m.is_match(&web)), matches, "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        let pattern = parse_matcher("a=~\"(\"").unwrap();
        assert!(Matcher::new(pattern).is_err());
    }
}
