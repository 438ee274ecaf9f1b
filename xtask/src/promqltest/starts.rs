//! When counting began, for the samples of a load: `@st -1m -1m+30sx5`.

use super::script::time;

/// For each sample, how long before it, or nothing; from the beginning again when there are more samples.
#[derive(Clone)]
pub(super) struct Starts(Vec<Option<Start>>);

#[derive(Clone, Copy)]
enum Start {
    /// So much later than the sample, mostly a negative time.
    Offset(i64),
    /// As the one before.
    Same,
}

/// The series, unless it is for all, and the times of a line that says when counting began.
pub(super) fn split(line: &str) -> Option<(Option<&str>, &str)> {
    if let Some(times) = line.strip_prefix("@st ") {
        return Some((None, times));
    }
    let (series, times) = line.split_once("@st ")?;
    let names_series = series.ends_with('}')
        || series
            .chars()
            .all(|c| c.is_alphanumeric() || "_:".contains(c));
    names_series.then_some((Some(series), times))
}

impl Starts {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut list = Vec::new();
        for item in text.split_whitespace() {
            let (base, times) = match item.rsplit_once('x') {
                Some((base, times)) => (
                    base,
                    Some(times.parse::<usize>().map_err(|error| error.to_string())?),
                ),
                None => (item, None),
            };
            match base {
                "_" => list.extend(vec![None; times.unwrap_or(1)]),
                "*" => list.extend(vec![Some(Start::Same); times.unwrap_or(1)]),
                _ => {
                    let sign = base[1..].find(['+', '-']).map(|at| at + 1);
                    let (first, step) = match sign {
                        Some(at) => (
                            time(&base[..at])?,
                            time(base[at..].trim_start_matches('+'))?,
                        ),
                        None => (time(base.trim_start_matches('+'))?, 0),
                    };
                    for at in 0..=times.unwrap_or(0) {
                        let at = i64::try_from(at).map_err(|error| error.to_string())?;
                        list.push(Some(Start::Offset(first + at * step)));
                    }
                }
            }
        }
        Ok(Self(list))
    }

    /// When counting began for the sample of this number and time; 0 when it is not said.
    pub(super) fn of(&self, number: usize, time_ms: i64, before: i64) -> i64 {
        if self.0.is_empty() {
            return 0;
        }
        match self.0[number % self.0.len()] {
            None => 0,
            Some(Start::Offset(offset)) => time_ms + offset,
            Some(Start::Same) => before,
        }
    }
}
