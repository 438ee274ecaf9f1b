//! A label matcher: `name="value"`, `!=`, `=~`, `!~`.

mod re2;
mod search;

use std::fmt;
use std::sync::Arc;

pub(crate) use re2::Pattern;
pub use re2::PatternError;

use crate::Labels;
use crate::labels::is_plain_name;
use crate::quote::Quoted;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl MatchOp {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// A condition on the value of one label. Patterns are RE2's and must match the whole value.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: Arc<str>,
    op: MatchOp,
    value: Arc<str>,
    pattern: Option<Arc<Pattern>>,
}

impl Matcher {
    /// Of its three parts.
    ///
    /// # Errors
    ///
    /// When the value should be a pattern and is none, or one that would cost too much.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, PatternError> {
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(Arc::new(Pattern::anchored(value)?)),
        };
        Ok(Self {
            name: name.into(),
            op,
            value: value.into(),
            pattern,
        })
    }

    /// `name="value"`, which cannot fail.
    #[must_use]
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            pattern: None,
        }
    }

    /// Which label it looks at.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub const fn op(&self) -> MatchOp {
        self.op
    }

    /// With what it compares.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value passes. The value of a label that is not there is empty.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.pattern) {
            (MatchOp::Equal, _) => *self.value == *value,
            (MatchOp::NotEqual, _) => *self.value != *value,
            (MatchOp::Matches, Some(pattern)) => pattern.is_match(value),
            (MatchOp::NotMatches, Some(pattern)) => !pattern.is_match(value),
            // Not built without a pattern.
            (MatchOp::Matches | MatchOp::NotMatches, None) => false,
        }
    }

    /// Whether the labels pass.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name))
    }

    /// Whether series without this label pass.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The values that a pattern such as `a|b|c` stands for, so that an index can look them up; `None` when it is
    /// not such a list. For `=` and `!=`, the one value.
    #[must_use]
    pub fn literals(&self) -> Option<Vec<&str>> {
        if self.pattern.is_none() {
            return Some(vec![&self.value]);
        }
        let plain = |c: char| {
            c.is_ascii_alphanumeric() || "_-:/ ,@=%!~#&'\"<>;`".contains(c) || !c.is_ascii()
        };
        let list: Vec<&str> = self.value.split('|').collect();
        list.iter()
            .all(|value| value.chars().all(plain))
            .then_some(list)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            write!(f, "{}", Quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.as_str(), Quoted(&self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(op: MatchOp, value: &str) -> Matcher {
        Matcher::new("job", op, value).unwrap()
    }

    #[test]
    fn a_pattern_must_match_the_whole_value() {
        let of = matcher(MatchOp::Matches, "api|web.*");
        assert!(of.matches("api") && of.matches("web-1") && of.matches("web\nx"));
        assert!(!of.matches("apis") && !of.matches("a web"));
        assert!(matcher(MatchOp::NotMatches, "api").matches("apis"));
        assert!(matcher(MatchOp::Matches, "a?").matches_empty());
    }

    #[test]
    fn a_list_of_words_is_known_as_one() {
        assert_eq!(
            matcher(MatchOp::Matches, "api|web-1").literals(),
            Some(vec!["api", "web-1"])
        );
        assert_eq!(matcher(MatchOp::Matches, "api|w.b").literals(), None);
        assert_eq!(matcher(MatchOp::Equal, "a.b").literals(), Some(vec!["a.b"]));
    }
}
