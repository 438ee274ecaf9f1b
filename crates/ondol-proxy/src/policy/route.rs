//! Which route a request takes.

mod ask;
mod explain;
mod rank;

use std::collections::BTreeMap;

use ondol_model::{PathKind, Route};

use ask::Wants;
pub(crate) use ask::{Ask, cookie};
pub use explain::{Considered, Outcome, explain, in_order};

use super::expression::Expression;
pub(crate) use super::path::host_name;

/// The routes of one edge listener, prepared for lookup. Of those that fit a request, the most exact one wins:
/// see [`rank::compare`].
#[derive(Default)]
pub(crate) struct Routes {
    /// The best first.
    entries: Vec<Entry>,
    hosts: BTreeMap<String, Paths>,
    /// By suffix with its leading dot: `.example`. Longest first.
    suffixes: Vec<(String, Paths)>,
    any: Paths,
    /// The best route need not be the one of the most exact host.
    has_priorities: bool,
    /// Headers or cookies may decide which route it is.
    looks_at_headers: bool,
}

struct Entry {
    /// Its place in the list that the routes were made from.
    number: usize,
    wants: Wants,
    /// Bytes of the prefix, without a slash at its end; 0 for other kinds.
    prefix: usize,
}

/// Entries of one host, by path. Every list has the best first.
#[derive(Default)]
struct Paths {
    exact: BTreeMap<String, Vec<usize>>,
    expressions: Vec<(Expression, usize)>,
    /// By path without a slash at its end: `/api`, and the empty path for `/`.
    prefixes: BTreeMap<String, Vec<usize>>,
    /// Slashes in the longest prefix, so that no deeper one is looked for.
    depth_max: usize,
}

/// A route that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Its place in the list that the routes were made from.
    pub number: usize,
    /// Bytes of the path that its prefix matched.
    pub prefix: usize,
}

impl Routes {
    /// The error says for people what is wrong with one of them.
    pub(crate) fn new<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Result<Self, String> {
        let mut sorted: Vec<(usize, &Route)> = routes.into_iter().enumerate().collect();
        sorted.sort_by(|(_, one), (_, other)| rank::compare(one, other).0);
        let mut routes = Routes {
            entries: Vec::with_capacity(sorted.len()),
            hosts: BTreeMap::new(),
            suffixes: Vec::new(),
            any: Paths::default(),
            looks_at_headers: sorted
                .iter()
                .any(|(_, route)| !route.when.headers.is_empty() || !route.when.cookies.is_empty()),
            has_priorities: sorted.iter().any(|(_, route)| route.priority != 0),
        };
        for (at, (number, route)) in sorted.into_iter().enumerate() {
            let prefix = route.path.trim_end_matches('/');
            routes.entries.push(Entry {
                number,
                wants: Wants::new(&route.when)?,
                prefix: if route.path_kind.is_prefix() {
                    prefix.len()
                } else {
                    0
                },
            });
            routes.paths_of(route.host.as_deref()).add(route, at)?;
        }
        // Stable, so that of equal suffixes the first stays first.
        routes
            .suffixes
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        Ok(routes)
    }

    pub(crate) fn looks_at_headers(&self) -> bool {
        self.looks_at_headers
    }

    pub(crate) fn find(&self, ask: &Ask<'_>) -> Option<Match> {
        let mut best = None;
        let fits = |(suffix, _): &&(String, Paths)| {
            ask.host.len() > suffix.len() && ask.host.ends_with(suffix.as_str())
        };
        let suffixes = self.suffixes.iter().filter(fits).map(|(_, paths)| paths);
        let hosts = self.hosts.get(ask.host).into_iter().chain(suffixes);
        for paths in hosts.chain([&self.any]) {
            paths.find(ask, &self.entries, &mut best);
            if best.is_some() && !self.has_priorities {
                break;
            }
        }
        let entry = &self.entries[best?];
        Some(Match {
            number: entry.number,
            prefix: entry.prefix,
        })
    }

    fn paths_of(&mut self, host: Option<&str>) -> &mut Paths {
        let Some(host) = host.map(host_name).filter(|host| host != "*") else {
            return &mut self.any;
        };
        let Some(suffix) = host.strip_prefix('*') else {
            return self.hosts.entry(host.into_owned()).or_default();
        };
        let known = self.suffixes.iter().position(|(known, _)| known == suffix);
        let at = known.unwrap_or_else(|| {
            self.suffixes.push((suffix.to_owned(), Paths::default()));
            self.suffixes.len() - 1
        });
        &mut self.suffixes[at].1
    }
}

impl Paths {
    fn add(&mut self, route: &Route, at: usize) -> Result<(), String> {
        match route.path_kind {
            PathKind::Exact => self.exact.entry(route.path.clone()).or_default().push(at),
            PathKind::Regex => self.expressions.push((Expression::new(&route.path)?, at)),
            PathKind::Prefix => {
                let path = route.path.trim_end_matches('/');
                self.depth_max = self.depth_max.max(depth(path));
                self.prefixes.entry(path.to_owned()).or_default().push(at);
            }
        }
        Ok(())
    }

    /// Puts the best entry that fits into `best`, when it is better than what is there.
    fn find(&self, ask: &Ask<'_>, entries: &[Entry], best: &mut Option<usize>) {
        let mut offer = |at: usize| {
            let better = best.is_none_or(|best| at < best);
            if better && entries[at].wants.fit(ask) {
                *best = Some(at);
            }
        };
        if !self.exact.is_empty() {
            self.exact
                .get(ask.path)
                .into_iter()
                .flatten()
                .for_each(|&at| offer(at));
        }
        for (expression, at) in &self.expressions {
            if expression.fits(ask.path) {
                offer(*at);
            }
        }
        let mut prefix = cut_to_depth(ask.path, self.depth_max);
        loop {
            self.prefixes
                .get(prefix)
                .into_iter()
                .flatten()
                .for_each(|&at| offer(at));
            let Some(end) = prefix.rfind('/') else { return };
            prefix = &prefix[..end];
        }
    }
}

fn depth(path: &str) -> usize {
    path.bytes().filter(|&byte| byte == b'/').count()
}

/// The longest beginning of `path` that has at most `depth` slashes and ends before one.
fn cut_to_depth(path: &str, depth: usize) -> &str {
    match path.match_indices('/').nth(depth) {
        Some((at, _)) => &path[..at],
        None => path,
    }
}

#[cfg(test)]
mod tests;
