//! A trace as a waterfall: what was inside of what, when, how long; and what was written meanwhile.

use serde::Deserialize;
use unicode_width::UnicodeWidthStr;

use super::{paint, took};
use crate::cli::clock;
use crate::cli::out::{Colour, Out};

/// Columns of the bars, at least and at most.
const BAR_MIN: usize = 16;
const BAR_MAX: usize = 60;
/// Columns of a span's name and of its service, at most.
const NAME_MAX: usize = 48;
const SERVICE_MAX: usize = 20;

/// A trace, as the telemetry tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Trace {
    id: String,
    start_unix_ns: i64,
    duration_ns: u64,
    spans: usize,
    failed: usize,
    waterfall: Vec<Span>,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Span {
    id: String,
    depth: usize,
    service: String,
    replica: Option<String>,
    name: String,
    status: String,
    status_message: String,
    start_unix_ns: i64,
    duration_ns: u64,
}

#[derive(Debug, Deserialize)]
struct Line {
    at_unix_ns: i64,
    service: Option<String>,
    replica: Option<String>,
    level: Option<String>,
    span: Option<String>,
    text: Option<String>,
}

impl Span {
    fn failed(&self) -> bool {
        self.status == "error"
    }

    fn who(&self) -> &str {
        self.replica.as_deref().unwrap_or(&self.service)
    }

    fn contains(&self, at_ns: i64) -> bool {
        let end_ns = self.start_unix_ns.saturating_add_unsigned(self.duration_ns);
        (self.start_unix_ns..=end_ns).contains(&at_ns)
    }
}

/// The waterfall, in so many columns.
pub(super) fn lines(trace: &Trace, width: usize, out: &Out) -> Vec<String> {
    let started_ms = u64::try_from(trace.start_unix_ns / 1_000_000).unwrap_or(0);
    let failed = match trace.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let mut lines = vec![format!(
        "{}  {}  {}, {} spans{failed}",
        out.paint(Colour::Bold, &trace.id),
        clock::rfc3339(started_ms),
        took(trace.duration_ns),
        trace.spans,
    )];
    let names: Vec<String> = trace.waterfall.iter().map(name).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>, max: usize| {
        texts
            .map(UnicodeWidthStr::width)
            .max()
            .unwrap_or(0)
            .min(max)
    };
    let who = widest(&mut trace.waterfall.iter().map(Span::who), SERVICE_MAX);
    let what = widest(&mut names.iter().map(String::as_str), NAME_MAX);
    // Between them: two spaces each, and nine columns for how long it took.
    let bar = width
        .saturating_sub(who + what + 2 + 2 + 9 + 2)
        .clamp(BAR_MIN, BAR_MAX);
    let mut placed: Vec<Vec<&Line>> = trace.waterfall.iter().map(|_| Vec::new()).collect();
    let mut alone = Vec::new();
    for line in &trace.lines {
        match place(line, &trace.waterfall).and_then(|at| placed.get_mut(at)) {
            Some(of_span) => of_span.push(line),
            None => alone.push(line),
        }
    }
    for ((span, name), of_span) in trace.waterfall.iter().zip(&names).zip(&placed) {
        let service = fit(span.who(), who);
        let name = paint(&fit(name, what), span.failed(), out);
        let took = took(span.duration_ns);
        let bar = paint(&self::bar(span, trace, bar), span.failed(), out);
        let row = format!(
            "{}  {name}  {took:>9}  {bar}",
            out.paint(Colour::Dim, service)
        );
        lines.push(row.trim_end().to_owned());
        if span.failed() && !span.status_message.is_empty() {
            lines.push(beneath(
                who,
                span.depth,
                &paint(&span.status_message, true, out),
            ));
        }
        for line in of_span {
            lines.push(beneath(who, span.depth, &log_line(line, false, out)));
        }
    }
    for line in alone {
        lines.push(log_line(line, true, out));
    }
    lines
}

/// Set in by how deep it is.
fn name(span: &Span) -> String {
    format!("{}{}", "  ".repeat(span.depth.min(NAME_MAX / 4)), span.name)
}

/// Exactly so many columns.
fn fit(text: &str, columns: usize) -> String {
    let mut fitted = String::new();
    if text.width() > columns {
        for c in text.chars() {
            if fitted.width() + 2 > columns {
                break;
            }
            fitted.push(c);
        }
        fitted.push('\u{2026}');
    } else {
        fitted.push_str(text);
    }
    let missing = columns.saturating_sub(fitted.width());
    fitted.push_str(&" ".repeat(missing));
    fitted
}

