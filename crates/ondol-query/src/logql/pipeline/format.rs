//! `line_format` and `label_format`.

use super::PipelineError;
use super::labels::LineLabels;
use crate::logql::ast::{Format, LabelFormat};
use crate::logql::template::{Scope, Template};

/// The line, its moment, and that of the query.
pub(super) type At<'a> = (&'a str, i64, i64);

pub(super) fn render(
    template: &Template,
    (line, at_ns, now_ns): At<'_>,
    labels: &LineLabels<'_>,
) -> Result<String, String> {
    template.render(&Scope {
        line,
        at_ns,
        now_ns,
        label: &|name| labels.get(name).unwrap_or_default().to_owned(),
        labels: &|| labels.all(),
    })
}

/// In order: what one sets, the next one sees.
pub(super) fn labels<'l>(formats: &'l [LabelFormat], at: At<'_>, labels: &mut LineLabels<'l>) {
    for format in formats {
        match &format.to {
            Format::Rename(from) => labels.rename(from, &format.label),
            Format::Template(template) => match render(template, at, labels) {
                Ok(value) => labels.set(&format.label, value),
                Err(reason) => labels.fail(PipelineError::Template, reason),
            },
        }
    }
}
