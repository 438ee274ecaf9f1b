//! A series with a value for each step.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Done, EvalError};
use crate::{Histogram, Labels};

/// A value at a step, or none.
#[derive(Debug, Clone, Default)]
pub(super) enum Cell {
    #[default]
    Absent,
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl Cell {
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) const fn is_histogram(&self) -> bool {
        matches!(self, Self::Histogram(_))
    }

    pub(super) const fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Absent | Self::Histogram(_) => None,
        }
    }
}

impl From<Histogram> for Cell {
    fn from(histogram: Histogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, Self::Float)
    }
}

/// Gets series, one after the other.
pub(super) type Sink<'s> = &'s mut dyn FnMut(&mut Row) -> Done;

#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) labels: Labels,
    /// Whether the name of the metric no longer says what this is. It is dropped at the end, not at once, so that
    /// what comes after may still group by it.
    pub(super) drop_name: bool,
    /// One for each step.
    pub(super) cells: Vec<Cell>,
}

impl Row {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.iter().all(Cell::is_absent)
    }

    /// Changes each value; what becomes none is gone.
    pub(super) fn map(
        &mut self,
        mut float: impl FnMut(f64) -> Option<f64>,
        mut histogram: impl FnMut(&Histogram) -> Option<Cell>,
    ) {
        for cell in &mut self.cells {
            *cell = match cell {
                Cell::Absent => Cell::Absent,
                Cell::Float(value) => float(*value).into(),
                Cell::Histogram(value) => histogram(value).unwrap_or_default(),
            };
        }
    }
}

/// Series in the making, found by their labels, in order of their appearance.
#[derive(Default)]
pub(super) struct Rows {
    index: BTreeMap<Labels, usize>,
    pub(super) rows: Vec<Row>,
    steps: usize,
}

impl Rows {
    pub(super) fn new(steps: usize) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }

    pub(super) fn row(&mut self, labels: &Labels) -> &mut Row {
        let at = self.position(labels);
        &mut self.rows[at]
    }

    /// Where the series of these labels is; it is made when there is none.
    pub(super) fn position(&mut self, labels: &Labels) -> usize {
        if let Some(at) = self.index.get(labels) {
            *at
        } else {
            self.index.insert(labels.clone(), self.rows.len());
            self.rows.push(Row {
                labels: labels.clone(),
                drop_name: false,
                cells: vec![Cell::Absent; self.steps],
            });
            self.rows.len() - 1
        }
    }

    /// Adds a whole series; two of the same labels become one, when their times differ.
    pub(super) fn merge(&mut self, from: &mut Row) -> Done {
        let labels = std::mem::take(&mut from.labels);
        let row = self.row(&labels);
        row.drop_name |= from.drop_name;
        for (cell, new) in row.cells.iter_mut().zip(from.cells.drain(..)) {
            if new.is_absent() {
                continue;
            }
            if !cell.is_absent() {
                return Err(EvalError::failed(
                    "vector cannot contain metrics with the same labelset",
                ));
            }
            *cell = new;
        }
        Ok(())
    }

    pub(super) fn give(mut self, sink: super::Sink<'_>) -> Done {
        for row in &mut self.rows {
            if !row.is_empty() {
                sink(row)?;
            }
        }
        Ok(())
    }
}