/// When it was, as part of the whole.
fn bar(span: &Span, trace: &Trace, columns: usize) -> String {
    let whole = trace.duration_ns.max(1) as f64;
    let from = span
        .start_unix_ns
        .saturating_sub(trace.start_unix_ns)
        .max(0) as f64;
    let start = ((from / whole * columns as f64) as usize).min(columns.saturating_sub(1));
    let length = (span.duration_ns as f64 / whole * columns as f64).round() as usize;
    let length = length.clamp(1, columns - start);
    format!("{}{}", " ".repeat(start), "\u{2588}".repeat(length))
}

fn beneath(who: usize, depth: usize, text: &str) -> String {
    let indent = " ".repeat(who + 2 + 2 * (depth.min(NAME_MAX / 4) + 1));
    // The lines of a stack trace stand below each other.
    text.lines()
        .map(|line| format!("{indent}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The span that a line belongs to: the one that it names, else the innermost of its service that went on when it was
/// written.
fn place(line: &Line, spans: &[Span]) -> Option<usize> {
    let named = line.span.as_ref();
    let by_id = named.and_then(|id| spans.iter().position(|span| span.id == *id));
    by_id.or_else(|| {
        let is_of = |span: &Span| line.service.as_deref() == Some(&span.service);
        let around = spans
            .iter()
            .enumerate()
            .filter(|(_, span)| is_of(span) && span.contains(line.at_unix_ns));
        around.max_by_key(|(_, span)| span.depth).map(|(at, _)| at)
    })
}

/// `12:00:00.123 error  it broke`
fn log_line(line: &Line, with_who: bool, out: &Out) -> String {
    let at_ms = u64::try_from(line.at_unix_ns / 1_000_000).unwrap_or(0);
    let moment = clock::rfc3339(at_ms);
    let time = moment.get(11..23).unwrap_or(&moment);
    let level = line.level.as_deref().unwrap_or("");
    let is_bad = matches!(level, "error" | "fatal");
    let who = match with_who {
        true => line
            .replica
            .as_deref()
            .or(line.service.as_deref())
            .unwrap_or_default(),
        false => "",
    };
    let words = [level, who, line.text.as_deref().unwrap_or_default()];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!(
        "{} {}",
        out.paint(Colour::Dim, time),
        paint(&words.join("  "), is_bad, out)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::TalkArgs;

    fn shown(trace: serde_json::Value) -> String {
        let trace: Trace = serde_json::from_value(trace).unwrap();
        let talk = TalkArgs {
            no_color: true,
            ..TalkArgs::default()
        };
        lines(&trace, 80, &Out::new(&talk)).join("\n")
    }

    #[test]
    fn a_waterfall_has_spans_with_their_lines_below_them() {
        let span = |id: &str,
                    depth: usize,
                    service: &str,
                    name: &str,
                    status: &str,
                    from_ms: i64,
                    ms: u64| {
            serde_json::json!({ "id": id, "depth": depth, "service": service, "replica": null, "name": name,
                "status": status, "status_message": if status == "error" { "it broke" } else { "" },
                "start_unix_ns": from_ms * 1_000_000, "duration_ns": ms * 1_000_000 })
        };
        let line = |at_ms: i64, service: &str, span: Option<&str>, text: &str| {
            serde_json::json!({ "at_unix_ns": at_ms * 1_000_000, "service": service, "replica": null,
                "level": "info", "span": span, "text": text })
        };
        let trace = serde_json::json!({
            "id": "0af7651916cd43dd8448eb211c80319c", "start_unix_ns": 0, "duration_ns": 100_000_000,
            "spans": 3, "failed": 1,
            "waterfall": [span("1", 0, "web", "GET /", "", 0, 100), span("2", 1, "web", "fetch", "", 10, 80),
                span("3", 2, "films", "GET /films", "error", 50, 25)],
            "lines": [line(55, "films", Some("3"), "by id"), line(20, "web", None, "by time"),
                line(500, "other", None, "of nobody")],
        });
        expect_test::expect![[r#"
            0af7651916cd43dd8448eb211c80319c  1970-01-01T00:00:00.000Z  100 ms, 3 spans, 1 failed
            web    GET /              100 ms  ██████████████████████████████████████████████
            web      fetch             80 ms      █████████████████████████████████████
                       00:00:00.020 info  by time
            films      GET /films      25 ms                         ████████████
                         it broke
                         00:00:00.055 info  by id
            00:00:00.500 info  other  of nobody"#]]
        .assert_eq(&shown(trace));
    }

    #[test]
    fn what_is_too_wide_is_cut_to_its_columns() {
        assert_eq!(fit("abcdef", 4), "abc\u{2026}");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(fit("\u{d55c}\u{ad6d}\u{c5b4}", 5).width(), 5);
    }
}
