//! `printf`: the verbs, flags and widths of Go that rules are written with.

use std::iter::Peekable;
use std::str::Chars;

use super::value::Value;
use crate::number;

/// A width or precision beyond this is refused.
const WIDTH_MAX: usize = 256;

#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

pub(super) fn printf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut args = args.iter();
    let mut printed = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            printed.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0')) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        spec.width = bounded(&mut chars)?;
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(bounded(&mut chars)?);
        }
        match chars.next() {
            None => printed.push_str("%!(NOVERB)"),
            Some('%') => printed.push('%'),
            Some(verb) => match args.next() {
                None => printed.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => printed.push_str(&spec.pad(&spec.one(verb, value)?, value)),
            },
        }
    }
    let rest: Vec<String> = args
        .map(|arg| format!("{}={}", type_of(arg), arg.print()))
        .collect();
    if !rest.is_empty() {
        printed.push_str(&format!("%!(EXTRA {})", rest.join(", ")));
    }
    Ok(printed)
}

/// A width or a precision; 0 where there is none.
fn bounded(chars: &mut Peekable<Chars<'_>>) -> Result<usize, String> {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.parse() {
        _ if digits.is_empty() => Ok(0),
        Ok(number) if number <= WIDTH_MAX => Ok(number),
        _ => Err(format!("a width of {digits} is more than {WIDTH_MAX}")),
    }
}

impl Spec {
    fn one(&self, verb: char, value: &Value) -> Result<String, String> {
        let text = match (verb, value) {
            ('v' | 'g', Value::Number(number)) => match self.precision {
                Some(digits) => number::significant(*number, digits),
                None => number::shortest(*number),
            },
            ('e', Value::Number(number)) => {
                number::scientific(*number, self.precision.unwrap_or(6))
            }
            ('f' | 'F', Value::Number(number)) => {
                number::fixed(*number, self.precision.unwrap_or(6))
            }
            ('d', Value::Whole(number)) => number.to_string(),
            ('x', Value::Whole(number)) => radix(*number, |n| format!("{n:x}")),
            ('X', Value::Whole(number)) => radix(*number, |n| format!("{n:X}")),
            ('o', Value::Whole(number)) => radix(*number, |n| format!("{n:o}")),
            ('b', Value::Whole(number)) => radix(*number, |n| format!("{n:b}")),
            ('c', Value::Whole(number)) => {
                let c = u32::try_from(*number).ok().and_then(char::from_u32);
                c.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
            }
            ('t', Value::Bool(value)) => value.to_string(),
            ('s' | 'v', Value::Text(text)) => match self.precision {
                Some(length) => text.chars().take(length).collect(),
                None => text.clone(),
            },
            ('q', Value::Text(text)) => format!("{text:?}"),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('v', Value::Nil) => "<nil>".to_owned(),
            ('v', other) => other.print(),
            (
                's',
                other @ (Value::Labels(_) | Value::Vector(_) | Value::Time(_) | Value::Duration(_)),
            ) => other.print(),
            (
                's' | 'd' | 'x' | 'X' | 'o' | 'b' | 'c' | 't' | 'q' | 'g' | 'e' | 'f' | 'F',
                other,
            ) => {
                return Ok(format!("%!{verb}({}={})", type_of(other), other.print()));
            }
            (verb, _) => return Err(format!("the verb %{verb} is not supported")),
        };
        let is_number = matches!(value, Value::Whole(_) | Value::Number(_));
        Ok(match is_number && !text.starts_with(['-', '+']) {
            true if self.plus => format!("+{text}"),
            true if self.space => format!(" {text}"),
            _ => text,
        })
    }

    fn pad(&self, text: &str, value: &Value) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        let is_number = matches!(value, Value::Whole(_) | Value::Number(_));
        if self.minus {
            return format!("{text}{}", " ".repeat(missing));
        }
        if self.zero && is_number && text.ends_with(|c: char| c.is_ascii_digit()) {
            let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (sign, digits) = text.split_at(digits);
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        format!("{}{text}", " ".repeat(missing))
    }
}

fn radix(number: i64, format: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", format(number.unsigned_abs()))
}

/// As Go calls it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Whole(_) => "int",
        Value::Number(_) => "float64",
        Value::Text(_) => "string",
        Value::Labels(_) => "map[string]string",
        Value::Sample(_) => "*template.sample",
        Value::Vector(_) => "template.queryResult",
        Value::Time(_) => "*time.Time",
        Value::Duration(_) => "*time.Duration",
        Value::All => "struct",
    }
}
