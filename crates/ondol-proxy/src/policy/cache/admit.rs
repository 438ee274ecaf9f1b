use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_RANGE, COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};

use super::control::{RequestControl, ResponseControl};
use super::stored::{Came, Defaults, Stored, Term, says_lifetime};
use super::vary::Vary;
use super::written::Written;

const TAGS_MAX: usize = 64;
/// Names for what a response is about, to purge by: Fastly's and Cloudflare's words, and those of RFC 9875.
const TAGS: [&str; 3] = ["surrogate-key", "cache-tag", "cache-groups"];

/// What the file says of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub defaults: Defaults,
    /// Larger bodies are not stored.
    pub body_bytes_max: u64,
}

impl Rules {
    /// The file's own lifetime is for what was asked for, not for the word that it is not there.
    pub(crate) fn defaults_for(&self, status: StatusCode) -> Defaults {
        let meant = status.is_success() || status.is_redirection();
        Defaults {
            lifetime: self.defaults.lifetime.filter(|_| meant),
            ..self.defaults
        }
    }
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotStored {
    Method,
    Status,
    /// The request or the response says `no-store`, or the response `private`.
    Forbidden,
    /// It answers somebody who said who they are, and does not say that others may see it.
    Personal,
    SetCookie,
    /// It says nothing of how long it holds, and the file does not either; or that it holds no longer.
    NoLifetime,
    VariesTooMuch,
    TooLarge,
}

/// A response that may be stored once its body is there.
#[derive(Debug)]
pub(crate) struct Admitted {
    stored: Stored,
}

impl Admitted {
    /// With its whole body.
    pub(crate) fn complete(self, body: Bytes) -> Stored {
        let stored = Stored {
            body,
            ..self.stored
        };
        stored.written()
    }
}

/// Whether a response may be stored (RFC 9111, section 3). `response` holds end-to-end fields only.
pub(crate) fn admit(
    rules: &Rules,
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    came: Came,
) -> Result<Admitted, NotStored> {
    if method != Method::GET {
        return Err(NotStored::Method);
    }
    if !is_storable(status) || response.contains_key(CONTENT_RANGE) {
        return Err(NotStored::Status);
    }
    let control = ResponseControl::of(response);
    if control.no_store || control.private || RequestControl::of(request).no_store {
        return Err(NotStored::Forbidden);
    }
    let shared = control.public || control.must_revalidate || control.shared_max_age.is_some();
    let by_default = !says_lifetime(response);
    let personal = request.contains_key(AUTHORIZATION) && !shared
        // A lifetime that the service did not give cannot tell whether the answer was made for one person.
        || by_default && request.contains_key(COOKIE);
    if personal {
        return Err(NotStored::Personal);
    }
    if response.contains_key(SET_COOKIE) {
        return Err(NotStored::SetCookie);
    }
    let vary = Vary::of(response, request).ok_or(NotStored::VariesTooMuch)?;
    let term = Term::of(response, rules.defaults_for(status), came);
    let stored = Stored {
        status,
        headers: response.clone(),
        body: Bytes::new(),
        tags: tags(response),
        written: Written::default(),
        vary,
        term,
    };
    let validated = stored.ask_with(&mut HeaderMap::new());
    if stored.age(came.now) >= term.lifetime && term.while_revalidate.is_zero() && !validated {
        return Err(NotStored::NoLifetime);
    }
    if says_length(response).is_some_and(|length| length > rules.body_bytes_max) {
        return Err(NotStored::TooLarge);
    }
    Ok(Admitted { stored })
}

/// Complete answers whose meaning does not depend on what the request carried. All of them are in RFC 9110's list
/// of those that may be stored without being asked (section 15.1).
fn is_storable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

fn says_length(response: &HeaderMap) -> Option<u64> {
    let length = response.get(http::header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn tags(response: &HeaderMap) -> Vec<Box<str>> {
    let values = TAGS.iter().flat_map(|name| response.get_all(*name));
    let texts = values.filter_map(|value| value.to_str().ok());
    let words = texts.flat_map(|text| text.split([' ', ',', '\t']));
    let words = words.map(|word| word.trim_matches('"'));
    let words = words.filter(|word| !word.is_empty()).map(Box::from);
    words.take(TAGS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use ondol_model::Time;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn decide(
        status: u16,
        request: &[(&'static str, &'static str)],
        response: &[(&'static str, &'static str)],
        ttl_secs: Option<u64>,
    ) -> Result<(), NotStored> {
        let defaults = Defaults {
            lifetime: ttl_secs.map(Duration::from_secs),
            ..Defaults::default()
        };
        let rules = Rules {
            defaults,
            body_bytes_max: 1000,
        };
        let status = StatusCode::from_u16(status).unwrap();
        let (request, response) = (headers(request), headers(response));
        let came = Came {
            delay: Duration::ZERO,
            date: 0,
            now: Time::from_secs(1),
        };
        admit(&rules, &Method::GET, &request, status, &response, came).map(drop)
    }

    const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

    #[test]
    fn what_says_how_long_it_holds_is_stored() {
        assert_eq!(decide(200, &[], &[MINUTE], None), Ok(()));
        assert_eq!(decide(404, &[], &[MINUTE], None), Ok(()));
        assert_eq!(
            decide(200, &[], &[("etag", "\"a\"")], None),
            Ok(()),
            "it can be asked about"
        );
        assert_eq!(decide(200, &[], &[], None), Err(NotStored::NoLifetime));
        assert_eq!(decide(200, &[], &[], Some(60)), Ok(()));
        assert_eq!(decide(404, &[], &[], Some(60)), Err(NotStored::NoLifetime));
    }

    #[test]
    fn what_is_partial_or_an_error_is_not() {
        for status in [206, 304, 400, 401, 403, 429, 500, 502, 503, 504] {
            assert_eq!(
                decide(status, &[], &[MINUTE], None),
                Err(NotStored::Status),
                "{status}"
            );
        }
    }

    #[test]
    fn nobody_gets_what_was_made_for_another() {
        let who = ("authorization", "Bearer x");
        assert_eq!(
            decide(200, &[who], &[MINUTE], None),
            Err(NotStored::Personal)
        );
        for shared in [
            "public, max-age=60",
            "max-age=60, must-revalidate",
            "s-maxage=60",
        ] {
            assert_eq!(
                decide(200, &[who], &[("cache-control", shared)], None),
                Ok(()),
                "{shared}"
            );
        }
        for forbidden in [
            "private, max-age=60",
            "no-store",
            "max-age=60, private=\"set-cookie\"",
        ] {
            let said = decide(200, &[], &[("cache-control", forbidden)], Some(60));
            assert_eq!(said, Err(NotStored::Forbidden), "{forbidden}");
        }
        let cookie = ("cookie", "session=1");
        assert_eq!(
            decide(200, &[cookie], &[], Some(60)),
            Err(NotStored::Personal)
        );
        assert_eq!(decide(200, &[cookie], &[MINUTE], Some(60)), Ok(()));
        let set = ("set-cookie", "session=1");
        assert_eq!(
            decide(200, &[], &[MINUTE, set], None),
            Err(NotStored::SetCookie)
        );
    }

    #[test]
    fn a_client_may_ask_that_nothing_be_kept() {
        let no_store = ("cache-control", "no-store");
        assert_eq!(
            decide(200, &[no_store], &[MINUTE], None),
            Err(NotStored::Forbidden)
        );
    }

    #[test]
    fn what_is_too_large_or_varies_by_everything_is_not_stored() {
        let large = ("content-length", "1001");
        assert_eq!(
            decide(200, &[], &[MINUTE, large], None),
            Err(NotStored::TooLarge)
        );
        let vary = ("vary", "*");
        assert_eq!(
            decide(200, &[], &[MINUTE, vary], None),
            Err(NotStored::VariesTooMuch)
        );
    }

    #[test]
    fn tags_are_words_of_both_headers() {
        let said = headers(&[
            ("surrogate-key", "film  film-7"),
            ("cache-tag", "list,home"),
        ]);
        let tags = tags(&said);
        assert_eq!(
            tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
            ["film", "film-7", "list", "home"]
        );
    }
}
