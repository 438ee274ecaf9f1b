//! What comes out.

use super::row::{Cell, Row, Rows};
use super::{Done, Times, is_of_metric};
use crate::promql::Annotations;
use crate::{Labels, Sample};

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its values.
    pub outcome: Outcome,
    /// What there is to say about them.
    pub annotations: Annotations,
}

/// Values.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A number, of an instant query.
    Scalar(Sample),
    /// A text, of an instant query.
    String(String),
    /// Series with one sample each, of an instant query. In order, where the query orders.
    Vector(Vec<Series>),
    /// Series with their samples, of a range query or of an instant query that selects a range. Sorted by labels.
    Matrix(Vec<Series>),
}

/// A series.
#[derive(Debug, Clone)]
pub struct Series {
    /// What names it.
    pub labels: Labels,
    /// Its samples, in order of time.
    pub samples: Vec<Sample>,
}

impl Outcome {
    pub(super) fn of_scalar(values: &[f64], times: Times, instant: bool) -> Self {
        let mut samples = times
            .iter()
            .zip(values)
            .map(|(at, value)| Sample::float(at, *value));
        if instant {
            let nothing = Sample::float(times.start_ms, f64::NAN);
            return Self::Scalar(samples.next().unwrap_or(nothing));
        }
        Self::Matrix(vec![Series {
            labels: Labels::empty(),
            samples: samples.collect(),
        }])
    }

    /// Drops the names that are to be dropped. Series that are the same without become one.
    pub(super) fn of_rows(rows: Vec<Row>, times: Times, instant: bool) -> Done<Self> {
        let mut all = Rows::new(times.count);
        for mut row in rows {
            if row.drop_name {
                row.labels = row.labels.keeping(|label| !is_of_metric(&label.name));
            }
            all.merge(&mut row)?;
        }
        let mut series: Vec<Series> = all
            .rows
            .into_iter()
            .map(|row| Series {
                labels: row.labels,
                samples: samples(row.cells, times),
            })
            .filter(|series| !series.samples.is_empty())
            .collect();
        if instant {
            return Ok(Self::Vector(series));
        }
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Self::Matrix(series))
    }
}

fn samples(cells: Vec<Cell>, times: Times) -> Vec<Sample> {
    times
        .iter()
        .zip(cells)
        .filter_map(|(at, cell)| match cell {
            Cell::Absent => None,
            Cell::Float(value) => Some(Sample::float(at, value)),
            Cell::Histogram(value) => Some(Sample::histogram(at, value)),
        })
        .collect()
}
