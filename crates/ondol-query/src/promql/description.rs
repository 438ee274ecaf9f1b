//! Series as test scripts and rule tests describe them: `up{job="api"} 1 0+2x3 _ stale {{schema:1 count:3}}`.

mod histogram;

use std::sync::Arc;

use super::parse::described_labels;
use crate::histogram::Tally;
use crate::{Histogram, Labels, Value, stale_nan};

/// Nobody describes more values than this in one item.
const REPEATS_MAX: usize = 1_000_000;

/// A value of a description.
#[derive(Debug, Clone)]
pub struct DescribedValue {
    /// `None` where there is no sample.
    pub value: Option<Value>,
    /// Whether a histogram says what is known about resets.
    pub says_hint: bool,
}

/// The labels and the values of a described series.
///
/// # Errors
///
/// When the text is no description: why.
pub fn describe_series(text: &str) -> Result<(Labels, Vec<DescribedValue>), String> {
    let (labels, end) = described_labels(text)?;
    let mut rest = Rest(&text[end..]);
    let mut values = Vec::new();
    loop {
        rest.skip_space();
        if rest.0.is_empty() {
            return Ok((labels, values));
        }
        item(&mut rest, &mut values)?;
        if values.len() > REPEATS_MAX {
            return Err(format!("more than {REPEATS_MAX} values"));
        }
        if !rest.0.is_empty() && !rest.0.starts_with([' ', '\t']) {
            return Err(format!("unexpected {:?} in series values", rest.0));
        }
    }
}

