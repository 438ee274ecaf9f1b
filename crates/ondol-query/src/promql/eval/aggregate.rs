//! Aggregations that need one series at a time: `sum`, `avg`, `count`, `min`, `max`, `group`, `stddev`, `stdvar`,
//! and `quantile`.

use std::collections::BTreeMap;

use super::super::ast::{Aggregate, Expr};
use super::super::operator::Aggregation;
use super::row::{Cell, Row, Sink};
use super::sums::Sum;
use super::{Done, EvalError, Evaluator, Times, over_time};
use crate::kahan::{Kahan, Mean};
use crate::place::Place;
use crate::quote::Quoted;
use crate::{Histogram, Labels, METRIC_NAME};

/// A group at a step.
#[derive(Debug, Clone, Default)]
struct Group {
    count: f64,
    floats: bool,
    /// Numbers and histograms, or histograms that do not fit: there is no result.
    mixed: bool,
    /// Least, most.
    value: f64,
    sum: Kahan,
    /// For deviations: the mean so far.
    mean: Kahan,
    average: Mean,
    histogram: Option<Box<Sum>>,
    values: Vec<f64>,
}

struct Groups {
    steps: Vec<Group>,
    drop_name: bool,
    labels: Labels,
}

/// The labels of the group of a series.
pub(super) fn group_of(aggregate: &Aggregate, labels: &Labels) -> Labels {
    let listed = |name: &str| aggregate.grouping.iter().any(|label| label == name);
    if aggregate.without {
        labels.keeping(|label| *label.name != *METRIC_NAME && !listed(&label.name))
    } else {
        labels.keeping(|label| listed(&label.name))
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, times: Times, sink: Sink<'_>) -> Done {
        use Aggregation::{Bottomk, CountValues, LimitRatio, Limitk, Topk};
        if matches!(
            aggregate.op,
            Bottomk | CountValues | LimitRatio | Limitk | Topk
        ) {
            return self.pick(aggregate, times, sink);
        }
        let quantiles = match &aggregate.parameter {
            Some(parameter) => self.quantile_parameter(parameter, times)?,
            None => Vec::new(),
        };
        let place = aggregate.expr.bare().place();
        let mut index: BTreeMap<Labels, usize> = BTreeMap::new();
        let mut groups: Vec<Groups> = Vec::new();
        self.each(&aggregate.expr, times, &mut |row| {
            let labels = group_of(aggregate, &row.labels);
            let at = if let Some(at) = index.get(&labels) {
                *at
            } else {
                self.hold(times.count)?;
                index.insert(labels.clone(), groups.len());
                groups.push(Groups {
                    steps: vec![Group::default(); times.count],
                    drop_name: false,
                    labels,
                });
                groups.len() - 1
            };
            let group = &mut groups[at];
            group.drop_name |= row.drop_name;
            for (step, cell) in group.steps.iter_mut().zip(&row.cells) {
                self.add(aggregate.op, step, cell, place, row.labels.metric_name());
            }
            Ok(())
        })?;
        for group in groups {
            let mut cells = Vec::with_capacity(times.count);
            for (step, state) in group.steps.into_iter().enumerate() {
                let q = quantiles.get(step).copied().unwrap_or(f64::NAN);
                cells.push(self.finish(aggregate.op, state, q, place));
            }
            let mut row = Row {
                labels: group.labels,
                drop_name: group.drop_name,
                cells,
            };
            if !row.is_empty() {
                sink(&mut row)?;
            }
        }
        Ok(())
    }

    fn quantile_parameter(&self, parameter: &Expr, times: Times) -> Done<Vec<f64>> {
        let values = self.scalar(parameter, times)?;
        for value in &values {
            self.check_quantile(*value, parameter.bare().place());
        }
        Ok(values)
    }

    fn add(&self, op: Aggregation, group: &mut Group, cell: &Cell, place: Place, metric: &str) {
        use Aggregation::{Avg, Count, Group as Exists, Sum as Total};
        match cell {
            Cell::Absent => {}
            Cell::Float(value) => {
                group.count += 1.0;
                match op {
                    Count | Exists => {}
                    Total | Avg if group.histogram.is_some() => self.mix(group, place),
                    _ => add_float(op, group, *value),
                }
                group.floats = true;
            }
            Cell::Histogram(value) => match op {
                Count | Exists => group.count += 1.0,
                Total | Avg => {
                    group.count += 1.0;
                    self.add_histogram(op, group, value, place, metric);
                }
                _ => self.note_ignored(op, place),
            },
        }
    }

    fn mix(&self, group: &mut Group, place: Place) {
        group.mixed = true;
        self.warn(
            place,
            "encountered a mix of histograms and floats for aggregation",
        );
    }

    pub(super) fn note_ignored(&self, op: Aggregation, place: Place) {
        self.info(
            place,
            format!("ignored histogram in {} aggregation", op.as_str()),
        );
    }

    fn add_histogram(
        &self,
        op: Aggregation,
        group: &mut Group,
        value: &Histogram,
        place: Place,
        metric: &str,
    ) {
        if group.floats {
            self.mix(group, place);
        }
        if group.mixed {
            return;
        }
        let added = match &mut group.histogram {
            None => {
                group.histogram = Some(Box::new(Sum::of(value)));
                Ok(())
            }
            Some(sum) if op == Aggregation::Avg => sum.add_to_mean(value),
            Some(sum) => sum.add(value),
        };
        if added.is_err() {
            group.mixed = true;
            self.warn_schemas(place, metric);
        }
    }

    fn finish(&self, op: Aggregation, mut group: Group, q: f64, place: Place) -> Cell {
        use Aggregation::{Avg, Count, Group as Exists, Quantile, Stddev, Stdvar, Sum as Total};
        if group.count == 0.0 {
            return Cell::Absent;
        }
        if let Some(sum) = group.histogram.take() {
            self.note_sum(place, &sum);
            return match op {
                _ if group.mixed => Cell::Absent,
                Avg => sum.mean().into(),
                _ => sum.sum().into(),
            };
        }
        if group.mixed {
            return Cell::Absent;
        }
        Cell::Float(match op {
            Count => group.count,
            Exists => 1.0,
            Total => group.sum.total(),
            Avg => group.average.value(),
            Stdvar => group.sum.total() / group.count,
            Stddev => (group.sum.total() / group.count).sqrt(),
            Quantile => over_time::quantile(q, group.values),
            _ => group.value,
        })
    }
}

