//! Functions of labels: `label_replace`, `label_join`, `sort` and its relatives, and the labels of `absent`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::ast::{Call, Expr};
use super::pick::natural;
use super::row::{Cell, Row, Rows, Sink};
use super::{Done, EvalError, Evaluator, Times};
use crate::matcher::Pattern;
use crate::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

/// The labels that a selector's conditions say a series would have.
pub(super) fn absent_labels(matchers: &[Matcher]) -> Labels {
    let mut builder = LabelsBuilder::default();
    let mut seen = BTreeSet::new();
    for matcher in matchers {
        if matcher.name() == METRIC_NAME {
            continue;
        }
        if matcher.op() == MatchOp::Equal && seen.insert(matcher.name()) {
            builder.set(matcher.name(), matcher.value());
        } else {
            builder.remove(matcher.name());
        }
    }
    builder.build()
}

/// The text that an argument is.
pub(super) fn text(call: &Call, at: usize) -> Done<String> {
    match call.args.get(at).map(Expr::bare) {
        Some(Expr::String(literal)) => String::from_utf8(literal.value.clone())
            .map_err(|_| EvalError::failed(not_utf8(call.function.name, at, &literal.value))),
        _ => Err(EvalError::failed(format!(
            "argument {} of {} must be a string",
            at + 1,
            call.function.name
        ))),
    }
}

fn not_utf8(function: &str, at: usize, value: &[u8]) -> String {
    let shown = String::from_utf8_lossy(value);
    if function == "label_join" && at >= 3 {
        format!("invalid source label name in {function}(): {shown}")
    } else {
        format!("invalid destination label name in {function}(): {shown}")
    }
}

impl Evaluator<'_> {
    pub(super) fn label_replace(
        &self,
        call: &Call,
        arg: &Expr,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let (destination, replacement) = (text(call, 1)?, text(call, 2)?);
        let (source, pattern) = (text(call, 3)?, text(call, 4)?);
        let compiled = Pattern::anchored(&pattern).map_err(|_| {
            EvalError::failed(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        if destination.is_empty() {
            return Err(EvalError::failed(format!(
                "invalid destination label name in label_replace(): {destination}"
            )));
        }
        self.relabelled(arg, times, sink, &mut |row| {
            let Some(value) = compiled.expand(row.labels.get(&source), &replacement) else {
                return;
            };
            set_label(row, &destination, &value);
        })
    }

    pub(super) fn label_join(&self, call: &Call, arg: &Expr, times: Times, sink: Sink<'_>) -> Done {
        let (destination, separator) = (text(call, 1)?, text(call, 2)?);
        let mut sources = Vec::new();
        for at in 3..call.args.len() {
            let source = text(call, at)?;
            if source.is_empty() {
                return Err(EvalError::failed(format!(
                    "invalid source label name in label_join(): {source}"
                )));
            }
            sources.push(source);
        }
        if destination.is_empty() {
            return Err(EvalError::failed(format!(
                "invalid destination label name in label_join(): {destination}"
            )));
        }
        self.relabelled(arg, times, sink, &mut |row| {
            let values: Vec<&str> = sources
                .iter()
                .map(|source| row.labels.get(source))
                .collect();
            let value = values.join(&separator);
            set_label(row, &destination, &value);
        })
    }

    fn relabelled(
        &self,
        arg: &Expr,
        times: Times,
        sink: Sink<'_>,
        change: &mut dyn FnMut(&mut Row),
    ) -> Done {
        let mut rows = Rows::new(times.count);
        self.each(arg, times, &mut |row| {
            self.hold(times.count)?;
            change(row);
            rows.merge(row)
        })?;
        rows.give(sink)
    }

    /// In order, which only an instant query keeps.
    pub(super) fn sort(&self, call: &Call, arg: &Expr, times: Times, sink: Sink<'_>) -> Done {
        let name = call.function.name;
        let mut labels = Vec::new();
        for at in 1..call.args.len() {
            labels.push(text(call, at)?);
        }
        if !self.query.is_instant() && self.query.start_ms != self.query.end_ms {
            self.warn(
                call.place,
                "sort is ineffective for range queries since results are always ordered by labels",
            );
        }
        let mut rows = self.vector(arg, times)?;
        let by_label = name.starts_with("sort_by_label");
        if !by_label {
            for row in &mut rows {
                row.drop_name |= false;
                row.map(Some, |_| None);
            }
            rows.retain(|row| !row.is_empty());
        }
        if times.count == 1 {
            let descending = name.ends_with("_desc");
            rows.sort_by(|a, b| match (by_label, descending) {
                (true, false) => compare_labels(a, b, &labels),
                (true, true) => compare_labels(b, a, &labels),
                (false, _) => compare_values(a, b, descending),
            });
        }
        for row in &mut rows {
            sink(row)?;
        }
        Ok(())
    }
}

fn set_label(row: &mut Row, name: &str, value: &str) {
    let mut builder = row.labels.to_builder();
    builder.set(name, value);
    row.labels = builder.build();
    if name == METRIC_NAME {
        row.drop_name = false;
    }
}

fn compare_labels(a: &Row, b: &Row, labels: &[String]) -> Ordering {
    labels
        .iter()
        .map(|label| natural(a.labels.get(label), b.labels.get(label)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.labels.cmp(&b.labels))
}

/// NaN is always last.
fn compare_values(a: &Row, b: &Row, descending: bool) -> Ordering {
    let value = |row: &Row| row.cells.first().and_then(Cell::float).unwrap_or(f64::NAN);
    super::pick::nan_last(value(a), value(b), descending)
}
