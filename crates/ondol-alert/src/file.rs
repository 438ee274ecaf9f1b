//! Prometheus' rule files, read strictly: every key that it does not know is an error with its place.

mod read;
mod validate;

use crate::problem::{Problem, Problems};
use crate::rule::Group;
use crate::template::Template;
use crate::{duration, yaml};
use read::Reader;

/// Time between two evaluations where a file says nothing; Prometheus' own default.
pub const INTERVAL_DEFAULT_MS: u64 = 60_000;

/// What is wrong with an expression: a sentence, and the bytes of it that are to blame.
pub type ExprError = (String, std::ops::Range<usize>);

/// Looks at an expression; this crate knows no PromQL.
pub type CheckExpr<'a> = &'a dyn Fn(&str) -> Result<(), ExprError>;

/// Reads a rule file. `file` is its name for people, and becomes part of the groups' names.
///
/// # Errors
///
/// All that is wrong with it, in the order of the text.
pub fn parse_rules(
    file: &str,
    text: &str,
    check: CheckExpr<'_>,
) -> Result<Vec<Group>, Vec<Problem>> {
    let mut problems = Problems::of(text);
    let tree = yaml::parse(text, &mut problems);
    let groups = match &tree {
        Some(tree) => Reader::new(file, text, check, &mut problems).groups(tree),
        None => Vec::new(),
    };
    let mut problems = problems.into_vec();
    match problems.is_empty() {
        true => Ok(groups),
        false => {
            problems.sort_by_key(|problem| problem.bytes.start);
            Err(problems)
        }
    }
}

/// A template and what it says about itself when it is wrong.
fn template(text: &str) -> Result<Template, String> {
    Template::parse(text).map_err(|error| error.to_string())
}

fn milliseconds(text: &str) -> Result<u64, String> {
    duration::parse(text).ok_or_else(|| format!("`{text}` is not a length of time such as 1m30s"))
}
