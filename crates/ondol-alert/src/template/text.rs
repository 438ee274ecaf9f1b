//! Functions of texts.

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::interpolate;

/// What a pattern may become when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// A text that becomes longer by replacing is refused.
const REPLACED_MAX: usize = 64 << 10;

/// Upper case for the first letter of each word.
pub(super) fn title(text: &str) -> String {
    let separates = |c: char| match c.is_ascii() {
        true => !c.is_ascii_alphanumeric() && c != '_',
        false => c.is_whitespace(),
    };
    let mut titled = String::with_capacity(text.len());
    let mut begins = true;
    for c in text.chars() {
        match begins {
            true => titled.extend(c.to_uppercase()),
            false => titled.push(c),
        }
        begins = separates(c);
    }
    titled
}

/// The host of `host:port`, or the text itself when it is no such thing.
pub(super) fn strip_port(text: &str) -> String {
    let host = match split_port(text) {
        Some((host, _)) => host,
        None => text,
    };
    host.to_owned()
}

/// The first part of a host's name, with its port. Addresses stay.
pub(super) fn strip_domain(text: &str) -> String {
    let (host, port) = match split_port(text) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let first = host.split('.').next().unwrap_or(host);
    match port {
        Some(port) => format!("{first}:{port}"),
        None => first.to_owned(),
    }
}

/// As Go's `net.SplitHostPort`: an IPv6 address stands in brackets.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').map(|host| (host, port)),
        None if host.contains([':', ']']) => None,
        None => Some((host, port)),
    }
}

/// Whether a pattern matches a part of the text.
pub(super) fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    Ok(regex(pattern)?.is_match(text))
}

/// Puts `by` for each match of `pattern`; `$1` and `${name}` are its groups.
pub(super) fn replace_all(pattern: &str, by: &str, text: &str) -> Result<String, String> {
    let regex = regex(pattern)?;
    let (mut replaced, mut behind) = (String::new(), 0);
    let mut captures = regex.create_captures();
    for found in regex.captures_iter(text) {
        captures.clone_from(&found);
        let Some(whole) = captures.get_match() else {
            continue;
        };
        replaced.push_str(&text[behind..whole.start()]);
        let append = |index: usize, to: &mut String| {
            if let Some(span) = captures.get_group(index) {
                to.push_str(&text[span]);
            }
        };
        let index_of = |name: &str| regex.group_info().to_index(whole.pattern(), name);
        interpolate::string(by, append, index_of, &mut replaced);
        behind = whole.end();
        if replaced.len() > REPLACED_MAX {
            return Err(format!("it becomes longer than {REPLACED_MAX} bytes"));
        }
    }
    replaced.push_str(&text[behind..]);
    Ok(replaced)
}

fn regex(pattern: &str) -> Result<Regex, String> {
    let config = Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX));
    let built = Regex::builder().configure(config).build(pattern);
    built.map_err(|why: BuildError| format!("{pattern:?} is not a pattern: {why}"))
}

pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// As Go's `url.QueryEscape`.
pub(crate) fn url_query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

/// The path where a query is shown.
pub(crate) fn graph_link(expr: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", url_query(expr))
}

/// The path of a URL, `""` when it has none.
pub(super) fn path_of(url: &str) -> String {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind.find('/').map_or("", |at| &behind[at..]);
    path.trim_end_matches('/').to_owned()
}
