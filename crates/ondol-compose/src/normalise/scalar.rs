use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ondol_model::Bytes;

use super::{Normaliser, as_text};
use crate::findings::{error, warning};
use crate::grammar::Shape;
use crate::tree::{Kind, Node, Scalar, Value};
use ondol_model::did_you_mean;

impl Normaliser<'_> {
    /// A single value in the form that its shape is printed in.
    pub(super) fn scalar(&mut self, node: Node, shape: &'static Shape) -> Option<Node> {
        let Value::Scalar(scalar) = &node.value else {
            self.wrong_type(&node, shape);
            return None;
        };
        let Some(scalar) = self.canonical(scalar, shape) else {
            self.wrong_value(&node, shape);
            return None;
        };
        if matches!(shape, Shape::Mode) {
            self.warn_decimal(&node, &scalar.text);
        }
        Some(Node {
            value: Value::Scalar(scalar),
            ..node
        })
    }

    fn canonical(&self, scalar: &Scalar, shape: &Shape) -> Option<Scalar> {
        let text = &*scalar.text;
        match shape {
            Shape::Bool | Shape::External => bool_of(text).map(|value| bare(value.to_string())),
            Shape::Whole { min, max } => {
                let number: i64 = text.trim().parse().ok()?;
                (*min..=*max)
                    .contains(&number)
                    .then(|| bare(number.to_string()))
            }
            Shape::Number => {
                let number: f64 = text.trim().parse().ok()?;
                (number.is_finite() && number >= 0.0).then(|| bare(number.to_string()))
            }
            Shape::Size => text.parse::<Bytes>().ok().map(|_| as_text(scalar)),
            Shape::Duration => duration(text).map(|_| as_text(scalar)),
            Shape::Mode => mode_of(scalar).map(|mode| Scalar {
                text: format!("0{mode:03o}").into(),
                kind: Kind::Text,
            }),
            Shape::Choice(choices) => choices.contains(&text).then(|| as_text(scalar)),
            Shape::Path => (!text.is_empty()).then(|| self.path_scalar(text)),
            Shape::Context if is_remote(text) => Some(as_text(scalar)),
            Shape::Context => Some(self.path_scalar(text)),
            _ => Some(as_text(scalar)),
        }
    }

    fn path_scalar(&self, text: &str) -> Scalar {
        let text = self.absolute(text).to_string_lossy().as_ref().into();
        let kind = Kind::Text;
        Scalar { text, kind }
    }

    /// A path as the machine knows it: `~` is home, the rest is relative to the file's folder.
    pub(crate) fn absolute(&self, text: &str) -> PathBuf {
        let home = self.home.map(Path::new);
        match (text.strip_prefix('~'), home) {
            (Some(""), Some(home)) => home.to_path_buf(),
            (Some(rest), Some(home)) if rest.starts_with('/') => clean(&home.join(&rest[1..])),
            _ => clean(&self.dir.join(text)),
        }
    }

    /// Tells that `mode: 440` is not what it looks like.
    fn warn_decimal(&mut self, node: &Node, mode: &str) {
        if let Value::Scalar(written) = &node.value
            && is_decimal(written)
            && file_mode(&written.text).is_some()
        {
            let (path, text) = (&self.path, &written.text);
            self.findings.add(
                warning(
                    "decimal-mode",
                    format!("`{path}` is the decimal number {text}, which means the bits {mode}"),
                )
                .at(node.span)
                .help(format!("write \"0{text}\" for the bits {text}")),
            );
        }
    }

    fn wrong_value(&mut self, node: &Node, shape: &Shape) {
        let text: String = node.text().unwrap_or_default().chars().take(60).collect();
        let (path, expects) = (&self.path, shape.expects());
        let close = match shape {
            Shape::Choice(choices) => did_you_mean(&text, choices.iter().copied()),
            Shape::Duration if text.parse::<f64>().is_ok() => {
                Some(format!("add a unit: `{text}s`"))
            }
            _ => None,
        };
        self.findings.add(
            error(
                "bad-value",
                format!("`{path}` must be {expects}, but this is `{text}`"),
            )
            .at(node.span)
            .help(format!("write {expects}"))
            .help_maybe(close),
        );
    }
}

fn bare(text: String) -> Scalar {
    let text = text.into();
    let kind = Kind::Bare;
    Scalar { text, kind }
}

fn bool_of(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// The address of a repository, where a folder may stand too.
pub(crate) fn is_remote(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/")
}

/// Compose's durations: `1h5m30s20ms10us`, in that spirit and any order; a bare `0` too.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 8] = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ns", 1e-9),
        ("h", 3600.0),
        ("m", 60.0),
        ("s", 1.0),
        ("d", 86_400.0),
    ];
    const SECONDS_MAX: f64 = 1e10;
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    let mut parts = 0;
    while !rest.is_empty() && parts < 16 {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let (unit, factor) = UNITS
            .iter()
            .find(|(unit, _)| rest[digits..].starts_with(unit))?;
        seconds += amount * factor;
        rest = &rest[digits + unit.len()..];
        parts += 1;
    }
    // Nanoseconds are rounded, so that 0.1 s is not 99,999,999 ns.
    (parts > 0 && rest.is_empty() && seconds <= SECONDS_MAX)
        .then(|| Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// Permission bits; the digits are octal, whether or not they begin with 0 or 0o.
pub(crate) fn file_mode(text: &str) -> Option<u32> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0o").unwrap_or(digits);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
}

/// The same for a scalar as it was written: YAML reads a bare number without a leading 0 as decimal,
/// and so does every other Compose tool.
fn mode_of(scalar: &Scalar) -> Option<u32> {
    match is_decimal(scalar) {
        true => scalar.text.parse().ok().filter(|mode| *mode <= 0o7777),
        false => file_mode(&scalar.text),
    }
}

fn is_decimal(scalar: &Scalar) -> bool {
    scalar.kind == Kind::Plain && !scalar.text.starts_with('0')
}

/// Without `.` and `..`, which are taken by their words alone.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("250ms", 250),
            ("0", 0),
            ("1.5s", 1_500),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "30",
            "s",
            "1x",
            "-1s",
            "1s x",
            "1..5s",
            "9999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn modes_are_octal() {
        for (text, mode) in [
            ("0440", 0o440),
            ("440", 0o440),
            ("0o755", 0o755),
            ("1777", 0o1777),
        ] {
            assert_eq!(file_mode(text), Some(mode), "{text}");
        }
        assert_eq!(file_mode("0888"), None);
        assert_eq!(file_mode("77777"), None);
    }

    #[test]
    fn paths_are_cleaned_without_leaving_the_root() {
        assert_eq!(clean(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(clean(Path::new("/../../etc")), Path::new("/etc"));
    }
}