/// What is left to read.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn take_while(&mut self, of: impl Fn(char) -> bool) -> &'t str {
        let end = self.0.find(|c| !of(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// `x5`; `None` without one.
    fn times(&mut self) -> Result<Option<usize>, String> {
        if !self.take("x") {
            return Ok(None);
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(times) if times <= REPEATS_MAX => Ok(Some(times)),
            _ => Err(format!("invalid repetition in series values: x{digits:?}")),
        }
    }

    /// A decimal number; a sign only when it is allowed to have one.
    fn number(&mut self) -> Option<f64> {
        let text = self.0;
        let unsigned = text.trim_start_matches(['+', '-']);
        let sign = text.len() - unsigned.len();
        if sign > 1 {
            return None;
        }
        let lower = unsigned.to_ascii_lowercase();
        let length = if lower.starts_with("inf") || lower.starts_with("nan") {
            3
        } else {
            let digits = |from: usize| {
                let tail = lower.as_bytes().get(from..).unwrap_or_default();
                tail.iter()
                    .take_while(|c| c.is_ascii_digit() || **c == b'_')
                    .count()
            };
            let mut at = digits(0);
            if lower[at..].starts_with('.') {
                at += 1 + digits(at + 1);
            }
            if at == 0 {
                return None;
            }
            if lower[at..].starts_with('e') {
                let signed = lower[at + 1..].starts_with(['+', '-']);
                let exponent = at + 1 + usize::from(signed);
                if digits(exponent) > 0 {
                    at = exponent + digits(exponent);
                }
            }
            at
        };
        self.0 = &text[sign + length..];
        crate::number::parse(&text[..sign + length])
    }
}

fn item(rest: &mut Rest<'_>, values: &mut Vec<DescribedValue>) -> Result<(), String> {
    let mut push =
        |value: Option<Value>, says_hint: bool| values.push(DescribedValue { value, says_hint });
    if rest.take("_") {
        for _ in 0..rest.times()?.unwrap_or(1) {
            push(None, false);
        }
        return Ok(());
    }
    if rest.0.starts_with("{{") {
        let (histogram, says_hint) = histogram::read(rest)?;
        return histograms(rest, histogram, says_hint, &mut push);
    }
    let mut value = if rest.take("stale") {
        stale_nan()
    } else {
        rest.number()
            .ok_or_else(|| format!("unexpected {:?} in series values", rest.0))?
    };
    let increment = if rest.0.starts_with(['+', '-']) {
        let increment = rest.number();
        Some(increment.ok_or_else(|| format!("unexpected {:?} in series values", rest.0))?)
    } else {
        None
    };
    let times = rest.times()?;
    if increment.is_some() && times.is_none() {
        return Err("an increment needs a repetition, such as 1+2x3".to_owned());
    }
    for _ in 0..=times.unwrap_or(0) {
        push(Some(Value::Float(value)), false);
        value += increment.unwrap_or(0.0);
    }
    Ok(())
}

/// One histogram, or a run of them.
fn histograms(
    rest: &mut Rest<'_>,
    mut histogram: Histogram,
    mut says_hint: bool,
    push: &mut dyn FnMut(Option<Value>, bool),
) -> Result<(), String> {
    let sign = match rest.0.chars().next() {
        Some('+') => 1.0,
        Some('-') => -1.0,
        _ => {
            let histogram = Arc::new(histogram);
            for _ in 0..=rest.times()?.unwrap_or(0) {
                push(Some(Value::Histogram(Arc::clone(&histogram))), says_hint);
            }
            return Ok(());
        }
    };
    rest.0 = &rest.0[1..];
    if !rest.0.starts_with("{{") {
        return Err(format!("expected a histogram, got {:?}", rest.0));
    }
    let (increment, increment_says_hint) = histogram::read(rest)?;
    let Some(times) = rest.times()? else {
        return Err("an increment needs a repetition".to_owned());
    };
    push(
        Some(Value::Histogram(Arc::new(histogram.clone()))),
        says_hint,
    );
    for _ in 0..times {
        if histogram.schema > increment.schema {
            return Err(format!(
                "error combining histograms: cannot merge from schema {} to {}",
                histogram.schema, increment.schema
            ));
        }
        let combined = if sign > 0.0 {
            Tally::plus(&histogram, &increment)
        } else {
            Tally::minus(&histogram, &increment)
        };
        let Ok((combined, _)) = combined else {
            return Err("error combining histograms: their layouts do not fit".to_owned());
        };
        histogram = combined;
        says_hint = increment_says_hint;
        if says_hint {
            histogram.reset_hint = increment.reset_hint;
        }
        push(
            Some(Value::Histogram(Arc::new(histogram.clone()))),
            says_hint,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let (labels, values) = describe_series(text).unwrap();
        let values: Vec<String> = values
            .into_iter()
            .map(|described| match described.value {
                None => "_".to_owned(),
                Some(value) if value.is_stale() => "stale".to_owned(),
                Some(Value::Float(value)) => value.to_string(),
                Some(Value::Histogram(value)) => value.to_string(),
            })
            .collect();
        format!("{labels} {}", values.join(" "))
    }

    #[test]
    fn numbers_repeat_and_grow() {
        assert_eq!(
            shown("up{job=\"a\"} 1 2+3x2 _ _x2 -1-0.5x1 7x1 stale Inf"),
            "{__name__=\"up\", job=\"a\"} 1 2 5 8 _ _ _ -1 -1.5 7 7 stale inf"
        );
        assert_eq!(shown("{\"a.b\",x=\"\"} 1e3"), "{__name__=\"a.b\"} 1000");
    }

    #[test]
    fn histograms_are_described_by_their_parts() {
        assert_eq!(
            shown(
                "h {{schema:0 count:3 sum:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 1] offset:1}}+{{count:1 buckets:[1]}}x1"
            ),
            "{__name__=\"h\"} {count:3, sum:4, [-0.1,0.1]:1, (1,2]:1, (2,4]:1} {count:4, sum:4, [-0.1,0.1]:1, (0.5,1]:1, (1,2]:1, (2,4]:1}"
        );
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in [
            "up 1+2",
            "up 1x",
            "up foo",
            "up {{schema:a}}",
            "up{a!=\"b\"} 1",
            "up 1,2",
        ] {
            assert!(describe_series(text).is_err(), "{text}");
        }
    }
}
