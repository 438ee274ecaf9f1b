//! More than one syntax error of a file: behind the first, reading begins again at each line that looks like the
//! beginning of a section or a service, and what is not YAML there is told too.
//!
//! Nothing but errors comes of it. A tree with holes would be blamed for what is missing in it.

use saphyr_parser::{Event, Parser};

use super::{Offsets, span_at, syntax_error};
use crate::findings::Findings;

/// Pieces that are read again; a file with more mistakes than that is told enough.
const PIECES_MAX: usize = 1000;
const ERRORS_MAX: usize = 20;

/// Tells the errors behind byte `at`, where the first was found.
pub(super) fn further_errors(text: &str, file: u32, at: usize, findings: &mut Findings) {
    let begins = beginnings(text, at);
    let mut told = 0;
    for (index, begin) in begins.iter().enumerate() {
        let end = begins.get(index + 1).copied().unwrap_or(text.len());
        let Some(piece) = text.get(*begin..end) else {
            continue;
        };
        if let Some((place, info)) = error_of(piece) {
            let place = begin + place;
            findings.add(syntax_error(span_at(file, place, place), &info, None));
            told += 1;
        }
        if told >= ERRORS_MAX {
            return;
        }
    }
}

/// The first error of a piece, with its byte.
fn error_of(piece: &str) -> Option<(usize, String)> {
    let mut events = Parser::new_from_str(piece);
    loop {
        match events.next_event()? {
            Ok((Event::StreamEnd, _)) => return None,
            Ok(_) => {}
            // Its anchor may stand in another piece.
            Err(why) if why.info().contains("unknown anchor") => return None,
            Err(why) => {
                let at = Offsets::new(piece).byte(why.marker().index());
                return Some((at, why.info().to_owned()));
            }
        }
    }
}

/// Where lines behind `at` begin that nothing before them can be part of: `---`, a key in the first column, and a key
/// with nothing behind it as far in as the file's first service is.
fn beginnings(text: &str, at: usize) -> Vec<usize> {
    let depth = service_depth(text);
    let mut begins = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let is_behind = begin > at;
        if is_behind && begins_anew(line.trim_end(), depth) && begins.len() < PIECES_MAX {
            begins.push(begin);
        }
        begin += line.len();
    }
    begins
}

fn begins_anew(line: &str, depth: Option<usize>) -> bool {
    let inner = line.trim_start_matches(' ');
    match line.len() - inner.len() {
        0 => inner == "---" || is_key(inner.split(':').next().unwrap_or_default(), inner),
        indent if Some(indent) == depth => inner.strip_suffix(':').is_some_and(is_name),
        _ => false,
    }
}

fn is_key(name: &str, line: &str) -> bool {
    let behind = line
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(':'));
    is_name(name) && behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// How far in the services are.
fn service_depth(text: &str) -> Option<usize> {
    let mut lines = text
        .lines()
        .skip_while(|line| line.trim_end() != "services:");
    lines.next()?;
    let first = lines.find(|line| {
        let inner = line.trim();
        !inner.is_empty() && !inner.starts_with('#')
    })?;
    let depth = first.len() - first.trim_start_matches(' ').len();
    (depth > 0).then_some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_again_at_sections_services_and_documents() {
        let text = "services:\n  # first\n  a:\n    b: 1\n  c:\n    d:\nvolumes: {}\n---\nx-y:\n";
        let lines: Vec<_> = beginnings(text, 3)
            .into_iter()
            .filter_map(|at| text[at..].lines().next())
            .collect();
        assert_eq!(lines, ["  a:", "  c:", "volumes: {}", "---", "x-y:"]);
        assert_eq!(beginnings("a: [1, 2\n - 3\n", 0), Vec::<usize>::new());
    }
}
