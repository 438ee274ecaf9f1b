//! A sample: name, labels, value, and perhaps a moment and an exemplar.

use super::Format;
use super::error::Mistake;
use super::labels::{Labels, Text};
use super::line::{Exemplar, Reading, Sample};
use super::number::{moment, number};
use super::scan::Scan;

pub(super) fn sample<'a>(
    mut scan: Scan<'a>,
    text: &'a str,
    format: Format,
) -> Result<Sample<'a>, Mistake> {
    let start = scan.at();
    let mut name = match scan.peek() {
        Some(b'{') => None,
        _ => Some(scan.metric_name()?),
    };
    let mut end = scan.at();
    scan.blanks();
    let labels = if scan.peek() == Some(b'{') {
        let labels = labels(&mut scan, &mut name, text, format)?;
        end = scan.at();
        labels
    } else {
        Labels::checked("", format)
    };
    let name = name.ok_or(Mistake {
        at: start,
        expected: "the name of a metric",
    })?;
    Ok(Sample {
        series: text.get(start..end).unwrap_or_default(),
        name,
        labels,
        reading: reading(scan, format)?,
    })
}

/// `{a="b",c="d"}`, with the name of the metric in front where it stands in quotes: `{"a.b",c="d"}`.
fn labels<'a>(
    scan: &mut Scan<'a>,
    name: &mut Option<Text<'a>>,
    text: &'a str,
    format: Format,
) -> Result<Labels<'a>, Mistake> {
    scan.expect(b'{', "`{`")?;
    scan.blanks();
    let mut inside = scan.at();
    let mut first = true;
    while !scan.eat(b'}') {
        if !first {
            scan.expect(b',', "`,` or `}` after a label")?;
            scan.blanks();
            // A comma before the brace is an old habit of the text format.
            if format == Format::Text && scan.eat(b'}') {
                break;
            }
        }
        let label = scan.label_name()?;
        scan.blanks();
        let may_be_name = first && name.is_none() && matches!(scan.peek(), Some(b',' | b'}'));
        first = false;
        if may_be_name {
            *name = Some(label);
            inside = scan.at();
            continue;
        }
        scan.expect(b'=', "`=` after the name of a label")?;
        scan.blanks();
        scan.quoted()?;
        scan.blanks();
    }
    let inside = text.get(inside..scan.at() - 1).unwrap_or_default();
    Ok(Labels::checked(inside, format))
}

pub(super) fn reading<'a>(mut scan: Scan<'a>, format: Format) -> Result<Reading<'a>, Mistake> {
    let may_touch =
        format == Format::Text && [b'}', b' ', b'\t'].iter().any(|byte| scan.after(*byte));
    if !scan.gap() && !may_touch {
        return Err(scan.mistake("a blank and a value"));
    }
    let start = scan.at();
    let value = number(scan.word()).ok_or(Mistake {
        at: start,
        expected: "a number",
    })?;
    let mut at_seconds = None;
    if !scan.is_done()
        && scan.rest().trim_start() != ""
        && !scan.rest().trim_start().starts_with('#')
    {
        scan.gap();
        let start = scan.at();
        let stamp = scan.word();
        let seconds = match format {
            Format::OpenMetrics => moment(stamp),
            Format::Text => stamp.parse::<i64>().ok().map(|ms| ms as f64 / 1000.0),
        };
        at_seconds = Some(seconds.ok_or(Mistake {
            at: start,
            expected: match format {
                Format::OpenMetrics => "a timestamp in seconds",
                Format::Text => "a timestamp in whole milliseconds",
            },
        })?);
    }
    let exemplar = match exemplar_mark(&mut scan)? {
        true => Some(exemplar(&mut scan, format)?),
        false => None,
    };
    scan.blanks();
    if !scan.is_done() {
        return Err(scan.mistake("the end of the line"));
    }
    Ok(Reading {
        value,
        at_seconds,
        exemplar,
    })
}

/// ` # ` between a sample and its exemplar.
fn exemplar_mark(scan: &mut Scan<'_>) -> Result<bool, Mistake> {
    if !scan.rest().trim_start().starts_with('#') {
        return Ok(false);
    }
    const EXPECTED: &str = "` # ` and an exemplar";
    if !scan.gap() || !scan.eat(b'#') || !scan.gap() {
        return Err(scan.mistake(EXPECTED));
    }
    Ok(true)
}

fn exemplar<'a>(scan: &mut Scan<'a>, format: Format) -> Result<Exemplar<'a>, Mistake> {
    const CHARS_MAX: usize = 128;
    let start = scan.at();
    let text = scan.rest();
    let mut inner = Scan::new(text, 0, format);
    // No name may stand in there: there is one already.
    let labels =
        labels(&mut inner, &mut Some(Text::plain("")), text, format).map_err(|mistake| {
            Mistake {
                at: start + mistake.at,
                ..mistake
            }
        })?;
    let chars = |text: Text<'_>| text.meant().chars().count();
    if labels
        .iter()
        .map(|(name, value)| chars(name) + chars(value))
        .sum::<usize>()
        > CHARS_MAX
    {
        return Err(Mistake {
            at: start,
            expected: "at most 128 characters in the labels of an exemplar",
        });
    }
    scan.forward(inner.at());
    if !scan.gap() {
        return Err(scan.mistake("a blank and the value of the exemplar"));
    }
    let start = scan.at();
    let value = number(scan.word()).ok_or(Mistake {
        at: start,
        expected: "the value of the exemplar",
    })?;
    let mut at_seconds = None;
    if !scan.is_done() {
        scan.gap();
        let start = scan.at();
        at_seconds = Some(moment(scan.word()).ok_or(Mistake {
            at: start,
            expected: "the exemplar's timestamp in seconds",
        })?);
    }
    Ok(Exemplar {
        labels,
        value,
        at_seconds,
    })
}
