use std::time::Duration;

use http::HeaderMap;
use http::header::{AsHeaderName, CACHE_CONTROL, PRAGMA};

/// Longer is as good as for ever (RFC 9111, section 1.2.2, asks for 2^31 at least).
const SECONDS_MAX: u64 = 1 << 31;

/// What a response says of its being stored (RFC 9111, section 5.2.2; RFC 5861).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ResponseControl {
    pub no_store: bool,
    /// `no-cache`, also the form that names fields: the whole response is validated then, which is always allowed.
    pub no_cache: bool,
    /// `private`, also the form that names fields.
    pub private: bool,
    pub public: bool,
    pub must_revalidate: bool,
    /// `proxy-revalidate`, or `s-maxage`, which means the same (section 5.2.2.10).
    pub proxy_revalidate: bool,
    pub max_age: Option<Duration>,
    pub shared_max_age: Option<Duration>,
    pub stale_while_revalidate: Option<Duration>,
    pub stale_if_error: Option<Duration>,
}

/// What a request says that a cache in front of a service heeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestControl {
    pub no_store: bool,
    pub only_if_cached: bool,
}

impl ResponseControl {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut control = ResponseControl::default();
        each(headers, CACHE_CONTROL, |name, value| {
            let seconds = || Some(value.map_or(Duration::ZERO, seconds));
            match name {
                "no-store" => control.no_store = true,
                "no-cache" => control.no_cache = true,
                "private" => control.private = true,
                "public" => control.public = true,
                "must-revalidate" => control.must_revalidate = true,
                "proxy-revalidate" => control.proxy_revalidate = true,
                "max-age" => control.max_age = least(control.max_age, seconds()),
                "s-maxage" => control.shared_max_age = least(control.shared_max_age, seconds()),
                "stale-while-revalidate" => control.stale_while_revalidate = seconds(),
                "stale-if-error" => control.stale_if_error = seconds(),
                _ => {}
            }
        });
        control.proxy_revalidate |= control.shared_max_age.is_some();
        if !headers.contains_key(CACHE_CONTROL) {
            // Some servers still say it in a response; Cache-Control wins where both are there.
            each(headers, PRAGMA, |name, _| {
                control.no_cache |= name == "no-cache"
            });
        }
        control
    }
}

impl RequestControl {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut control = RequestControl::default();
        each(headers, CACHE_CONTROL, |name, _| match name {
            "no-store" => control.no_store = true,
            "only-if-cached" => control.only_if_cached = true,
            _ => {}
        });
        control
    }
}

/// Of a directive that is there twice, the more careful one (section 4.2.1).
fn least(before: Option<Duration>, now: Option<Duration>) -> Option<Duration> {
    before.into_iter().chain(now).min()
}

/// A time that cannot be read is over (section 4.2.1: a response with one is stale).
fn seconds(text: &str) -> Duration {
    match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        true => Duration::from_secs(text.parse().unwrap_or(SECONDS_MAX).min(SECONDS_MAX)),
        false => Duration::ZERO,
    }
}

/// Calls `directive` for each of a list of `name`, `name=token`, `name="quoted"`, in lower case. A comma within quotes
/// does not end a directive.
fn each(
    headers: &HeaderMap,
    name: impl AsHeaderName,
    mut directive: impl FnMut(&str, Option<&str>),
) {
    for value in headers.get_all(name) {
        let Ok(text) = value.to_str() else { continue };
        for part in Parts(text) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => {
                    (name.trim_end(), Some(value.trim_matches([' ', '\t', '"'])))
                }
                None => (part, None),
            };
            directive(&name.to_ascii_lowercase(), value);
        }
    }
}

/// The members of a comma-separated list.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let (mut quoted, mut escaped) = (false, false);
            let end = self.0.bytes().position(|byte| {
                let was_escaped = std::mem::take(&mut escaped);
                match byte {
                    b'\\' if quoted && !was_escaped => escaped = true,
                    b'"' if !was_escaped => quoted = !quoted,
                    _ => {}
                }
                byte == b',' && !quoted
            });
            let (part, rest) = match end {
                Some(end) => (&self.0[..end], &self.0[end + 1..]),
                None => (self.0, ""),
            };
            self.0 = rest;
            let part = part.trim_matches([' ', '\t']);
            if !part.is_empty() {
                return Some(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn response(values: &[&str]) -> ResponseControl {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
        }
        ResponseControl::of(&headers)
    }

    #[test]
    fn directives_are_read_from_all_lines_in_any_case() {
        let control = response(&["Public, MAX-AGE=60", " s-maxage=\"5\" ,, stale-if-error=9"]);
        assert!(control.public && control.proxy_revalidate);
        assert_eq!(control.max_age, Some(Duration::from_secs(60)));
        assert_eq!(control.shared_max_age, Some(Duration::from_secs(5)));
        assert_eq!(control.stale_if_error, Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_comma_in_quotes_does_not_begin_a_directive() {
        let control = response(&["private=\"a, no-store, \\\"b\", max-age=1"]);
        assert!(control.private && !control.no_store);
        assert_eq!(control.max_age, Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_cannot_be_read_is_taken_carefully() {
        for bad in [
            "max-age",
            "max-age=",
            "max-age=x",
            "max-age=-1",
            "max-age=1.5",
        ] {
            assert_eq!(response(&[bad]).max_age, Some(Duration::ZERO), "{bad}");
        }
        assert_eq!(
            response(&["max-age=60, max-age=5"]).max_age,
            Some(Duration::from_secs(5))
        );
        let huge = response(&["max-age=99999999999999999999999"]).max_age;
        assert_eq!(huge, Some(Duration::from_secs(SECONDS_MAX)));
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let mut headers = HeaderMap::new();
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        assert!(ResponseControl::of(&headers).no_cache);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
        assert!(!ResponseControl::of(&headers).no_cache);
    }
}
