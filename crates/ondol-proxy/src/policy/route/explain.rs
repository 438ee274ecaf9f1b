use http::HeaderMap;
use http::Method;
use ondol_model::{PathKind, Route};

use super::ask::{Ask, Lack, Wants};
use super::rank;
use crate::policy::expression::Expression;
use crate::policy::path::{host_name, normal};

/// What became of one route when a request was compared with all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// The route's place in the list that was handed in.
    pub number: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a route gets a request, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It gets the request.
    Wins,
    /// It fits, but another one goes first: that has what is said here.
    Outranked(&'static str),
    /// It does not fit, and this is the first thing that does not, for people.
    Differs(String),
}

/// The places of routes in the list that is handed in, the one that goes first first.
pub fn in_order(routes: &[&Route]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_by(|&one, &other| rank::compare(routes[one], routes[other]).0);
    order
}

/// Compares a request with routes, the best first. The error says why no route can get it.
pub fn explain(
    routes: &[&Route],
    method: &Method,
    host: &str,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Vec<Considered>, String> {
    let host = host_name(host);
    let path = normal(path)?;
    let ask = Ask {
        host: &host,
        path: &path,
        query,
        method,
        headers,
    };
    let mut winner = None;
    in_order(routes)
        .into_iter()
        .map(|number| {
            let route = routes[number];
            let outcome = match (differs(route, &ask)?, winner) {
                (Some(difference), _) => Outcome::Differs(difference),
                (None, None) => {
                    winner = Some(route);
                    Outcome::Wins
                }
                (None, Some(winner)) => Outcome::Outranked(rank::compare(winner, route).1),
            };
            Ok(Considered { number, outcome })
        })
        .collect()
}

fn differs(route: &Route, ask: &Ask<'_>) -> Result<Option<String>, String> {
    if let Some(host) = route.host.as_deref().filter(|host| *host != "*")
        && !fits_host(host, ask.host)
    {
        return Ok(Some(format!("its host is {host}, not {}", ask.host)));
    }
    if !fits_path(route, ask.path)? {
        let kind = match route.path_kind {
            PathKind::Prefix => "begins with",
            PathKind::Exact => "is exactly",
            PathKind::Regex => "matches",
        };
        return Ok(Some(format!(
            "its path {kind} {}, and this is {}",
            route.path, ask.path
        )));
    }
    let wants = Wants::new(&route.when)?;
    Ok(wants.lacks(ask).map(|lack| match lack {
        Lack::Method => format!(
            "it wants {}, not {}",
            route.when.methods.join(" or "),
            ask.method
        ),
        Lack::Header(name) => format!("it wants another header {name}"),
        Lack::Parameter(name) => format!("it wants another parameter {name}"),
        Lack::Cookie(name) => format!("it wants another cookie {name}"),
    }))
}

fn fits_host(wanted: &str, host: &str) -> bool {
    let wanted = host_name(wanted);
    match wanted.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => wanted == host,
    }
}

fn fits_path(route: &Route, path: &str) -> Result<bool, String> {
    Ok(match route.path_kind {
        PathKind::Exact => path == route.path,
        PathKind::Regex => Expression::new(&route.path)?.fits(path),
        PathKind::Prefix => path
            .strip_prefix(route.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    })
}
