//! Conditions on fields: what they say, and how a whole column is asked at once.

use std::sync::Arc;

use memchr::memmem;
use regex_automata::Input;
use regex_automata::meta::{BuildError, Regex};

use super::TRACE_ID;
use super::block::{Column, Values};
use super::filter::{inner_tokens, token_hash, tokens};

/// A condition on one field. An event without the field has an empty one.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Which field.
    pub field: String,
    /// What it must be.
    pub test: Test,
    /// Whether it must not be so.
    pub negated: bool,
}

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Test {
    /// Has this in it.
    Contains(String),
    /// Is this.
    Equals(String),
    /// Has something in it that the pattern matches; made by [`Test::pattern`].
    Matches(Pattern),
    /// Is a number not below this.
    AtLeast(f64),
    /// Is a number not above this.
    AtMost(f64),
}

/// A pattern, ready to search with.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Arc<Regex>,
    /// Whether a match depends on nothing but what it matches, so that many values can be searched as one text.
    is_free: bool,
}

/// Memory that a pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Test {
    /// A pattern, which may stand anywhere in the value.
    ///
    /// # Errors
    ///
    /// When it is no pattern, or one that would cost too much.
    pub fn pattern(pattern: &str) -> Result<Self, Box<BuildError>> {
        let config = Regex::config()
            .nfa_size_limit(Some(PATTERN_BYTES_MAX))
            .hybrid_cache_capacity(PATTERN_BYTES_MAX);
        let regex = Regex::builder()
            .configure(config)
            .build(pattern)
            .map_err(Box::new)?;
        // Anchors and word boundaries look around; to take a `^` of a class for one costs time and nothing else.
        let looks = |two: &[u8]| {
            two.first() == Some(&b'\\') && two.last().is_some_and(|b| b"bBAz<>".contains(b))
        };
        let looks = pattern.contains(['^', '$']) || pattern.as_bytes().windows(2).any(looks);
        let is_free = !looks && !regex.is_match("");
        Ok(Test::Matches(Pattern {
            regex: Arc::new(regex),
            is_free,
        }))
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Test::Contains(part) => memmem::find(value.as_bytes(), part.as_bytes()).is_some(),
            Test::Equals(whole) => value == whole,
            Test::Matches(pattern) => pattern.regex.is_match(value),
            Test::AtLeast(_) | Test::AtMost(_) => {
                value.parse().is_ok_and(|value| self.holds_for(value))
            }
        }
    }

    /// The same of a number, for the tests of numbers.
    fn holds_for(&self, value: f64) -> bool {
        match self {
            Test::AtLeast(least) => value >= *least,
            Test::AtMost(most) => value <= *most,
            _ => false,
        }
    }
}

/// Whether all conditions hold for an event with these fields.
pub(super) fn holds_for_all(conditions: &[Condition], fields: &[(&str, &str)]) -> bool {
    conditions.iter().all(|condition| {
        let value = fields.iter().find(|(name, _)| *name == condition.field);
        condition.test.holds(value.map_or("", |(_, value)| value)) != condition.negated
    })
}

/// Takes rows away for which the condition does not hold.
pub(super) fn keep(rows: &mut [bool], column: Option<&Column<'_>>, condition: &Condition) {
    let holds = |value: &str| condition.test.holds(value) != condition.negated;
    let Some(column) = column else {
        if !holds("") {
            rows.fill(false);
        }
        return;
    };
    match (&column.values, &condition.test, condition.negated) {
        (Values::Texts(ends, texts), Test::Contains(part), false) if !part.is_empty() => {
            let finder = memmem::Finder::new(part.as_bytes());
            return keep_texts(
                rows,
                ends,
                texts,
                |from| finder.find(from.as_bytes()),
                holds,
            );
        }
        (Values::Texts(ends, texts), Test::Matches(pattern), false) if pattern.is_free => {
            // Where the first match could end: to ask where it ends at the latest could read all other texts too.
            let find = |from: &str| {
                let first = pattern.regex.search_half(&Input::new(from).earliest(true));
                first.map(|end| end.offset().saturating_sub(1))
            };
            return keep_texts(rows, ends, texts, find, holds);
        }
        (Values::Whole(numbers), Test::AtLeast(_) | Test::AtMost(_), negated) => {
            for (at, (row, number)) in rows.iter_mut().zip(numbers).enumerate() {
                *row &=
                    (column.is_present(at) && condition.test.holds_for(*number as f64)) != negated;
            }
            return;
        }
        _ => {}
    }
    if let (Values::Dictionary(words, places), None) =
        (&column.values, column.absent_row(rows.len()))
    {
        let verdicts: Vec<bool> = words.iter().map(|word| holds(word)).collect();
        for (row, place) in rows.iter_mut().zip(*places) {
            *row &= verdicts.get(usize::from(*place)) == Some(&true);
        }
        return;
    }
    for (at, row) in rows.iter_mut().enumerate() {
        *row = *row && holds(&column.get(at).unwrap_or_default());
    }
}

/// Texts stand one after the other: one search over all of them says which rows are worth a look.
fn keep_texts(
    rows: &mut [bool],
    ends: &[u32],
    texts: &str,
    find: impl Fn(&str) -> Option<usize>,
    holds: impl Fn(&str) -> bool,
) {
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = texts.get(from..).and_then(&find) {
        // What is found may reach from one text into the next, so the text itself decides.
        let row = ends.partition_point(|end| *end as usize <= from + found);
        let start = row
            .checked_sub(1)
            .and_then(|before| ends.get(before))
            .map_or(0, |end| *end as usize);
        let Some(end) = ends.get(row).map(|end| *end as usize) else {
            break;
        };
        rows.get_mut(done..row).unwrap_or_default().fill(false);
        if let Some(row) = rows.get_mut(row) {
            *row = *row && holds(texts.get(start..end).unwrap_or_default());
        }
        done = row + 1;
        from = end;
    }
    rows.get_mut(done..).unwrap_or_default().fill(false);
}

/// Hashes of words that a block must have.
pub(super) fn needed_tokens(condition: &Condition) -> Vec<u64> {
    match (&condition.test, condition.negated) {
        // Ids of traces are not in the filter.
        _ if condition.field == TRACE_ID => Vec::new(),
        (Test::Contains(part), false) => inner_tokens(part.as_bytes()).map(token_hash).collect(),
        (Test::Equals(whole), false) => tokens(whole.as_bytes()).map(token_hash).collect(),
        _ => Vec::new(),
    }
}
