use regex_automata::Input;
use regex_automata::meta::{Config, Regex};

/// Memory that one compiled expression may take; a larger one is a mistake.
const BYTES_MAX: usize = 1 << 20;

/// A regular expression that the whole of a text must match, in linear time whatever either of them is.
#[derive(Clone, Debug)]
pub(crate) struct Expression(Regex);

impl Expression {
    /// The error is for people.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let config = Config::new()
            .nfa_size_limit(Some(BYTES_MAX))
            .hybrid_cache_capacity(BYTES_MAX);
        Regex::builder()
            .configure(config)
            .build(&format!("^(?:{text})$"))
            .map(Expression)
            .map_err(|error| match error.syntax_error() {
                Some(error) => format!("`{text}` is not a regular expression: {error}"),
                None => format!("the regular expression `{text}` is too large"),
            })
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// `template` with `$1`, `${name}` and so on put in; the text itself when it does not match.
    pub(crate) fn replace(&self, text: &str, template: &str) -> String {
        let mut captures = self.0.create_captures();
        self.0.search_captures(&Input::new(text), &mut captures);
        if !captures.is_match() {
            return text.to_owned();
        }
        let mut new = String::new();
        captures.interpolate_string_into(text, template, &mut new);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_the_whole_text_or_not_at_all() {
        let version = Expression::new("/v([0-9]+)/(.*)").unwrap();
        assert!(version.fits("/v2/users"));
        assert!(!version.fits("/api/v2/users"));
        assert_eq!(version.replace("/v2/users", "/$2?v=$1"), "/users?v=2");
        assert_eq!(version.replace("/other", "/$2"), "/other");
        assert!(Expression::new("a|b").unwrap().fits("b"));
        assert!(!Expression::new("a|b").unwrap().fits("bc"));
    }

    #[test]
    fn what_is_no_expression_or_a_huge_one_is_refused_in_words() {
        let error = Expression::new("/v[").unwrap_err();
        assert!(error.contains("not a regular expression"), "{error}");
        let error = Expression::new("(((a{100}){100}){100}){100}").unwrap_err();
        assert!(error.contains("too large"), "{error}");
    }
}
