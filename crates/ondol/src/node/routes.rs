//! The routes of the edges in words, and what becomes of a request there.

use http::{HeaderMap, Method};
use ondol_api::{ApiError, ErrorCode, RouteAsk, RouteOutcome, RouteState};
use ondol_model::{Route, RouteAnswer, ServiceRef, Wanted};
use ondol_proxy::{Outcome, explain, in_order};

type Routes = [(Route, ServiceRef)];

/// Every route, the best of each port first; with a request, those of its port and what becomes of it.
pub(crate) fn list<'a>(
    edges: impl Iterator<Item = (u16, &'a Routes)>,
    ask: Option<&RouteAsk>,
) -> Result<Vec<RouteState>, ApiError> {
    let Some(ask) = ask else {
        return Ok(edges.flat_map(|(port, routes)| all(port, routes)).collect());
    };
    let asked = Asked::new(ask).map_err(|why| ApiError::new(ErrorCode::Invalid, why))?;
    let edges: Vec<_> = edges.collect();
    let meant = |(port, _): &&(u16, &Routes)| asked.port.is_none_or(|asked| asked == *port);
    let Some((port, routes)) = edges.iter().find(meant) else {
        let ports: Vec<_> = edges.iter().map(|(port, _)| port.to_string()).collect();
        let hint = match ports.is_empty() {
            true => "no service has a route; `x-ondol: { route: / }` gives it one".to_owned(),
            false => format!("routes are served at port {}", ports.join(", ")),
        };
        let message = format!("no edge is at {}", ask.url);
        return Err(ApiError::new(ErrorCode::NotFound, message).hint(hint));
    };
    asked
        .explain(*port, routes)
        .map_err(|why| ApiError::new(ErrorCode::Invalid, why))
}

fn all(port: u16, routes: &Routes) -> Vec<RouteState> {
    let plain: Vec<_> = routes.iter().map(|(route, _)| route).collect();
    let order = in_order(&plain).into_iter();
    order.map(|number| state(port, &routes[number])).collect()
}

/// A request that nobody sends.
struct Asked {
    port: Option<u16>,
    host: String,
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Asked {
    fn new(ask: &RouteAsk) -> Result<Self, String> {
        let (scheme, rest) = match ask.url.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, ask.url.as_str()),
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let written = authority
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        let usual = scheme.map(|scheme| if scheme == "https" { 443 } else { 80 });
        let method = if ask.method.is_empty() {
            "GET"
        } else {
            &ask.method
        };
        let mut headers = HeaderMap::new();
        for line in ask.headers.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = header(line)
                .ok_or_else(|| format!("`{line}` is not a header: write `Name: value`"))?;
            headers.append(name, value);
        }
        Ok(Asked {
            port: written.or(usual),
            host: authority.to_owned(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
            query,
            method: method
                .to_ascii_uppercase()
                .parse()
                .map_err(|_| format!("`{method}` is not a method"))?,
            headers,
        })
    }

    fn explain(&self, port: u16, routes: &Routes) -> Result<Vec<RouteState>, String> {
        let plain: Vec<_> = routes.iter().map(|(route, _)| route).collect();
        let query = self.query.as_deref();
        let told = explain(
            &plain,
            &self.method,
            &self.host,
            &self.path,
            query,
            &self.headers,
        )?;
        let one = |considered: ondol_proxy::Considered| {
            let (outcome, why) = match considered.outcome {
                Outcome::Wins => (RouteOutcome::Wins, None),
                Outcome::Outranked(why) => (
                    RouteOutcome::Outranked,
                    Some(format!("the winner has {why}")),
                ),
                Outcome::Differs(why) => (RouteOutcome::Differs, Some(why)),
            };
            RouteState {
                outcome: Some(outcome),
                why,
                ..state(port, &routes[considered.number])
            }
        };
        Ok(told.into_iter().map(one).collect())
    }
}

fn header(line: &str) -> Option<(http::HeaderName, http::HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}

fn state(port: u16, (route, service): &(Route, ServiceRef)) -> RouteState {
    RouteState {
        port,
        project: service.project.to_string(),
        service: service.service.to_string(),
        matches: route.pattern(),
        wants: wants(route),
        does: does(route),
        outcome: None,
        why: None,
    }
}

fn wants(route: &Route) -> Vec<String> {
    let when = &route.when;
    let mut words = Vec::new();
    if route.priority != 0 {
        words.push(format!("priority {}", route.priority));
    }
    if !when.methods.is_empty() {
        words.push(format!("method {}", when.methods.join(" or ")));
    }
    for (what, wanted) in [
        ("header", &when.headers),
        ("query", &when.query),
        ("cookie", &when.cookies),
    ] {
        words.extend(wanted.iter().map(|(name, wanted)| match wanted {
            Wanted::Present => format!("{what} {name}"),
            Wanted::Exact(value) => format!("{what} {name} = {value}"),
            Wanted::Regex(value) => format!("{what} {name} ~ {value}"),
        }));
    }
    words
}

fn does(route: &Route) -> Vec<String> {
    let treatment = &route.treatment;
    let mut words = Vec::new();
    match &treatment.answer {
        Some(RouteAnswer::Redirect(redirect)) => words.push(format!("redirect to {}", redirect.to)),
        Some(RouteAnswer::Static(answer)) => words.push(format!("answer {}", answer.status)),
        None => {}
    }
    if !treatment.split.is_empty() {
        let shares: Vec<_> = treatment
            .split
            .iter()
            .map(|share| format!("{} {}", share.service, share.weight))
            .collect();
        words.push(format!("split {}", shares.join(", ")));
    }
    words.extend(
        treatment
            .rewrite
            .as_ref()
            .map(|to| format!("rewrite to {to}")),
    );
    words.extend(route.strip.then(|| "strip".to_owned()));
    words.extend(
        treatment
            .mirror
            .as_ref()
            .map(|mirror| format!("mirror {} % to {}", mirror.percent, mirror.service)),
    );
    words.extend(
        treatment
            .cors
            .as_ref()
            .map(|cors| format!("cors for {}", cors.origins.join(", "))),
    );
    words.extend(
        treatment
            .body_bytes_max
            .map(|max| format!("body up to {max} bytes")),
    );
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_leave_out_what_is_usual() {
        let asked = |url: &str| {
            let ask = RouteAsk {
                url: url.to_owned(),
                ..RouteAsk::default()
            };
            let asked = Asked::new(&ask).unwrap();
            (asked.port, asked.host, asked.path, asked.query)
        };
        let of = |port, host: &str, path: &str, query: Option<&str>| {
            (
                port,
                host.to_owned(),
                path.to_owned(),
                query.map(str::to_owned),
            )
        };
        assert_eq!(
            asked("http://a.example:8080/x?y=1"),
            of(Some(8080), "a.example:8080", "/x", Some("y=1"))
        );
        assert_eq!(
            asked("https://a.example"),
            of(Some(443), "a.example", "/", None)
        );
        assert_eq!(asked("/api"), of(None, "", "/api", None));
        assert_eq!(asked("a.example/api"), of(None, "a.example", "/api", None));
        let bad = RouteAsk {
            headers: "no header".to_owned(),
            ..RouteAsk::default()
        };
        assert!(Asked::new(&bad).is_err());
    }
}
