//! YAML text to trees: bounded in depth and size, with spans, anchors written out and `<<` merged.

mod build;
mod print;
mod resume;

use std::path::Path;

use saphyr_parser::{Event, Parser};

pub(crate) use print::{to_json, to_yaml};

use crate::budget::{Budget, DEPTH_MAX};
use crate::findings::{Finding, Findings, error, warning};
use crate::tree::{Mark, Node, Span};
use crate::utf8::text_of;
use build::Builder;

/// Reads all documents of a file. What cannot be read is told to `findings`; what comes before it is kept.
pub(crate) fn parse(
    path: &Path,
    bytes: &[u8],
    findings: &mut Findings,
    budget: &mut Budget,
) -> Vec<Node> {
    let Some((text, file)) = text_of(path, bytes, findings) else {
        return Vec::new();
    };
    let mut events = Parser::new_from_str(text);
    let mut builder = Builder::new(findings, budget);
    let mut offsets = Offsets::new(text);
    while let Some(event) = events.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => {
                let span = span_at(
                    file,
                    offsets.byte(span.start.index()),
                    offsets.byte(span.end.index()),
                );
                if !builder.event(event, trimmed(text, span)) {
                    break;
                }
            }
            Err(why) => {
                let at = offsets.byte(why.marker().index());
                builder.syntax_error(span_at(file, at, at), why.info());
                let documents = builder.documents();
                resume::further_errors(text, file, at, findings);
                return documents;
            }
        }
    }
    builder.documents()
}

/// What is wrong at `span`, and inside of what.
fn syntax_error(span: Span, info: &str, inside: Option<Span>) -> Finding {
    let mut finding = error("yaml-syntax", format!("this is not YAML: {info}")).at(span);
    if let Some(inside) = inside {
        let begin = Span {
            end: inside.start + 1,
            ..inside
        };
        finding = finding.see(begin, "inside what begins here");
    }
    finding.help(
        "look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes",
    )
}

fn span_at(file: u32, start: usize, end: usize) -> Span {
    Span {
        file,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end.max(start)).unwrap_or(u32::MAX),
    }
}

/// The parser ends a block where the next one begins; people see it end with its last letter.
fn trimmed(text: &str, span: Span) -> Span {
    let seen = text.get(span.start as usize..span.end as usize);
    let length = seen.map_or(0, |seen| seen.trim_end().len());
    Span {
        end: span.start + length as u32,
        ..span
    }
}

/// The parser counts characters, we count bytes: every 64th character's place is noted.
struct Offsets<'a> {
    text: &'a str,
    marks: Vec<u32>,
}

impl<'a> Offsets<'a> {
    const STEP: usize = 64;

    fn new(text: &'a str) -> Self {
        let marks = match text.is_ascii() {
            true => Vec::new(),
            false => text
                .char_indices()
                .step_by(Self::STEP)
                .map(|(at, _)| at as u32)
                .collect(),
        };
        Offsets { text, marks }
    }

    fn byte(&mut self, index: usize) -> usize {
        if self.marks.is_empty() {
            return index.min(self.text.len());
        }
        let Some(&mark) = self.marks.get(index / Self::STEP) else {
            return self.text.len();
        };
        let mark = mark as usize;
        let rest = self.text[mark..].char_indices().nth(index % Self::STEP);
        rest.map_or(self.text.len(), |(at, _)| mark + at)
    }
}

/// `!reset` and `!override`; `!!str` and its kin are left to the shapes. Any other tag is told.
fn mark_of(handle: &str, suffix: &str, span: Span, findings: &mut Findings) -> Mark {
    match (handle, suffix) {
        ("!", "reset") => Mark::Reset,
        ("!", "override") => Mark::Override,
        ("tag:yaml.org,2002:", _) | ("", "!") => Mark::None,
        _ => {
            findings.add(
                warning(
                    "unknown-tag",
                    format!("the tag `{handle}{suffix}` means nothing in a Compose file"),
                )
                .at(span)
                .help("Compose knows `!reset` and `!override`"),
            );
            Mark::None
        }
    }
}

/// Says that YAML is nested deeper than anybody writes.
fn too_deep(span: Span, findings: &mut Findings) {
    findings.add(
        error(
            "too-deep",
            format!("this is nested more than {DEPTH_MAX} levels deep"),
        )
        .at(span)
        .help("a Compose file needs about ten"),
    );
}
