use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderValue, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};
use ondol_model::Time;

use super::control::ResponseControl;
use super::vary::{Fields, Vary};
use super::written::Written;

/// A stored response.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub status: StatusCode,
    /// End-to-end fields only.
    pub headers: HeaderMap,
    pub body: Bytes,
    pub tags: Vec<Box<str>>,
    /// Its head as most requests get it.
    pub written: Written,
    pub(super) vary: Vary,
    pub(super) term: Term,
}

/// How long a response may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// When it came.
    pub since: Time,
    /// How old it was then (RFC 9111, section 4.2.3).
    pub age: Duration,
    /// How old it may become.
    pub lifetime: Duration,
    /// How long after that it may be used while a newer one is fetched.
    pub while_revalidate: Duration,
    /// How long after that it may be used when no newer one can be had.
    pub if_error: Duration,
    /// It must be asked about once it is stale, whatever else is said (section 5.2.2.2).
    pub strict: bool,
}

/// What a stored response is good for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Use it.
    Fresh,
    /// Use it, and let one request fetch a newer one.
    Refresh,
    /// Ask whether it still holds; use it all the same when no answer can be had.
    Ask { spare: bool },
}

impl Stored {
    /// The same with its head written.
    pub(super) fn written(self) -> Self {
        let written = Written::new(self.status, &self.headers, self.body.len());
        Stored { written, ..self }
    }

    /// Whether it answers a request with these fields.
    pub(crate) fn fits(&self, request: &impl Fields) -> bool {
        self.vary.fits(request)
    }

    /// What it is good for.
    pub(crate) fn state(&self, now: Time) -> State {
        let term = &self.term;
        let Some(over) = self.age(now).checked_sub(term.lifetime) else {
            return State::Fresh;
        };
        if over < term.while_revalidate {
            return State::Refresh;
        }
        State::Ask {
            spare: over < term.if_error,
        }
    }

    /// Whether it may stand in for an answer that cannot be had, although it has been stale for up to `age_max`.
    pub(crate) fn may_stand_in(&self, age_max: Option<Duration>, now: Time) -> bool {
        let over = self.age(now).saturating_sub(self.term.lifetime);
        !self.term.strict && age_max.is_none_or(|max| over <= max)
    }

    /// How old it is: the value of `Age`.
    pub(crate) fn age(&self, now: Time) -> Duration {
        self.term.age.saturating_add(now.since(self.term.since))
    }

    /// Bytes that it takes in memory, nearly.
    pub(crate) fn weight(&self) -> u64 {
        const FIELD: usize = 96;
        let fields: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + FIELD)
            .sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + FIELD).sum();
        let written = self.written.weight();
        (self.body.len() + fields + tags + written + size_of::<Stored>()) as u64
    }

    /// What to ask the service with, so that it may answer 304; `false` when it gave no validator.
    pub(crate) fn ask_with(&self, request: &mut HeaderMap) -> bool {
        use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
        let validators = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
        for (_, condition) in &validators {
            request.remove(condition);
        }
        let mut some = false;
        for (validator, condition) in validators {
            if let Some(value) = self.headers.get(validator) {
                request.insert(condition, value.clone());
                some = true;
            }
        }
        some
    }

    /// The same response after a 304 said that it still holds (section 4.3.4).
    pub(crate) fn confirmed(
        &self,
        not_modified: &HeaderMap,
        defaults: Defaults,
        came: Came,
    ) -> Stored {
        use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
        let mut headers = self.headers.clone();
        for name in not_modified.keys() {
            // What describes the body must go on describing the one that is stored.
            if [
                CONTENT_ENCODING,
                CONTENT_LENGTH,
                CONTENT_RANGE,
                CONTENT_TYPE,
            ]
            .contains(name)
            {
                continue;
            }
            headers.remove(name);
            for value in not_modified.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        let term = Term::of(&headers, defaults, came);
        let confirmed = Stored {
            headers,
            term,
            ..self.clone()
        };
        confirmed.written()
    }
}

/// When an answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    /// From the request to its answer.
    pub delay: Duration,
    /// Seconds since 1970 by the machine's clock.
    pub date: u64,
    pub now: Time,
}

/// What holds where a response says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub lifetime: Option<Duration>,
    pub while_revalidate: Duration,
    pub if_error: Duration,
}

impl Term {
    pub(super) fn of(headers: &HeaderMap, defaults: Defaults, came: Came) -> Term {
        let control = ResponseControl::of(headers);
        let lifetime = match control.no_cache {
            true => Duration::ZERO,
            false => said_lifetime(headers, &control)
                .or(defaults.lifetime)
                .unwrap_or_default(),
        };
        let strict = control.no_cache || control.must_revalidate || control.proxy_revalidate;
        let stale = |said: Option<Duration>, default| match strict {
            true => Duration::ZERO,
            false => said.unwrap_or(default),
        };
        Term {
            since: came.now,
            age: initial_age(headers, came),
            lifetime,
            while_revalidate: stale(control.stale_while_revalidate, defaults.while_revalidate),
            if_error: stale(control.stale_if_error, defaults.if_error),
            strict,
        }
    }
}

/// How long a response says that it is fresh (section 4.2.1); `None` when it does not say.
pub(super) fn said_lifetime(headers: &HeaderMap, control: &ResponseControl) -> Option<Duration> {
    if let Some(said) = control.shared_max_age.or(control.max_age) {
        return Some(said);
    }
    let expires = headers.get(EXPIRES)?;
    // A date that cannot be read, `0` above all, is one in the past (section 5.3).
    let lifetime = seconds(expires).and_then(|expires| {
        let date = headers.get(DATE).and_then(seconds)?;
        Some(Duration::from_secs(expires.saturating_sub(date)))
    });
    Some(lifetime.unwrap_or_default())
}

