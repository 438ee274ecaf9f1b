use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checks::Check;
use crate::diagnostic::{Diagnostic, Place, Related, Severity};
use crate::keys::KeyReport;
use crate::tree::{Node, Span};

/// Diagnostics that are kept; a file that is wrong in more places is told so.
const DIAGNOSTICS_MAX: usize = 200;

/// All that a load has to say beside its result, and the texts it speaks about.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) texts: Vec<Text>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Diagnostics beyond the limit.
    pub(crate) dropped: usize,
    pub(crate) errors: usize,
    pub(crate) keys: BTreeMap<String, KeyReport>,
    /// Variables whose absence was already told.
    pub(crate) unset: BTreeSet<String>,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) text: Arc<str>,
    line_starts: Vec<u32>,
}

/// A diagnostic in the making; [`Findings::add`] finds its places.
#[must_use]
pub(crate) struct Finding {
    severity: Severity,
    code: &'static str,
    message: String,
    span: Option<Span>,
    label: Option<String>,
    related: Vec<(Span, String)>,
    help: Option<String>,
}

pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        message: message.into(),
        span: None,
        label: None,
        related: Vec::new(),
        help: None,
    }
}

pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..error(code, message)
    }
}

impl Finding {
    pub(crate) fn at(self, span: Span) -> Self {
        Finding {
            span: Some(span),
            ..self
        }
    }

    pub(crate) fn label(self, label: impl Into<String>) -> Self {
        Finding {
            label: Some(label.into()),
            ..self
        }
    }

    pub(crate) fn see(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Finding {
            help: Some(help.into()),
            ..self
        }
    }

    pub(crate) fn help_maybe(self, help: Option<String>) -> Self {
        Finding {
            help: help.or(self.help),
            ..self
        }
    }
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.errors += usize::from(finding.severity == Severity::Error);
        if self.diagnostics.len() >= DIAGNOSTICS_MAX {
            self.dropped += 1;
            // An error is worth more than a warning.
            let warning = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Warning;
            match self.diagnostics.iter().rposition(warning) {
                Some(at) if finding.severity == Severity::Error => {
                    drop(self.diagnostics.remove(at))
                }
                _ => return,
            }
        }
        let related = finding.related.into_iter().filter_map(|(span, label)| {
            let place = self.place(span)?;
            Some(Related { place, label })
        });
        let diagnostic = Diagnostic {
            related: related.collect(),
            severity: finding.severity,
            code: finding.code,
            message: finding.message,
            place: finding.span.and_then(|span| self.place(span)),
            label: finding.label,
            help: finding.help,
        };
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Takes in a file, so that spans can point into it.
    pub(crate) fn add_text(&mut self, path: &Path, text: &str) -> u32 {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(at, _)| at as u32 + 1))
            .collect();
        self.texts.push(Text {
            path: Arc::new(path.to_path_buf()),
            text: text.into(),
            line_starts,
        });
        self.texts.len() as u32 - 1
    }

    pub(crate) fn path_of(&self, span: Span) -> Option<&Path> {
        Some(self.texts.get(span.file as usize)?.path.as_path())
    }

    /// Bytes of a value's text, where it is written in its file as it is; else the whole of it.
    pub(crate) fn inside(&self, span: Span, value: &str, start: usize, end: usize) -> Span {
        let file = self.texts.get(span.file as usize);
        let written = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        match written.and_then(|written| written.find(value)) {
            Some(begin) if end <= value.len() && start <= end => {
                let at = |offset: usize| span.start + (begin + offset) as u32;
                let (file, start, end) = (span.file, at(start), at(end));
                Span { file, start, end }
            }
            _ => span,
        }
    }

    /// Has a text in another language checked by whoever knows it.
    pub(crate) fn checked(&mut self, node: &Node, check: Option<Check>) {
        let (Some(check), Some(text)) = (check, node.text()) else {
            return;
        };
        for misfit in check(text) {
            let span = self.inside(node.span, text, misfit.start, misfit.end);
            let finding = error("bad-value", misfit.message).at(span);
            self.add(finding.help_maybe(misfit.help));
        }
    }

    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        place(&self.texts, span)
    }
}

/// Where a span of one of these files is, for people.
pub(crate) fn place(texts: &[Text], span: Span) -> Option<Place> {
    let text = texts.get(span.file as usize)?;
    let line = text
        .line_starts
        .partition_point(|start| *start <= span.start)
        .max(1);
    let line_start = text.line_starts[line - 1] as usize;
    let before = text.text.get(line_start..span.start as usize)?;
    Some(Place {
        file: text.path.clone(),
        line: line as u32,
        column: before.chars().count() as u32 + 1,
        start: span.start,
        end: span.end,
    })
}
