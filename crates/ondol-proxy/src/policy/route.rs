use std::borrow::Cow;
use std::collections::BTreeMap;

use ondol_model::Route;

/// The routes of one edge listener, prepared for lookup. `T` is where they lead.
///
/// The longest path wins, then the more exact host: an exact name, then the longest `*.` suffix, then any host.
/// Of two routes that are equal in both, the first wins.
pub(crate) struct Routes<T> {
    /// By path without a slash at its end: `/api`, and the empty path for `/`.
    paths: BTreeMap<String, Hosts<T>>,
    /// Slashes in the longest path, so that no deeper prefix is looked for.
    depth_max: usize,
}

struct Hosts<T> {
    exact: BTreeMap<String, Target<T>>,
    /// By suffix with its leading dot: `.example`. Longest first.
    suffixes: Vec<(String, Target<T>)>,
    any: Option<Target<T>>,
}

struct Target<T> {
    strip: bool,
    to: T,
}

/// A route that matched.
pub(crate) struct Match<'a, T> {
    pub to: &'a T,
    /// Bytes of the path to remove, when the route strips.
    pub strip: usize,
}

impl<T> Routes<T> {
    pub(crate) fn new(routes: impl IntoIterator<Item = (Route, T)>) -> Self {
        let mut paths: BTreeMap<String, Hosts<T>> = BTreeMap::new();
        for (route, to) in routes {
            let path = route.path.trim_end_matches('/').to_owned();
            let hosts = paths.entry(path).or_insert_with(|| Hosts {
                exact: BTreeMap::new(),
                suffixes: Vec::new(),
                any: None,
            });
            hosts.add(
                route.host.as_deref(),
                Target {
                    strip: route.strip,
                    to,
                },
            );
        }
        let depth_max = paths.keys().map(|path| depth(path)).max().unwrap_or(0);
        for hosts in paths.values_mut() {
            // Stable, so that of equal suffixes the first stays first.
            hosts
                .suffixes
                .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        }
        Routes { paths, depth_max }
    }

    /// The route for a request. `host` is without port and in lower case ([`host_name`]); `path` begins with `/`.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<Match<'_, T>> {
        let mut prefix = cut_to_depth(path, self.depth_max);
        loop {
            let found = self.paths.get(prefix).and_then(|hosts| hosts.find(host));
            if let Some(target) = found {
                let strip = if target.strip { prefix.len() } else { 0 };
                return Some(Match {
                    to: &target.to,
                    strip,
                });
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }
}

impl<T> Hosts<T> {
    fn add(&mut self, host: Option<&str>, target: Target<T>) {
        let Some(host) = host.map(host_name).filter(|host| host != "*") else {
            self.any.get_or_insert(target);
            return;
        };
        match host.strip_prefix('*') {
            Some(suffix) => self.suffixes.push((suffix.to_owned(), target)),
            None => {
                self.exact.entry(host.into_owned()).or_insert(target);
            }
        }
    }

