//! The CORS protocol of the Fetch standard: which pages of other origins may ask.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// [`ondol_model::Cors`], prepared.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<Origin>,
    methods: HeaderValue,
    /// `None` allows what is asked for.
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

#[derive(Debug)]
enum Origin {
    Any,
    Exact(String),
    /// `https://*.shop.example` as what is before and behind the star.
    Below(String, String),
}

/// Which route a request is: the origin that it may be read by, when it has one that may.
pub(crate) struct Verdict<'a> {
    cors: &'a Cors,
    origin: Option<HeaderValue>,
}

impl Cors {
    /// The error is for people.
    pub(crate) fn new(cors: &ondol_model::Cors) -> Result<Self, String> {
        if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
            return Err(
                "credentials for any origin would let every page act as the user".to_owned(),
            );
        }
        let methods = match cors.methods.is_empty() {
            true => "GET, HEAD, POST, PUT, PATCH, DELETE".to_owned(),
            false => cors.methods.join(", "),
        };
        Ok(Cors {
            origins: cors.origins.iter().map(|text| Origin::new(text)).collect(),
            methods: value(&methods)?,
            headers: list(&cors.headers)?,
            expose: list(&cors.expose)?,
            credentials: cors.credentials,
            max_age: HeaderValue::from(cors.max_age.as_secs()),
        })
    }

    /// What to say to a request with these headers.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict<'_> {
        let origin = headers.get(ORIGIN);
        let allowed = |origin: &&HeaderValue| {
            origin
                .to_str()
                .is_ok_and(|text| self.origins.iter().any(|known| known.fits(text)))
        };
        Verdict {
            cors: self,
            origin: origin.filter(allowed).cloned(),
        }
    }
}

/// Whether a browser asks for permission, rather than for anything.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Verdict<'_> {
    /// The headers of the answer to a preflight that had `asked`.
    pub(crate) fn answer_preflight(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        self.mark(answer);
        if self.origin.is_none() {
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, self.cors.methods.clone());
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.cors.max_age.clone());
        let headers = asked.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(headers) = self.cors.headers.as_ref().or(headers) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
    }

    /// The headers of the answer to anything else. What the service says of it itself does not count.
    pub(crate) fn mark(&self, answer: &mut HeaderMap) {
        for name in [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            ACCESS_CONTROL_EXPOSE_HEADERS,
        ] {
            answer.remove(name);
        }
        // A cache must not give one origin's answer to another.
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = &self.origin else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.cors.credentials {
            answer.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(expose) = &self.cors.expose {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
}

impl Origin {
    fn new(text: &str) -> Self {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        match text.split_once('*') {
            Some(("", "")) => Origin::Any,
            Some((before, behind)) => Origin::Below(before.to_owned(), behind.to_owned()),
            None => Origin::Exact(text),
        }
    }

    fn fits(&self, origin: &str) -> bool {
        match self {
            Origin::Any => true,
            Origin::Exact(text) => text == origin,
            Origin::Below(before, behind) => {
                let between = origin.strip_prefix(before.as_str());
                let between = between.and_then(|rest| rest.strip_suffix(behind.as_str()));
                let of_a_host =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
                between.is_some_and(|name| !name.is_empty() && name.bytes().all(of_a_host))
            }
        }
    }
}

fn list(texts: &[String]) -> Result<Option<HeaderValue>, String> {
    (!texts.is_empty())
        .then(|| value(&texts.join(", ")))
        .transpose()
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("`{text}` cannot be said in a header"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Result<Cors, String> {
        Cors::new(&ondol_model::Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            methods: vec!["GET".to_owned(), "PUT".to_owned()],
            headers: Vec::new(),
            expose: vec!["x-total".to_owned()],
            credentials,
            max_age: Duration::from_secs(600),
        })
    }

    fn asked(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("PUT"),
        );
        headers.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("x-a"),
        );
        headers
    }

    fn told(answer: &HeaderMap) -> Vec<String> {
        answer
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn a_preflight_of_an_allowed_origin_is_told_what_it_may() {
        let cors = cors(&["https://*.shop.example"], true).unwrap();
        let asked = asked("https://www.shop.example");
        assert!(is_preflight(&Method::OPTIONS, &asked) && !is_preflight(&Method::GET, &asked));
        let mut answer = HeaderMap::new();
        cors.judge(&asked).answer_preflight(&asked, &mut answer);
        assert_eq!(
            told(&answer),
            [
                "vary: origin",
                "access-control-allow-origin: https://www.shop.example",
                "access-control-allow-credentials: true",
                "access-control-expose-headers: x-total",
                "access-control-allow-methods: GET, PUT",
                "access-control-max-age: 600",
                "access-control-allow-headers: x-a",
            ]
        );
    }

    #[test]
    fn another_origin_is_told_nothing_and_the_services_word_does_not_count() {
        let cors = cors(&["https://*.shop.example", "https://a.example"], false).unwrap();
        for origin in [
            "https://evil.example",
            "https://shop.example",
            "https://x.shop.example.evil",
            "https://evil/.shop.example",
        ] {
            let mut answer = HeaderMap::new();
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            cors.judge(&asked(origin)).mark(&mut answer);
            assert_eq!(told(&answer), ["vary: origin"], "{origin}");
        }
        let mut answer = HeaderMap::new();
        cors.judge(&asked("https://a.example")).mark(&mut answer);
        assert!(answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn any_origin_gets_no_credentials() {
        assert!(cors(&["*"], true).is_err());
        assert!(
            cors(&["*"], false)
                .unwrap()
                .judge(&asked("null"))
                .origin
                .is_some()
        );
    }
}
