//! `printf` as Go has it, for the values of templates.

use super::value::Value;

/// More padding than this is cut: nobody could read it.
const WIDTH_MAX: usize = 10_000;

/// Values one after the other, with a space between two that are no texts.
pub(super) fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (at, arg) in args.iter().enumerate() {
        let texts = |value: Option<&Value>| matches!(value, Some(Value::Text(_)));
        if at > 0 && !texts(args.get(at - 1)) && !texts(Some(arg)) {
            out.push(' ');
        }
        out.push_str(&arg.shown());
    }
    out
}

#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

pub(super) fn printf(format: &str, args: &[Value]) -> String {
    let (mut out, mut rest, mut args) = (String::new(), format, args.iter());
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (verb, letter, after) = verb(&rest[at + 1..], &mut args);
        rest = after;
        match letter {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(letter) => match args.next() {
                Some(arg) => out.push_str(&verb.shown(letter, arg)),
                None => out.push_str(&format!("%!{letter}(MISSING)")),
            },
        }
    }
    out.push_str(rest);
    let extra: Vec<String> = args
        .map(|arg| format!("{}={}", kind(arg), arg.shown()))
        .collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

/// Flags, width and precision, the letter, and what follows it.
fn verb<'f>(
    format: &'f str,
    args: &mut std::slice::Iter<'_, Value>,
) -> (Verb, Option<char>, &'f str) {
    let (mut verb, mut rest) = (Verb::default(), format);
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            '0' => verb.zero = true,
            ' ' => verb.space = true,
            '#' => verb.sharp = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    (verb.width, rest) = number(rest, args);
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after, args);
        (verb.precision, rest) = (Some(precision.unwrap_or(0)), after);
    }
    let letter = rest.chars().next();
    let after = letter.map_or(rest, |letter| &rest[letter.len_utf8()..]);
    (verb, letter, after)
}

fn number<'f>(rest: &'f str, args: &mut std::slice::Iter<'_, Value>) -> (Option<usize>, &'f str) {
    if let Some(after) = rest.strip_prefix('*') {
        let value = args.next().map_or(0, Value::int);
        return (usize::try_from(value).ok().map(|n| n.min(WIDTH_MAX)), after);
    }
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let value = rest[..digits].parse().ok();
    (
        value.map(|value: usize| value.min(WIDTH_MAX)),
        &rest[digits..],
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::Text(_) | Value::Pattern(_) => "string",
        Value::Moment(_) => "time.Time",
        Value::List(_) => "[]interface {}",
        Value::Map(_) | Value::Labels => "map[string]interface {}",
    }
}

impl Verb {
    fn shown(&self, letter: char, arg: &Value) -> String {
        let text = match (letter, arg) {
            ('v', Value::Float(value)) if self.precision.is_some() => self.float('g', *value),
            ('v' | 's', _) => self.cut(arg.shown()),
            ('q', _) => crate::quote::Quoted(&self.cut(arg.shown())).to_string(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('T', _) => kind(arg).to_owned(),
            ('d', Value::Int(value)) => self.signed(*value >= 0, value.unsigned_abs().to_string()),
            ('x' | 'X' | 'o' | 'b' | 'c', Value::Int(value)) => self.radix(letter, *value),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(value)) => self.float(letter, *value),
            _ => return format!("%!{letter}({}={})", kind(arg), arg.shown()),
        };
        self.padded(text, matches!(arg, Value::Int(_) | Value::Float(_)))
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        }
    }

    fn signed(&self, positive: bool, digits: String) -> String {
        let sign = match (positive, self.plus, self.space) {
            (false, ..) => "-",
            (true, true, _) => "+",
            (true, false, true) => " ",
            (true, false, false) => "",
        };
        format!("{sign}{digits}")
    }

    fn radix(&self, letter: char, value: i64) -> String {
        let magnitude = value.unsigned_abs();
        let prefix = if self.sharp { "0x" } else { "" };
        let digits = match letter {
            'x' => format!("{prefix}{magnitude:x}"),
            'X' => format!("{}{magnitude:X}", prefix.to_uppercase()),
            'o' => format!("{magnitude:o}"),
            'b' => format!("{magnitude:b}"),
            _ => {
                let code = u32::try_from(value).ok().and_then(char::from_u32);
                return code.unwrap_or(char::REPLACEMENT_CHARACTER).to_string();
            }
        };
        self.signed(value >= 0, digits)
    }

    fn float(&self, letter: char, value: f64) -> String {
        let magnitude = value.abs();
        let precision = self.precision.unwrap_or(6).min(1000);
        let digits = match letter {
            _ if !value.is_finite() => crate::number::printed(magnitude).replace('+', ""),
            'f' | 'F' => format!("{magnitude:.precision$}"),
            'e' | 'E' => {
                let shown = format!("{magnitude:.precision$e}");
                let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(exponent) => ('-', exponent),
                    None => ('+', exponent),
                };
                format!("{digits}{}{sign}{exponent:0>2}", letter)
            }
            _ => match self.precision {
                Some(digits) => crate::number::rounded(magnitude, digits.clamp(1, 40) as u8),
                None => crate::number::printed(magnitude),
            },
        };
        self.signed(!value.is_sign_negative(), digits)
    }

    fn padded(&self, text: String, is_number: bool) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            return text + &" ".repeat(missing);
        }
        if !self.zero || !is_number {
            return " ".repeat(missing) + &text;
        }
        let sign = text.len() - text.trim_start_matches(['+', '-', ' ']).len();
        let (sign, digits) = text.split_at(sign);
        format!("{sign}{}{digits}", "0".repeat(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_formatted_as_go_formats_them() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (format, arg, expected) in [
            ("%-5.5s|", text("GET"), "GET  |"),
            ("%15.15s|", text("10.0.0.1"), "       10.0.0.1|"),
            ("%q", text("a\"b"), "\"a\\\"b\""),
            ("%05d", Value::Int(-42), "-0042"),
            ("%+d", Value::Int(7), "+7"),
            ("%.2f", Value::Float(1.005), "1.00"),
            ("%8.3f|", Value::Float(2.5), "   2.500|"),
            ("%e", Value::Float(12345.0), "1.234500e+04"),
            ("%g", Value::Float(1e21), "1e+21"),
            ("%v", Value::Float(0.5), "0.5"),
            ("%x", Value::Int(255), "ff"),
            ("%t", Value::Bool(true), "true"),
            ("100%% %s", text("x"), "100% x"),
            ("%d", text("x"), "%!d(string=x)"),
            ("%s", Value::Int(1), "1"),
        ] {
            assert_eq!(printf(format, &[arg]), expected, "{format}");
        }
        assert_eq!(printf("%s", &[]), "%!s(MISSING)");
        assert_eq!(printf("a", &[Value::Int(1)]), "a%!(EXTRA int64=1)");
        assert_eq!(printf("%*d", &[Value::Int(4), Value::Int(1)]), "   1");
    }
}
