use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, Method};
use ondol_model::{Conditions, Wanted};

use crate::policy::expression::Expression;

/// What routes look at.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Without port and in lower case.
    pub host: &'a str,
    /// In its one form ([`crate::policy::path::normal`]).
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
}

/// [`Conditions`], prepared.
#[derive(Default)]
pub(super) struct Wants {
    methods: Vec<Method>,
    headers: Vec<(HeaderName, Value)>,
    query: Vec<(String, Value)>,
    cookies: Vec<(String, Value)>,
}

enum Value {
    Present,
    Exact(String),
    Expression(Expression),
}

impl Wants {
    pub(super) fn new(when: &Conditions) -> Result<Self, String> {
        let method = |text: &String| {
            text.parse()
                .map_err(|_| format!("`{text}` is not a method"))
        };
        let header = |(name, wanted): (&String, &Wanted)| {
            let name = name
                .parse()
                .map_err(|_| format!("`{name}` is not the name of a header"))?;
            Ok((name, Value::new(wanted)?))
        };
        let named = |(name, wanted): (&String, &Wanted)| Ok((name.clone(), Value::new(wanted)?));
        Ok(Wants {
            methods: when
                .methods
                .iter()
                .map(method)
                .collect::<Result<_, String>>()?,
            headers: when
                .headers
                .iter()
                .map(header)
                .collect::<Result<_, String>>()?,
            query: when
                .query
                .iter()
                .map(named)
                .collect::<Result<_, String>>()?,
            cookies: when
                .cookies
                .iter()
                .map(named)
                .collect::<Result<_, String>>()?,
        })
    }

    pub(super) fn fit(&self, ask: &Ask<'_>) -> bool {
        self.lacks(ask).is_none()
    }

    /// What the request does not have, for people; `None` when it has everything.
    pub(super) fn lacks(&self, ask: &Ask<'_>) -> Option<Lack<'_>> {
        if !self.methods.is_empty() && !self.methods.contains(ask.method) {
            return Some(Lack::Method);
        }
        for (name, wanted) in &self.headers {
            let values = ask.headers.get_all(name).iter();
            if !values
                .filter_map(|value| value.to_str().ok())
                .any(|value| wanted.fits(value))
            {
                return Some(Lack::Header(name.as_str()));
            }
        }
        for (name, wanted) in &self.query {
            if !parameters(ask.query.unwrap_or_default(), name).any(|value| wanted.fits(&value)) {
                return Some(Lack::Parameter(name));
            }
        }
        for (name, wanted) in &self.cookies {
            if !cookie(ask.headers, name).is_some_and(|value| wanted.fits(value)) {
                return Some(Lack::Cookie(name));
            }
        }
        None
    }
}

/// What a request does not have.
pub(super) enum Lack<'a> {
    Method,
    Header(&'a str),
    Parameter(&'a str),
    Cookie(&'a str),
}

impl Value {
    fn new(wanted: &Wanted) -> Result<Self, String> {
        Ok(match wanted {
            Wanted::Present => Value::Present,
            Wanted::Exact(text) => Value::Exact(text.clone()),
            Wanted::Regex(text) => Value::Expression(Expression::new(text)?),
        })
    }

    fn fits(&self, value: &str) -> bool {
        match self {
            Value::Present => true,
            Value::Exact(text) => text == value,
            Value::Expression(expression) => expression.fits(value),
        }
    }
}

/// The values of a parameter of a query.
fn parameters<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(key) == name).then(|| unescape(value))
    })
}

/// Text of a query as it was meant (WHATWG URL, application/x-www-form-urlencoded); what cannot be is left as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&letter, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, after) = match (letter, escaped) {
            (b'%', Some(byte)) => (byte, &after[2..]),
            (b'+', _) => (b' ', after),
            _ => (letter, after),
        };
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of a cookie, when a request has it (RFC 6265, section 4.2).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(';')).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_cookies_are_found_as_they_were_meant() {
        let values = |query, name| {
            parameters(query, name)
                .map(Cow::into_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(values("a=1&b=x%20y+z&a=2", "a"), ["1", "2"]);
        assert_eq!(values("a=1&b=x%20y+z", "b"), ["x y z"]);
        assert_eq!(values("a&%62=%zz", "b"), ["%zz"]);
        assert_eq!(values("a", "a"), [""]);
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; beta=\"yes\"".parse().unwrap());
        headers.append(COOKIE, "c=3".parse().unwrap());
        assert_eq!(cookie(&headers, "beta"), Some("yes"));
        assert_eq!(cookie(&headers, "c"), Some("3"));
        assert_eq!(cookie(&headers, "bet"), None);
    }
}