    fn find(&self, host: &str) -> Option<&Target<T>> {
        let suffix = || {
            let fits = |suffix: &str| host.len() > suffix.len() && host.ends_with(suffix);
            self.suffixes
                .iter()
                .find(|(suffix, _)| fits(suffix))
                .map(|(_, target)| target)
        };
        self.exact.get(host).or_else(suffix).or(self.any.as_ref())
    }
}

/// The name in a `Host` header: without port and final dot, in lower case.
pub(crate) fn host_name(host: &str) -> Cow<'_, str> {
    let name = match host.strip_prefix('[') {
        // An IPv6 address keeps its brackets: `[::1]:80`.
        Some(rest) => rest.find(']').map_or(host, |end| &host[..end + 2]),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Whether a path has a segment `.` or `..`, plain or percent-encoded. Such a path could mean another route to
/// the service than it does here; every client resolves them before it sends.
pub(crate) fn has_dot_segments(path: &str) -> bool {
    // Nearly no path has a dot right after a slash; look closer only then.
    let suspicious = path
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'/' && matches!(pair[1], b'.' | b'%') || pair[0] == b'\\');
    suspicious
        && path.split(['/', '\\']).any(|segment| {
            let plain = segment.replace("%2e", ".").replace("%2E", ".");
            plain == "." || plain == ".."
        })
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(text: &str) -> Route {
        let (host, path) = text.split_at(text.find('/').unwrap());
        Route {
            host: (!host.is_empty()).then(|| host.to_owned()),
            path: path.to_owned(),
            strip: true,
            ..Route::default()
        }
    }

    fn routes(texts: &[&'static str]) -> Routes<&'static str> {
        Routes::new(texts.iter().map(|&text| (route(text), text)))
    }

    fn find(
        routes: &Routes<&'static str>,
        host: &str,
        path: &str,
    ) -> Option<(&'static str, usize)> {
        routes
            .find(host, path)
            .map(|found| (*found.to, found.strip))
    }

    #[test]
    fn the_longest_path_wins_and_ends_at_a_segment() {
        let routes = routes(&["/", "/api", "/api/v2/"]);
        assert_eq!(find(&routes, "a", "/apix"), Some(("/", 0)));
        assert_eq!(find(&routes, "a", "/api"), Some(("/api", 4)));
        assert_eq!(find(&routes, "a", "/api/"), Some(("/api", 4)));
        assert_eq!(find(&routes, "a", "/api/v2/x/y/z"), Some(("/api/v2/", 7)));
        assert_eq!(find(&routes, "a", "/api/v20"), Some(("/api", 4)));
    }

    #[test]
    fn then_the_more_exact_host_wins() {
        let routes = routes(&[
            "/",
            "*.example/",
            "*.b.example/",
            "a.b.example/",
            "x.example/only",
        ]);
        assert_eq!(find(&routes, "a.b.example", "/"), Some(("a.b.example/", 0)));
        assert_eq!(find(&routes, "c.b.example", "/"), Some(("*.b.example/", 0)));
        assert_eq!(find(&routes, "b.example", "/"), Some(("*.example/", 0)));
        assert_eq!(find(&routes, "example", "/"), Some(("/", 0)));
        assert_eq!(
            find(&routes, "x.example", "/only/this"),
            Some(("x.example/only", 5))
        );
        assert_eq!(
            find(&routes, "y.example", "/only/this"),
            Some(("*.example/", 0))
        );
    }

    #[test]
    fn nothing_matches_when_no_route_does() {
        let routes = routes(&["shop.example/shop"]);
        assert_eq!(find(&routes, "shop.example", "/"), None);
        assert_eq!(find(&routes, "other", "/shop"), None);
        assert!(Routes::<()>::new([]).find("a", "/").is_none());
    }

    #[test]
    fn hosts_are_compared_without_port_dot_and_case() {
        assert_eq!(host_name("Shop.Example.:8080"), "shop.example");
        assert_eq!(host_name("[::1]:80"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        assert_eq!(host_name("["), "[");
        assert_eq!(host_name(""), "");
    }

    #[test]
    fn dot_segments_are_seen_however_they_are_written() {
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2E/x",
            "/.%2e",
            "/a\\..\\b",
        ] {
            assert!(has_dot_segments(path), "{path}");
        }
        for path in ["/", "/a..b", "/.well-known/x", "/...", "/a.b/c", "/%20"] {
            assert!(!has_dot_segments(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_result_is_the_longest_matching_prefix(
            paths in prop::collection::btree_set("(/[ab]{1,2}){0,4}", 0..12),
            asked in "(/[ab]{1,2}){1,6}/?",
        ) {
            let all: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
            let routes = Routes::new(all.iter().map(|path| (route(path), path.trim_end_matches('/'))));
            let fits = |prefix: &str| {
                asked == prefix || asked.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
            };
            let expected = all
                .iter()
                .map(|path| path.trim_end_matches('/'))
                .filter(|prefix| fits(prefix))
                .max_by_key(|prefix| prefix.len());
            prop_assert_eq!(routes.find("h", &asked).map(|found| *found.to), expected);
        }

        #[test]
        fn no_host_and_no_path_panics(host in ".{0,20}", path in "/.{0,40}") {
            let routes = routes(&["/", "*.a/", "[::1]/x", "/é/"]);
            prop_assert!(routes.find(&host_name(&host), &path).is_some());
            has_dot_segments(&path);
        }
    }
}
