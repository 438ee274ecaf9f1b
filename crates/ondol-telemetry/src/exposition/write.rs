//! A page of our own.

use std::fmt::Write;

use super::Format;
use super::line::Kind;

/// A page that is being written. Families come one after the other, each once, and the samples of a family after it.
///
/// ```
/// use ondol_telemetry::{Format, Kind, Page};
/// let mut page = Page::new(Format::OpenMetrics);
/// page.family("ondol_lines", Kind::Counter, "Log lines taken in.");
/// page.sample("ondol_lines_total", &[("project", "shop")], 3.0);
/// assert_eq!(page.finish(), "\
/// ## TYPE ondol_lines counter
/// ## HELP ondol_lines Log lines taken in.
/// ondol_lines_total{project=\"shop\"} 3
/// ## EOF
/// ");
/// ```
pub struct Page {
    text: String,
    format: Format,
}

impl Page {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Page {
            text: String::new(),
            format,
        }
    }

    /// Begins a family. In the older text a counter is named with its `_total`, and what it does not know is untyped.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (suffix, word) = match (self.format, kind) {
            (Format::OpenMetrics, kind) => ("", kind.word()),
            (Format::Text, Kind::Counter) => ("_total", "counter"),
            (Format::Text, Kind::Info) => ("_info", "gauge"),
            (Format::Text, Kind::StateSet) => ("", "gauge"),
            (Format::Text, Kind::Unknown | Kind::GaugeHistogram) => ("", "untyped"),
            (Format::Text, kind) => ("", kind.word()),
        };
        let _ = writeln!(self.text, "# TYPE {name}{suffix} {word}");
        let _ = write!(self.text, "# HELP {name}{suffix} ");
        escape(&mut self.text, help, self.format == Format::OpenMetrics);
        self.text.push('\n');
    }

    /// A sample of the family that was begun last; `name` has its suffix.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        self.labels(labels);
        self.text.push(' ');
        number(&mut self.text, value);
        self.text.push('\n');
    }

    /// One observation behind the sample that was written last. The older text has no place for it.
    pub fn exemplar(&mut self, labels: &[(&str, &str)], value: f64, at_ms: i64) {
        if self.format == Format::Text || !self.text.ends_with('\n') {
            return;
        }
        self.text.pop();
        self.text.push_str(" # ");
        if labels.is_empty() {
            self.text.push_str("{}");
        }
        self.labels(labels);
        self.text.push(' ');
        number(&mut self.text, value);
        let _ = writeln!(
            self.text,
            " {}.{:03}",
            at_ms.div_euclid(1000),
            at_ms.rem_euclid(1000)
        );
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn labels(&mut self, labels: &[(&str, &str)]) {
        for (index, (name, value)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{name}=\"");
            escape(&mut self.text, value, true);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
    }
}

fn escape(into: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '"' if quotes => into.push_str("\\\""),
            c => into.push(c),
        }
    }
}

fn number(into: &mut String, value: f64) {
    let _ = match value {
        value if value.is_nan() => write!(into, "NaN"),
        f64::INFINITY => write!(into, "+Inf"),
        f64::NEG_INFINITY => write!(into, "-Inf"),
        value if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) => write!(into, "{value:e}"),
        value => write!(into, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Lines, check};
    use super::*;

    #[test]
    fn what_is_written_is_well_made_and_read_back() {
        let mut page = Page::new(Format::OpenMetrics);
        page.family("a", Kind::Counter, "with \"quotes\" and\nlines");
        page.sample("a_total", &[("b", "c\"\\\n{}")], 1.5e300);
        page.exemplar(&[("trace_id", "0af7")], 0.25, 1_700_000_000_123);
        page.sample("a_total", &[], 0.0);
        page.exemplar(&[], 0.25, 1);
        page.family("h", Kind::Histogram, "");
        page.sample("h_bucket", &[("le", "+Inf")], 3.0);
        let page = page.finish();
        check(page.as_bytes()).unwrap();
        let mut lines = Lines::new(&page, Format::OpenMetrics).map(Result::unwrap);
        let Some(Line::Sample(sample)) = lines.nth(2) else {
            panic!("a sample")
        };
        let (name, value) = sample.labels.iter().next().unwrap();
        assert_eq!((name.raw(), &*value.meant()), ("b", "c\"\\\n{}"));
        assert_eq!(sample.reading.value, 1.5e300);
        let exemplar = sample.reading.exemplar.unwrap();
        assert_eq!(exemplar.at_seconds, Some(1_700_000_000.123));
    }

    #[test]
    fn the_older_text_names_counters_with_their_suffix() {
        let mut page = Page::new(Format::Text);
        page.family("a", Kind::Counter, "x");
        page.sample("a_total", &[], f64::INFINITY);
        assert_eq!(
            page.finish(),
            "# TYPE a_total counter\n# HELP a_total x\na_total +Inf\n"
        );
    }
}
