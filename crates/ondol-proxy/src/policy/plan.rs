use http::{HeaderMap, HeaderValue, StatusCode};
use ondol_model::{Redirect, Route, RouteAnswer, StaticAnswer};

use super::cors::Cors;
use super::edits::{Edits, header};
use super::rewrite::Rewrite;

/// What is done with the requests of one route, ready to be done. Stages that a route does not have cost a look.
#[derive(Debug)]
pub(crate) struct Plan {
    pub answer: Option<Answer>,
    pub rewrite: Rewrite,
    pub request: Option<Box<Edits>>,
    pub response: Option<Box<Edits>>,
    pub cors: Option<Box<Cors>>,
    pub body_bytes_max: Option<u64>,
    /// Weights of the services that share the requests; empty when there is one.
    pub weights: Vec<u32>,
    /// Of a hundred requests, how many are mirrored.
    pub mirrored_percent: u32,
}

/// An answer that needs no service.
#[derive(Debug)]
pub(crate) enum Answer {
    Redirect(Redirect),
    Static(Static),
}

/// [`StaticAnswer`], prepared.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

impl Plan {
    /// The error says for people what cannot be done.
    pub(crate) fn new(route: &Route) -> Result<Self, String> {
        let treatment = &route.treatment;
        let edits = |edits: &ondol_model::HeaderEdits| {
            (!edits.is_empty())
                .then(|| Edits::new(edits).map(Box::new))
                .transpose()
        };
        let answer = match &treatment.answer {
            None => None,
            Some(RouteAnswer::Redirect(redirect)) if !(301..=308).contains(&redirect.status) => {
                return Err(format!("{} is not a status of a redirect", redirect.status));
            }
            Some(RouteAnswer::Redirect(redirect)) => Some(Answer::Redirect(redirect.clone())),
            Some(RouteAnswer::Static(answer)) => Some(Answer::Static(Static::new(answer)?)),
        };
        let weights: Vec<u32> = treatment.split.iter().map(|share| share.weight).collect();
        if !weights.is_empty() && weights.iter().all(|&weight| weight == 0) {
            return Err("every weight of the split is 0".to_owned());
        }
        Ok(Plan {
            answer,
            rewrite: Rewrite::new(route)?,
            request: edits(&treatment.request_headers)?,
            response: edits(&treatment.response_headers)?,
            cors: treatment
                .cors
                .as_ref()
                .map(|cors| Cors::new(cors).map(Box::new))
                .transpose()?,
            body_bytes_max: treatment.body_bytes_max,
            weights,
            mirrored_percent: treatment.mirror.as_ref().map_or(0, |mirror| mirror.percent),
        })
    }
}

impl Plan {
    /// Whether requests without a body are only sent on.
    pub(crate) fn only_sends_on(&self) -> bool {
        let Plan {
            answer,
            rewrite,
            request,
            response,
            cors,
            body_bytes_max: _,
            weights: _,
            mirrored_percent,
        } = self;
        answer.is_none()
            && matches!(rewrite, Rewrite::None)
            && request.is_none()
            && response.is_none()
            && cors.is_none()
            && *mirrored_percent == 0
    }
}

impl Static {
    pub(crate) fn new(answer: &StaticAnswer) -> Result<Self, String> {
        let status = StatusCode::from_u16(answer.status)
            .ok()
            .filter(|status| status.as_u16() >= 200);
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        for (name, value) in &answer.headers {
            let (name, value) = header(name, value)?;
            headers.insert(name, value);
        }
        Ok(Static {
            status: status
                .ok_or_else(|| format!("{} is not the status of an answer", answer.status))?,
            headers,
            body: answer.body.clone().into(),
        })
    }
}

/// Where a request is sent by a redirect. `prefix` are the bytes that the route's prefix matched.
pub(crate) fn location(
    redirect: &Redirect,
    host: &str,
    path: &str,
    query: Option<&str>,
    prefix: usize,
) -> String {
    let rest = path.get(prefix..).unwrap_or_default();
    let mut to = redirect.to.replace("{host}", host).replace("{path}", path);
    to = match redirect.to.contains("/{rest}") {
        true => to.replace("/{rest}", if rest.is_empty() { "/" } else { rest }),
        false => to.replace("{rest}", rest),
    };
    match query {
        Some(query) if !to.contains('?') => format!("{to}?{query}"),
        _ => to,
    }
}

/// Which of several weighted shares a random number falls into.
pub(crate) fn share(weights: &[u32], random: u64) -> usize {
    let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    let mut left = random % sum.max(1);
    for (at, &weight) in weights.iter().enumerate() {
        match left.checked_sub(u64::from(weight)) {
            Some(rest) => left = rest,
            None => return at,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_redirect_keeps_what_it_is_asked_to_keep() {
        let to = |to: &str, path, query, prefix| {
            let redirect = Redirect {
                to: to.to_owned(),
                status: 308,
            };
            location(&redirect, "old.example", path, query, prefix)
        };
        assert_eq!(
            to("https://{host}{path}", "/a/b", Some("q=1"), 0),
            "https://old.example/a/b?q=1"
        );
        assert_eq!(to("/new/{rest}", "/old/x", None, 4), "/new/x");
        assert_eq!(to("/new/{rest}", "/old", None, 4), "/new/");
        assert_eq!(
            to("https://new.example{rest}", "/old/x", None, 4),
            "https://new.example/x"
        );
        assert_eq!(to("/search?q=all", "/old", Some("a=b"), 4), "/search?q=all");
    }

    proptest! {
        #[test]
        fn shares_are_as_large_as_their_weights(weights in prop::collection::vec(0u32..9, 1..5)) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            let mut counts = vec![0; weights.len()];
            for random in 0..u64::from(sum) {
                counts[share(&weights, random)] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
