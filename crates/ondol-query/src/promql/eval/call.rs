//! Functions of vectors: which does what.

use super::super::ast::{Call, Expr};
use super::elements;
use super::row::{Cell, Row, Sink};
use super::select::Wanted;
use super::window::seconds;
use super::{Done, EvalError, Evaluator, Times};
use crate::Labels;
use crate::promql::ValueType;

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &Call, times: Times, sink: Sink<'_>) -> Done {
        if call.function.args.contains(&ValueType::Matrix) {
            return self.range_call(call, times, sink);
        }
        let args = call.args.as_slice();
        match (call.function.name, args) {
            ("vector", [arg]) => {
                let values = self.scalar(arg, times)?;
                give_values(values, sink)
            }
            ("absent", [arg]) => self.absent(arg, times, sink),
            ("timestamp", [arg]) => self.sample_time(arg, Wanted::Time, times, sink),
            ("start_timestamp", [arg]) => self.sample_time(arg, Wanted::Start, times, sink),
            ("sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc", [arg, ..]) => {
                self.sort(call, arg, times, sink)
            }
            ("label_replace", [arg, ..]) => self.label_replace(call, arg, times, sink),
            ("label_join", [arg, ..]) => self.label_join(call, arg, times, sink),
            ("histogram_quantile", [q, arg]) => self.histogram_quantile(q, arg, times, sink),
            ("histogram_quantiles", [arg, label, qs @ ..]) => {
                self.histogram_quantiles(arg, label, qs, times, sink)
            }
            ("histogram_fraction", [lower, upper, arg]) => {
                let bounds = (self.scalar(lower, times)?, self.scalar(upper, times)?);
                self.histogram_fraction(call, arg, &bounds, times, sink)
            }
            ("info", [arg, ..]) => self.enrich(arg, args.get(1), times, sink),
            ("clamp" | "clamp_min" | "clamp_max" | "round", [arg, numbers @ ..]) => {
                self.bounded(call, arg, numbers, times, sink)
            }
            (name, []) if elements::date(name).is_some() => {
                let date = elements::date(name).unwrap_or(|_| 0.0);
                give_values(times.iter().map(seconds).map(date).collect(), sink)
            }
            (name, [arg]) => self.element_wise(name, arg, times, sink),
            (name, _) => Err(EvalError::failed(format!("function {name} is not known"))),
        }
    }

    /// Functions of each value on its own.
    fn element_wise(&self, name: &str, arg: &Expr, times: Times, sink: Sink<'_>) -> Done {
        let of_float = elements::of_float(name).or_else(|| elements::date(name));
        let of_histogram = elements::of_histogram(name);
        if of_float.is_none() && of_histogram.is_none() {
            return Err(EvalError::failed(format!("function {name} is not known")));
        }
        self.each(arg, times, &mut |row| {
            row.drop_name = true;
            row.map(
                |value| of_float.map(|function| function(value)),
                |value| of_histogram.map(|function| Cell::Float(function(value))),
            );
            give(row, sink)
        })
    }

    /// `clamp` and its relatives, and `round`.
    fn bounded(
        &self,
        call: &Call,
        arg: &Expr,
        numbers: &[Expr],
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let mut values = Vec::new();
        for number in numbers {
            values.push(self.scalar(number, times)?);
        }
        let number = |at: usize, step: usize, default: f64| {
            values
                .get(at)
                .map_or(default, |values: &Vec<f64>| values[step])
        };
        let name = call.function.name;
        self.each(arg, times, &mut |row| {
            row.drop_name = true;
            for (step, cell) in row.cells.iter_mut().enumerate() {
                *cell = cell
                    .float()
                    .and_then(|value| {
                        if name == "round" {
                            return Some(elements::round(value, number(0, step, 1.0)));
                        }
                        let (least, most) = match name {
                            "clamp_min" => (number(0, step, 0.0), f64::INFINITY),
                            "clamp_max" => (f64::NEG_INFINITY, number(0, step, 0.0)),
                            _ => (number(0, step, 0.0), number(1, step, 0.0)),
                        };
                        elements::clamp(value, least, most)
                    })
                    .into();
            }
            give(row, sink)
        })
    }

    fn absent(&self, arg: &Expr, times: Times, sink: Sink<'_>) -> Done {
        let mut present = vec![false; times.count];
        self.each(arg, times, &mut |row| {
            for (present, cell) in present.iter_mut().zip(&row.cells) {
                *present |= !cell.is_absent();
            }
            Ok(())
        })?;
        let labels = match arg.bare() {
            Expr::Vector(selector) => super::labelling::absent_labels(&selector.matchers),
            _ => Labels::empty(),
        };
        let mut row = Row {
            labels,
            drop_name: false,
            cells: present
                .into_iter()
                .map(|present| Cell::from((!present).then_some(1.0)))
                .collect(),
        };
        give(&mut row, sink)
    }

    /// When the samples of a selector were taken; of anything else, now.
    fn sample_time(&self, arg: &Expr, wanted: Wanted, times: Times, sink: Sink<'_>) -> Done {
        if let Expr::Vector(selector) = arg.bare()
            && selector.extension.is_none()
        {
            return self.select_wanted(selector, wanted, times, sink);
        }
        // What an expression gives did not begin at any time.
        if wanted == Wanted::Start {
            return Ok(());
        }
        self.each(arg, times, &mut |row| {
            row.drop_name = true;
            for (cell, time) in row.cells.iter_mut().zip(times.iter()) {
                if !cell.is_absent() {
                    *cell = Cell::Float(if wanted == Wanted::Time {
                        seconds(time)
                    } else {
                        0.0
                    });
                }
            }
            sink(row)
        })
    }
}

fn give(row: &mut Row, sink: Sink<'_>) -> Done {
    if row.is_empty() { Ok(()) } else { sink(row) }
}

/// A series without labels.
fn give_values(values: Vec<f64>, sink: Sink<'_>) -> Done {
    sink(&mut Row {
        labels: Labels::empty(),
        drop_name: false,
        cells: values.into_iter().map(Cell::Float).collect(),
    })
}
