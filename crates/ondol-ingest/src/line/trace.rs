//! Ids of traces in a line.

/// A trace's id of 16 or 32 hexadecimal digits, with or without dashes; never 0.
pub fn trace_id(text: &str) -> Option<u128> {
    let plain: String;
    let text = if text.contains('-') && text.len() == 36 {
        plain = text.replace('-', "");
        plain.as_str()
    } else {
        text
    };
    let is_id = matches!(text.len(), 16 | 32) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| is_id)?;
    (id != 0).then_some(id)
}

/// A span's id of 16 hexadecimal digits; never 0.
pub fn span_id(text: &str) -> Option<u64> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u64::from_str_radix(text, 16).ok().filter(|_| is_id)?;
    (id != 0).then_some(id)
}

/// Trace and span of a W3C `traceparent`.
pub fn traceparent(text: &str) -> Option<(u128, u64)> {
    let mut parts = text.trim().split('-');
    let version = parts
        .next()
        .filter(|version| version.len() == 2 && *version != "ff");
    version?;
    let trace = parts.next().filter(|trace| trace.len() == 32)?;
    let span = parts.next()?;
    Some((trace_id(trace)?, span_id(span)?))
}

/// `<32 digits>` and `<16 digits>` with a dash or a comma between, as Spring and others write them anywhere in a line.
pub(super) fn in_text(text: &str) -> Option<(u128, u64)> {
    let bytes = text.as_bytes();
    let mut start = 0;
    while let Some(run) = next_run(bytes, start) {
        let (from, to) = run;
        let joined = matches!(bytes.get(to), Some(b'-' | b','));
        if to - from == 32
            && joined
            && let Some((next, end)) = next_run(bytes, to + 1)
            && next == to + 1
            && end - next == 16
        {
            let ids = (trace_id(text.get(from..to)?), span_id(text.get(next..end)?));
            if let (Some(trace), Some(span)) = ids {
                return Some((trace, span));
            }
        }
        start = to + 1;
    }
    None
}

/// Where the next letters and digits that are all hexadecimal begin and end.
fn next_run(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while at < bytes.len() {
        let word = bytes.get(at..)?;
        let len = word
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric())
            .unwrap_or(word.len());
        if len > 0 && word.iter().take(len).all(u8::is_ascii_hexdigit) {
            return Some((at, at + len));
        }
        at += len + 1;
    }
    None
}
