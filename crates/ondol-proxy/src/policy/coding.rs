//! Which content coding a response gets (RFC 9110, sections 8.4 and 12.5.3).

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderValue, VARY,
};
use http::{HeaderMap, StatusCode};

/// Below that, a coding costs more than it saves (bytes).
const LENGTH_MIN: u64 = 256;
/// Types that become smaller, beside all of `text/`, `+json`, `+xml` and `+text`.
const TYPES: [&str; 14] = [
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/x-ndjson",
    "application/wasm",
    "application/graphql",
    "application/manifest",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];

/// A content coding, in the order in which they are preferred when a client takes several alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    /// As registered with IANA.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    /// The one that the client likes best of ours; `None` leaves the response as it is.
    pub(crate) fn wanted(request: &HeaderMap) -> Option<Coding> {
        let mut weights: [Option<u16>; 3] = [None; 3];
        let mut others = 0;
        for value in request.get_all(ACCEPT_ENCODING) {
            for member in value.to_str().ok()?.split(',') {
                let (name, weight) = weighted(member);
                if name == "*" {
                    others = weight;
                }
                let named = |coding: &Coding| {
                    name.eq_ignore_ascii_case(coding.name())
                        || *coding == Coding::Gzip && name.eq_ignore_ascii_case("x-gzip")
                };
                if let Some(at) = Coding::ALL.iter().position(named) {
                    weights[at] = Some(weight);
                }
            }
        }
        let weight = |at: usize| weights[at].unwrap_or(others);
        let best = (0..Coding::ALL.len()).max_by_key(|&at| (weight(at), std::cmp::Reverse(at)))?;
        (weight(best) > 0).then(|| Coding::ALL[best])
    }
}

/// Whether a response may get a coding and becomes smaller by it. It is a stranger's otherwise: one that is a part,
/// has a coding, forbids it, or must come at once (server-sent events).
pub(crate) fn is_worth(status: StatusCode, response: &HeaderMap) -> bool {
    let length = || {
        response
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse::<u64>()
            .ok()
    };
    let no_transform = response.get_all(CACHE_CONTROL).iter().any(|value| {
        value
            .as_bytes()
            .to_ascii_lowercase()
            .windows(12)
            .any(|word| word == b"no-transform")
    });
    let has_body = !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
        );
    has_body
        && !no_transform
        && !response.contains_key(CONTENT_ENCODING)
        && !response.contains_key(CONTENT_RANGE)
        && length().is_none_or(|length| length >= LENGTH_MIN)
        && response
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(becomes_smaller)
}

/// Says in the head of a response that it has a coding now.
pub(crate) fn announce(coding: Coding, response: &mut HeaderMap) {
    response.remove(CONTENT_LENGTH);
    response.remove(http::header::ACCEPT_RANGES);
    response.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    if let Some(etag) = response
        .get(ETAG)
        .filter(|etag| !etag.as_bytes().starts_with(b"W/"))
    {
        // The bytes are others now, their meaning is not (RFC 9110, section 8.8.1).
        let weak = [b"W/", etag.as_bytes()].concat();
        match HeaderValue::from_bytes(&weak) {
            Ok(weak) => response.insert(ETAG, weak),
            Err(_) => response.remove(ETAG),
        };
    }
}

/// Says that another client may get another coding; also on a response that has none because of the client.
pub(crate) fn announce_choice(response: &mut HeaderMap) {
    let said = response.get_all(VARY).iter().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split(',')
            .any(|name| name.trim() == "*" || name.trim().eq_ignore_ascii_case("accept-encoding"))
    });
    if !said {
        response.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

fn becomes_smaller(content_type: &str) -> bool {
    let (name, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    let name = name.trim().to_ascii_lowercase();
    if name == "text/event-stream" {
        return false;
    }
    let suffix = |suffix: &str| name.ends_with(suffix);
    name.starts_with("text/")
        || suffix("+json")
        || suffix("+xml")
        || suffix("+text")
        || TYPES.contains(&&*name)
}

/// A name and its weight in thousandths; one that cannot be read is 0.
fn weighted(member: &str) -> (&str, u16) {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0));
    (name, (weight.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        Coding::wanted(&headers)
    }

    fn worth(lines: &[(&'static str, &'static str)]) -> bool {
        let lines = lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        is_worth(StatusCode::OK, &HeaderMap::from_iter(lines))
    }

    #[test]
    fn the_client_chooses_and_we_do_between_equals() {
        assert_eq!(wanted("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        assert_eq!(wanted("gzip, deflate, br"), Some(Coding::Brotli));
        assert_eq!(wanted("gzip;q=1.0, br;q=0.5"), Some(Coding::Gzip));
        assert_eq!(wanted("X-GZIP"), Some(Coding::Gzip));
        assert_eq!(wanted("*"), Some(Coding::Zstd));
        assert_eq!(wanted("zstd;q=0, *"), Some(Coding::Brotli));
        assert_eq!(wanted("gzip;q=0"), None);
        assert_eq!(wanted("gzip;q=x"), None);
        assert_eq!(wanted("identity"), None);
        assert_eq!(wanted(""), None);
        assert_eq!(Coding::wanted(&HeaderMap::new()), None);
    }

    #[test]
    fn only_what_becomes_smaller_and_may_be_changed_is_coded() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert!(worth(&[json]));
        assert!(worth(&[("content-type", "image/svg+xml")]));
        assert!(!worth(&[("content-type", "video/mp4")]));
        assert!(!worth(&[("content-type", "text/event-stream")]));
        assert!(!worth(&[]));
        assert!(!worth(&[json, ("content-length", "255")]));
        assert!(!worth(&[json, ("content-encoding", "gzip")]));
        assert!(!worth(&[json, ("content-range", "bytes 0-1/2")]));
        assert!(!worth(&[json, ("cache-control", "public, No-Transform")]));
        let head = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        assert!(!is_worth(StatusCode::NOT_MODIFIED, &head));
        assert!(!is_worth(StatusCode::NO_CONTENT, &head));
    }

    #[test]
    fn the_head_says_what_was_done() {
        let mut head = HeaderMap::new();
        head.insert(ETAG, HeaderValue::from_static("\"a\""));
        head.insert(CONTENT_LENGTH, HeaderValue::from_static("999"));
        head.insert(VARY, HeaderValue::from_static("Origin"));
        announce(Coding::Brotli, &mut head);
        announce_choice(&mut head);
        announce_choice(&mut head);
        assert_eq!(head[ETAG], "W/\"a\"");
        assert_eq!(head[CONTENT_ENCODING], "br");
        assert!(!head.contains_key(CONTENT_LENGTH));
        assert_eq!(head.get_all(VARY).iter().count(), 2);
    }
}