fn add_float(op: Aggregation, group: &mut Group, value: f64) {
    match op {
        Aggregation::Sum => group.sum.add(value),
        Aggregation::Avg => group.average.add(value),
        Aggregation::Min if group.floats => {
            if value < group.value || group.value.is_nan() {
                group.value = value;
            }
        }
        Aggregation::Max if group.floats => {
            if value > group.value || group.value.is_nan() {
                group.value = value;
            }
        }
        Aggregation::Stddev | Aggregation::Stdvar => {
            if !value.is_finite() {
                group.sum = Kahan::of(f64::NAN);
                return;
            }
            let delta = value - group.mean.total();
            group.mean.add(delta / group.count);
            group.sum.add(delta * (value - group.mean.total()));
        }
        Aggregation::Quantile => group.values.push(value),
        _ => group.value = value,
    }
}

/// A parameter that is not a number that it may be.
pub(super) fn check_label_name(name: &[u8]) -> Done<String> {
    let invalid = || {
        EvalError::failed(format!(
            "invalid label name {}",
            crate::quote::QuotedBytes(name)
        ))
    };
    let text = std::str::from_utf8(name).map_err(|_| invalid())?;
    if text.is_empty() {
        return Err(EvalError::failed(format!(
            "invalid label name {}",
            Quoted(text)
        )));
    }
    Ok(text.to_owned())
}
