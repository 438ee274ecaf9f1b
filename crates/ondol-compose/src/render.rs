use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::findings::Text;

/// Characters of a line that are shown on each side of what is meant; a line can be a megabyte long.
const SIDE_MAX: usize = 120;

/// Diagnostics as text for a terminal, each with its source line.
pub(crate) fn render(
    diagnostics: &[Diagnostic],
    dropped: usize,
    texts: &[Text],
    colour: bool,
) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&renderer.render(&[group(diagnostic, texts)]));
        out.push_str("\n\n");
    }
    if dropped > 0 {
        out.push_str(&format!("{dropped} more problems are not shown\n"));
    }
    out
}

fn group<'a>(diagnostic: &'a Diagnostic, texts: &'a [Text]) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    if let Some(place) = &diagnostic.place {
        let kind = AnnotationKind::Primary;
        group = group.elements(snippet(place, diagnostic.label.as_deref(), kind, texts));
    }
    for related in &diagnostic.related {
        let kind = AnnotationKind::Context;
        group = group.elements(snippet(&related.place, Some(&related.label), kind, texts));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

fn snippet<'a>(
    place: &'a Place,
    label: Option<&'a str>,
    kind: AnnotationKind,
    texts: &'a [Text],
) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let text = texts.iter().find(|text| text.path == place.file)?;
    let (shown, span) = window(&text.text, place.start as usize..place.end as usize)?;
    let annotation = kind.span(span).label(label);
    let snippet = Snippet::source(shown).line_start(place.line as usize);
    Some(
        snippet
            .path(place.file.to_string_lossy())
            .annotation(annotation),
    )
}

/// The part of the first line of `span` that is shown, and where in it the span is.
fn window(text: &str, span: Range<usize>) -> Option<(&str, Range<usize>)> {
    let before = text.get(..span.start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = &text[span.start..];
    let line_end = span.start + rest.find('\n').unwrap_or(rest.len());
    let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
    // The next place between two characters.
    let near = |at: usize| {
        let mut places = at..line_end;
        places
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(line_end)
    };
    let span = near(span.start)..near(span.end);
    let mut start = line_start;
    let mut end = line_end;
    if line_end - line_start > 2 * SIDE_MAX {
        start = near(span.start.saturating_sub(SIDE_MAX).max(line_start));
        end = near((span.start + SIDE_MAX).min(line_end));
    }
    let span = span.start - start..span.end.clamp(span.start, end) - start;
    Some((&text[start..end], span))
}
