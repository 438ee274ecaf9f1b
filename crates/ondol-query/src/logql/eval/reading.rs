//! Lines of a store through the stages of a query.

use std::ops::ControlFlow;

use super::{EvalError, Query, Statistics};
use crate::logql::ast::{LogQuery, Stage};
use crate::logql::pipeline::{Passing, Pipeline};
use crate::logql::source::{LogSelection, LogSource, Order, Wanted};

/// How often it is asked whether to stop.
const LINES_PER_LOOK: u64 = 4096;

/// Which lines are read.
pub(super) struct Reading<'a> {
    pub(super) log: &'a LogQuery,
    /// First and last nanosecond, both included.
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    pub(super) order: Order,
    pub(super) wanted: Wanted<'a>,
    pub(super) lines_about: Option<usize>,
}

/// Gives each line that passes to `sink`, until it has enough.
pub(super) fn read(
    query: &Query<'_>,
    reading: Reading<'_>,
    source: &dyn LogSource,
    statistics: &mut Statistics,
    sink: &mut dyn FnMut(Passing<'_>) -> Result<ControlFlow<()>, EvalError>,
) -> Result<(), EvalError> {
    if reading.start_ns > reading.end_ns {
        return Ok(());
    }
    let conditions = super::pushed::conditions(&reading.log.stages);
    let only_pushed = conditions.len() == reading.log.stages.len();
    let selection = LogSelection {
        matchers: &reading.log.matchers,
        start_ns: reading.start_ns,
        end_ns: reading.end_ns,
        order: reading.order,
        conditions,
        wanted: reading.wanted,
        // Others may be left out by stages that a store knows nothing of.
        lines_about: reading.lines_about.filter(|_| only_pushed),
    };
    let pipeline = Pipeline::of(reading.log, query.now_ns);
    let limits = query.limits;
    let mut failed = None;
    source.read(&selection, &mut |line| {
        statistics.lines_read += 1;
        statistics.bytes_read += line.line.len() as u64;
        let within = if statistics.lines_read > limits.lines {
            Err(EvalError::too_many("lines", limits.lines))
        } else if statistics.bytes_read > limits.bytes {
            Err(EvalError::too_many("bytes of lines", limits.bytes))
        } else if statistics.lines_read.is_multiple_of(LINES_PER_LOOK) {
            query.check_stop()
        } else {
            Ok(())
        };
        let result = within.and_then(|()| match pipeline.pass(line) {
            Some(passing) => {
                statistics.lines_kept += 1;
                sink(passing)
            }
            None => Ok(ControlFlow::Continue(())),
        });
        result.unwrap_or_else(|error| {
            failed = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failed.map_or(Ok(()), Err)
}

/// Whether a stage looks at more of a line than the labels that it names.
pub(super) fn takes_everything(stage: &Stage) -> bool {
    matches!(
        stage,
        Stage::Json(_)
            | Stage::Logfmt { .. }
            | Stage::Pattern(_)
            | Stage::Regexp(_)
            | Stage::Unpack
            | Stage::LineFormat(_)
            | Stage::LabelFormat(_)
            | Stage::Drop(_)
            | Stage::Keep(_)
    )
}