/// How old a response is when it comes (section 4.2.3).
fn initial_age(headers: &HeaderMap, came: Came) -> Duration {
    let said = headers
        .get(AGE)
        .and_then(|age| age.to_str().ok()?.parse().ok());
    let corrected = Duration::from_secs(said.unwrap_or(0)).saturating_add(came.delay);
    let sent = headers.get(DATE).and_then(seconds).unwrap_or(came.date);
    Duration::from_secs(came.date.saturating_sub(sent)).max(corrected)
}

/// A date of HTTP in seconds since 1970.
pub(super) fn seconds(date: &HeaderValue) -> Option<u64> {
    let date = httpdate::parse_http_date(date.to_str().ok()?).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Whether a response says anything of its lifetime.
pub(super) fn says_lifetime(headers: &HeaderMap) -> bool {
    headers.contains_key(CACHE_CONTROL) || headers.contains_key(EXPIRES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(50);
    /// 1994-11-06 08:49:37
    const DATE_SECONDS: u64 = 784_111_777;

    fn stored(lines: &[(&'static str, &'static str)], defaults: Defaults) -> Stored {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let term = Term::of(&headers, defaults, came(NOW));
        Stored {
            status: StatusCode::OK,
            headers,
            body: Bytes::from_static(b"hello"),
            tags: Vec::new(),
            written: Written::default(),
            vary: Vary::default(),
            term,
        }
    }

    fn came(now: Time) -> Came {
        Came {
            delay: Duration::ZERO,
            date: DATE_SECONDS,
            now,
        }
    }

    fn after(secs: u64) -> Time {
        NOW + Duration::from_secs(secs)
    }

    #[test]
    fn it_is_fresh_as_long_as_it_says_for_shared_caches() {
        let stored = stored(
            &[("cache-control", "max-age=5, s-maxage=10")],
            Defaults::default(),
        );
        assert_eq!(stored.state(after(9)), State::Fresh);
        assert_eq!(stored.state(after(10)), State::Ask { spare: false });
        assert_eq!(stored.age(after(7)), Duration::from_secs(7));
    }

    #[test]
    fn the_age_it_came_with_counts() {
        let lines = [("cache-control", "max-age=10"), ("age", "4")];
        assert_eq!(
            stored(&lines, Defaults::default()).state(after(6)),
            State::Ask { spare: false }
        );
        let lines = [
            ("cache-control", "max-age=10"),
            ("date", "Sun, 06 Nov 1994 08:49:30 GMT"),
        ];
        let stored = stored(&lines, Defaults::default());
        assert_eq!(stored.age(NOW), Duration::from_secs(7));
    }

    #[test]
    fn expires_counts_from_the_date_and_nonsense_is_the_past() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let fresh = stored(
            &[date, ("expires", "Sun, 06 Nov 1994 08:49:47 GMT")],
            Defaults::default(),
        );
        assert_eq!(fresh.state(after(9)), State::Fresh);
        let past = stored(
            &[date, ("expires", "0")],
            Defaults {
                lifetime: Some(Duration::MAX),
                ..Defaults::default()
            },
        );
        assert_eq!(past.state(NOW), State::Ask { spare: false });
    }

    #[test]
    fn a_stale_one_is_used_while_it_is_refreshed_and_when_there_is_no_other() {
        let lines = [(
            "cache-control",
            "max-age=1, stale-while-revalidate=2, stale-if-error=10",
        )];
        let stored = stored(&lines, Defaults::default());
        assert_eq!(stored.state(after(2)), State::Refresh);
        assert_eq!(stored.state(after(5)), State::Ask { spare: true });
        assert_eq!(stored.state(after(11)), State::Ask { spare: false });
    }

    #[test]
    fn one_that_must_be_revalidated_is_never_used_stale() {
        let defaults = Defaults {
            while_revalidate: Duration::MAX,
            if_error: Duration::MAX,
            ..Defaults::default()
        };
        for strict in [
            "max-age=1, must-revalidate",
            "max-age=1, proxy-revalidate",
            "s-maxage=1",
            "no-cache, max-age=9",
        ] {
            let lines = [("cache-control", strict)];
            assert_eq!(
                stored(&lines, defaults).state(after(1)),
                State::Ask { spare: false },
                "{strict}"
            );
        }
        assert_eq!(
            stored(&[("cache-control", "max-age=1")], defaults).state(after(1)),
            State::Refresh
        );
    }

    #[test]
    fn a_confirmation_makes_it_fresh_again_and_keeps_what_describes_the_body() {
        let lines = [
            ("cache-control", "max-age=1"),
            ("etag", "\"a\""),
            ("content-type", "text/plain"),
        ];
        let old = stored(&lines, Defaults::default());
        let mut asked = HeaderMap::new();
        assert!(old.ask_with(&mut asked));
        assert_eq!(asked["if-none-match"], "\"a\"");
        let mut news = HeaderMap::new();
        news.insert("cache-control", HeaderValue::from_static("max-age=7"));
        news.insert("content-type", HeaderValue::from_static("text/html"));
        news.insert("x-new", HeaderValue::from_static("1"));
        let new = old.confirmed(&news, Defaults::default(), came(after(100)));
        assert_eq!(new.state(after(106)), State::Fresh);
        assert_eq!(new.headers["content-type"], "text/plain");
        assert_eq!(new.headers["x-new"], "1");
        assert_eq!(new.body, old.body);
    }
}
