//! Texts in templates.

use super::OUTPUT_BYTES_MAX;
use super::value::Value;

/// What a function of texts gives; `None` when it is not one.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let arg = |at: usize| args.get(at).map(Value::shown).unwrap_or_default();
    let int = |at: usize| args.get(at).map_or(0, Value::int);
    let all = || args.iter().map(Value::shown).collect::<Vec<_>>().concat();
    let text = match name {
        "lower" | "ToLower" => arg(0).to_lowercase(),
        "upper" | "ToUpper" => arg(0).to_uppercase(),
        "title" => title(&arg(0)),
        "trim" | "TrimSpace" => arg(0).trim().to_owned(),
        "trimAll" => arg(1).trim_matches(one_of(&arg(0))).to_owned(),
        "Trim" => arg(0).trim_matches(one_of(&arg(1))).to_owned(),
        "TrimLeft" => arg(0).trim_start_matches(one_of(&arg(1))).to_owned(),
        "TrimRight" => arg(0).trim_end_matches(one_of(&arg(1))).to_owned(),
        "trimPrefix" => without_prefix(&arg(1), &arg(0)),
        "TrimPrefix" => without_prefix(&arg(0), &arg(1)),
        "trimSuffix" => without_suffix(&arg(1), &arg(0)),
        "TrimSuffix" => without_suffix(&arg(0), &arg(1)),
        "replace" => arg(2).replace(&arg(0), &arg(1)),
        "Replace" => match usize::try_from(int(3)) {
            Ok(most) => arg(0).replacen(&arg(1), &arg(2), most),
            Err(_) => arg(0).replace(&arg(1), &arg(2)),
        },
        "trunc" => trunc(&arg(1), int(0)),
        "substr" => substr(&arg(2), int(0), int(1)),
        "alignLeft" | "alignRight" => aligned(&arg(1), int(0), name == "alignLeft"),
        "indent" => indented(&arg(1), int(0)),
        "nindent" => format!("\n{}", indented(&arg(1), int(0))),
        "repeat" => return Some(repeated(&arg(1), int(0))),
        "b64enc" => base64(arg(0).as_bytes()),
        "b64dec" => return Some(unbase64(&arg(0))),
        "urlencode" | "urlquery" => url_encoded(&all()),
        "urldecode" => return Some(url_decoded(&arg(0))),
        "html" => escaped(&all(), html),
        "js" => escaped(&all(), js),
        "contains" => return yes(arg(1).contains(&arg(0))),
        "hasPrefix" => return yes(arg(1).starts_with(&arg(0))),
        "hasSuffix" => return yes(arg(1).ends_with(&arg(0))),
        "bytes" => return Some(bytes(&arg(0))),
        "duration" | "duration_seconds" => return Some(seconds(&arg(0))),
        _ => return None,
    };
    Some(Ok(Value::Text(text)))
}

fn yes(value: bool) -> Option<Result<Value, String>> {
    Some(Ok(Value::Bool(value)))
}

fn one_of(chars: &str) -> impl Fn(char) -> bool + '_ {
    move |c| chars.contains(c)
}

fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let (mut out, mut in_word) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        if in_word {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphanumeric() || matches!(c, '_' | '\'');
    }
    out
}

/// The first so many bytes, or the last when it is negative.
fn trunc(text: &str, count: i64) -> String {
    let bytes = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if bytes >= text.len() {
        return text.to_owned();
    }
    if count < 0 {
        let start = text.floor_char_boundary(text.len() - bytes);
        return text[start..].to_owned();
    }
    text[..text.floor_char_boundary(bytes)].to_owned()
}

fn substr(text: &str, start: i64, end: i64) -> String {
    let clamp = |at: i64| text.floor_char_boundary(usize::try_from(at).unwrap_or(text.len()));
    let start = if start < 0 { 0 } else { clamp(start) };
    let end = if end < 0 { text.len() } else { clamp(end) };
    text.get(start..end).unwrap_or_default().to_owned()
}

/// Exactly so many characters.
fn aligned(text: &str, count: i64, left: bool) -> String {
    let count = usize::try_from(count).unwrap_or(0).min(OUTPUT_BYTES_MAX);
    let length = text.chars().count();
    let pad = " ".repeat(count.saturating_sub(length));
    let spare = length.saturating_sub(count);
    if left {
        text.chars().take(count).collect::<String>() + &pad
    } else {
        pad + &text.chars().skip(spare).collect::<String>()
    }
}

fn indented(text: &str, spaces: i64) -> String {
    let pad = " ".repeat(usize::try_from(spaces).unwrap_or(0).min(1000));
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

fn repeated(text: &str, count: i64) -> Result<Value, String> {
    let count = usize::try_from(count).unwrap_or(0);
    if text.len().saturating_mul(count) > OUTPUT_BYTES_MAX {
        return Err(format!("repeat makes more than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok(Value::Text(text.repeat(count)))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = bits >> (18 - 6 * at) & 63;
            out.push(if at <= three.len() {
                char::from(BASE64[six as usize])
            } else {
                '='
            });
        }
    }
    out
}

fn unbase64(text: &str) -> Result<Value, String> {
    let refused = || format!("{text} is no base64");
    let bare = text.trim_end_matches('=');
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bare.bytes() {
        let six = BASE64.iter().position(|known| *known == byte);
        bits = bits << 6 | six.ok_or_else(refused)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if !text.len().is_multiple_of(4) || text.len() - bare.len() > 2 {
        return Err(refused());
    }
    Ok(Value::Text(String::from_utf8_lossy(&out).into_owned()))
}

fn url_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn url_decoded(text: &str) -> Result<Value, String> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        out.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                rest = after.get(2..).unwrap_or_default();
                byte.ok_or_else(|| format!("{text} is not encoded as a URL is"))?
            }
            byte => *byte,
        });
    }
    Ok(Value::Text(String::from_utf8_lossy(&out).into_owned()))
}

fn escaped(text: &str, of: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match of(c) {
            Some(escape) => out.push_str(escape),
            None => out.push(c),
        }
    }
    out
}

fn html(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "&#34;",
        '\'' => "&#39;",
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    })
}

fn js(c: char) -> Option<&'static str> {
    Some(match c {
        '\\' => "\\\\",
        '\'' => "\\'",
        '"' => "\\\"",
        '<' => "\\u003C",
        '>' => "\\u003E",
        '&' => "\\u0026",
        '=' => "\\u003D",
        _ => return None,
    })
}

fn bytes(text: &str) -> Result<Value, String> {
    match crate::logql::size::parse(text) {
        Some(bytes) => Ok(Value::Float(bytes as f64)),
        None => Err(format!(
            "{text} is no number of bytes; expected such as 20KB"
        )),
    }
}

fn seconds(text: &str) -> Result<Value, String> {
    match crate::logql::duration::parse_value(text) {
        Some(ns) => Ok(Value::Float(ns as f64 / 1e9)),
        None => Err(format!("{text} is no duration; expected such as 1m30s")),
    }
}
