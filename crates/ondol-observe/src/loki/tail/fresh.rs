//! Lines that were just taken in, as LogQL reads them.

use std::ops::ControlFlow;
use std::sync::Arc;

use ondol_query::logql::{LogLine, LogSelection, LogSource, Order};
use ondol_query::{Labels, Matcher, SourceError};

use super::super::source::give_parts;
use crate::intake::OwnedEvent;

pub(super) struct FreshLines(pub(super) Vec<Arc<[OwnedEvent]>>);

impl LogSource for FreshLines {
    fn read(
        &self,
        selection: &LogSelection<'_>,
        sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let in_time = selection.start_ns..=selection.end_ns;
        let mut fitting: Vec<(Labels, &OwnedEvent)> = (self.0.iter().flat_map(|lines| &**lines))
            .filter(|event| in_time.contains(&event.at_ns))
            .map(|event| (labels(event), event))
            .filter(|(labels, _)| pass(selection.matchers, labels))
            .collect();
        match selection.order {
            Order::Any => {}
            Order::OldestFirst => fitting.sort_by_key(|(_, event)| event.at_ns),
            Order::NewestFirst => fitting.sort_by_key(|(_, event)| std::cmp::Reverse(event.at_ns)),
        }
        for (stream, event) in &fitting {
            let fields = event.fields.iter();
            let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
            if give_parts(stream, fields, event.at_ns, sink).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn labels(event: &OwnedEvent) -> Labels {
    let pairs: Vec<(&str, &str)> = (event.stream.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Labels::of(&pairs)
}

fn pass(matchers: &[Matcher], labels: &Labels) -> bool {
    let fits = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()));
    matchers.iter().all(fits)
}
