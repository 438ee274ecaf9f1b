//! Aggregations that need all series at once: `topk`, `bottomk`, `limitk`, `limit_ratio`, `count_values`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::ast::{Aggregate, Expr};
use super::super::operator::Aggregation;
use super::aggregate::{check_label_name, group_of};
use super::row::{Cell, Row, Rows, Sink};
use super::{Done, EvalError, Evaluator, Times};
use crate::Labels;
use crate::number::{general, plain};

impl Evaluator<'_> {
    pub(super) fn pick(&self, aggregate: &Aggregate, times: Times, sink: Sink<'_>) -> Done {
        let Some(parameter) = &aggregate.parameter else {
            return Err(EvalError::failed("an aggregation lacks its parameter"));
        };
        if aggregate.op == Aggregation::CountValues {
            return self.count_values(aggregate, parameter, times, sink);
        }
        let numbers = self.scalar(parameter, times)?;
        let counts = match aggregate.op {
            Aggregation::LimitRatio => self.check_ratios(&numbers, parameter)?,
            _ => match check_counts(numbers)? {
                Some(counts) => counts,
                None => return Ok(()),
            },
        };
        let mut rows = self.vector(&aggregate.expr, times)?;
        let mut index: BTreeMap<Labels, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let labels = group_of(aggregate, &row.labels);
            let group = *index.entry(labels).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(at);
        }
        let mut order = Vec::new();
        for (step, number) in counts.iter().enumerate() {
            for group in &groups {
                let picked = self.pick_of(aggregate, &rows, group, step, *number);
                for at in group {
                    if !picked.contains(at) {
                        rows[*at].cells[step] = Cell::Absent;
                    }
                }
                if times.count == 1 {
                    order.extend(picked);
                }
            }
        }
        if times.count != 1 {
            order = (0..rows.len()).collect();
        }
        for at in order {
            if !rows[at].is_empty() {
                sink(&mut rows[at])?;
            }
        }
        Ok(())
    }

    /// Which series of a group are picked at a step, in order.
    fn pick_of(
        &self,
        aggregate: &Aggregate,
        rows: &[Row],
        group: &[usize],
        step: usize,
        number: f64,
    ) -> Vec<usize> {
        let present = group
            .iter()
            .copied()
            .filter(|at| !rows[*at].cells[step].is_absent());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "negative ones count as none, large ones as all"
        )]
        let count = number.max(0.0) as usize;
        let descending = match aggregate.op {
            Aggregation::Limitk => return present.take(count).collect(),
            Aggregation::LimitRatio => {
                return present
                    .filter(|at| in_ratio(&rows[*at].labels, number))
                    .collect();
            }
            op => op == Aggregation::Topk,
        };
        let mut values: Vec<(f64, usize)> = Vec::new();
        for at in present {
            match rows[at].cells[step].float() {
                Some(value) => values.push((value, at)),
                None => self.note_ignored(aggregate.op, aggregate.place),
            }
        }
        values.sort_by(|a, b| nan_last(a.0, b.0, descending));
        values.truncate(count);
        values.into_iter().map(|(_, at)| at).collect()
    }

    fn check_ratios(&self, ratios: &[f64], parameter: &Expr) -> Done<Vec<f64>> {
        ratios
            .iter()
            .map(|ratio| {
                if ratio.is_nan() {
                    return Err(EvalError::failed("Ratio value is NaN"));
                }
                let capped = ratio.clamp(-1.0, 1.0);
                if capped != *ratio {
                    self.warn(
                        parameter.bare().place(),
                        format!(
                            "ratio value should be between -1 and 1, got {}, capping to {}",
                            general(*ratio),
                            general(capped)
                        ),
                    );
                }
                Ok(capped)
            })
            .collect()
    }

    fn count_values(
        &self,
        aggregate: &Aggregate,
        parameter: &Expr,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let Expr::String(literal) = parameter.bare() else {
            return Err(EvalError::failed("count_values needs the name of a label"));
        };
        let label = check_label_name(&literal.value)?;
        let mut rows = Rows::new(times.count);
        self.each(&aggregate.expr, times, &mut |row| {
            let group = group_of(aggregate, &row.labels);
            for (step, cell) in row.cells.iter().enumerate() {
                let value = match cell {
                    Cell::Absent => continue,
                    Cell::Float(value) => plain(*value),
                    Cell::Histogram(value) => value.to_string(),
                };
                let mut builder = group.to_builder();
                builder.set(&label, &value);
                let counted = rows.row(&builder.build());
                let count = &mut counted.cells[step];
                *count = Cell::Float(count.float().unwrap_or(0.0) + 1.0);
            }
            self.hold(1)
        })?;
        rows.give(sink)
    }
}

/// How many series to pick at each step; `None` when it is none at all of them.
fn check_counts(numbers: Vec<f64>) -> Done<Option<Vec<f64>>> {
    for number in &numbers {
        let problem = if number.is_nan() {
            "Parameter value is NaN".to_owned()
        } else if *number >= 9_223_372_036_854_775_807.0 {
            format!("Scalar value {} overflows int64", general(*number))
        } else if *number <= -9_223_372_036_854_775_808.0 {
            format!("Scalar value {} underflows int64", general(*number))
        } else {
            continue;
        };
        return Err(EvalError::failed(problem));
    }
    let some = numbers.iter().any(|number| *number >= 1.0);
    Ok(some.then_some(numbers))
}

/// NaN comes last, whatever the direction.
pub(super) fn nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}

/// Whether a series is in a sample of so many of all: which ones is decided by a hash of its labels, so that the
/// complement, `ratio - 1`, gives all others.
fn in_ratio(labels: &Labels, ratio: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a hash spread over 0 to 1")]
    let at = crate::xxhash::hash(&encoded(labels)) as f64 / u64::MAX as f64;
    if ratio >= 0.0 {
        at < ratio
    } else {
        at >= 1.0 + ratio
    }
}

/// Each text with its length before it, as Prometheus keeps labels.
fn encoded(labels: &Labels) -> Vec<u8> {
    let mut out = Vec::new();
    for label in labels {
        for text in [&label.name, &label.value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < 255 => out.push(length),
                _ => {
                    out.push(255);
                    out.extend_from_slice(&text.len().to_le_bytes()[..3]);
                }
            }
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// As people order: `a2` before `a10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ((one, left_rest), (two, right_rest)) = (chunk(left), chunk(right));
        match (one.is_empty(), two.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(one) && digits(two) {
            let (x, y) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
            x.len()
                .cmp(&y.len())
                .then_with(|| x.cmp(y))
                .then_with(|| one.len().cmp(&two.len()))
        } else {
            one.cmp(two)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

/// Digits, or what is none, at the beginning.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text
        .find(|c: char| c.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}
