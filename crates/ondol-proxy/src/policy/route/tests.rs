use http::{HeaderMap, Method};
use ondol_model::{Conditions, Wanted};
use proptest::prelude::*;

use super::*;

/// `[METHOD ][host]/path`, with `=` or `~` before the path for the other kinds.
fn route(text: &str) -> Route {
    let (method, text) = text.split_once(' ').unwrap_or(("", text));
    let at = text.find(['/', '=', '~']).unwrap();
    let (host, path) = text.split_at(at);
    let path_kind = match &path[..1] {
        "=" => PathKind::Exact,
        "~" => PathKind::Regex,
        _ => PathKind::Prefix,
    };
    Route {
        host: (!host.is_empty()).then(|| host.to_owned()),
        path: path.trim_start_matches(['=', '~']).to_owned(),
        path_kind,
        when: Conditions {
            methods: (!method.is_empty())
                .then(|| method.to_owned())
                .into_iter()
                .collect(),
            ..Conditions::default()
        },
        ..Route::default()
    }
}

fn ask<'a>(host: &'a str, path: &'a str, headers: &'a HeaderMap) -> Ask<'a> {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    Ask {
        host,
        path,
        query,
        method: &Method::GET,
        headers,
    }
}

fn find<'a>(texts: &[&'a str], host: &str, path: &str) -> Option<(&'a str, usize)> {
    let all: Vec<_> = texts.iter().map(|text| route(text)).collect();
    let routes = Routes::new(&all).unwrap();
    let found = routes.find(&ask(host, path, &HeaderMap::new()))?;
    // The explanation says the same.
    let all: Vec<_> = all.iter().collect();
    let why = explain(&all, &Method::GET, host, path, None, &HeaderMap::new()).unwrap();
    let winner = why
        .iter()
        .find(|considered| considered.outcome == Outcome::Wins);
    assert_eq!(winner.map(|winner| winner.number), Some(found.number));
    Some((texts[found.number], found.prefix))
}

#[test]
fn the_longest_prefix_wins_on_a_segment_boundary() {
    let routes = ["/", "/api", "/api/v2/"];
    assert_eq!(find(&routes, "h", "/api"), Some(("/api", 4)));
    assert_eq!(find(&routes, "h", "/api/x"), Some(("/api", 4)));
    assert_eq!(find(&routes, "h", "/apix"), Some(("/", 0)));
    assert_eq!(find(&routes, "h", "/api/v2"), Some(("/api/v2/", 7)));
    assert_eq!(find(&routes, "h", "/api/v2/users/1"), Some(("/api/v2/", 7)));
    assert_eq!(find(&routes, "h", "/api/v20"), Some(("/api", 4)));
}

#[test]
fn a_more_exact_host_goes_before_a_longer_path() {
    let routes = ["/only/this", "*.example/", "*.b.example/", "a.b.example/"];
    assert_eq!(find(&routes, "a.b.example", "/"), Some(("a.b.example/", 0)));
    assert_eq!(find(&routes, "c.b.example", "/"), Some(("*.b.example/", 0)));
    assert_eq!(
        find(&routes, "b.example", "/only/this"),
        Some(("*.example/", 0))
    );
    assert_eq!(
        find(&routes, "example", "/only/this/one"),
        Some(("/only/this", 10))
    );
    assert_eq!(find(&routes, "example", "/"), None);
}

#[test]
fn a_less_exact_host_is_asked_when_no_path_of_the_other_fits() {
    let routes = ["/", "shop.example/shop"];
    assert_eq!(find(&routes, "shop.example", "/x"), Some(("/", 0)));
    assert_eq!(
        find(&routes, "shop.example", "/shop/x"),
        Some(("shop.example/shop", 5))
    );
}

#[test]
fn exact_paths_go_before_expressions_and_those_before_prefixes() {
    let routes = ["/v1/users", "~/v[0-9]/users", "=/v1/users"];
    assert_eq!(find(&routes, "h", "/v1/users"), Some(("=/v1/users", 0)));
    assert_eq!(find(&routes, "h", "/v2/users"), Some(("~/v[0-9]/users", 0)));
    assert_eq!(find(&routes, "h", "/v1/users/7"), Some(("/v1/users", 9)));
}

#[test]
fn a_route_that_asks_for_more_goes_first_and_only_where_it_fits() {
    assert_eq!(
        find(&["/", "GET /", "POST /"], "h", "/"),
        Some(("GET /", 0))
    );
    let mut canary = route("/");
    canary
        .when
        .cookies
        .insert("beta".to_owned(), Wanted::from_text("*"));
    let mut tested = route("/");
    tested
        .when
        .headers
        .insert("x-test".to_owned(), Wanted::from_text("~[0-9]+"));
    tested
        .when
        .query
        .insert("v".to_owned(), Wanted::from_text("2"));
    let all = [route("/"), canary, tested];
    let routes = Routes::new(&all).unwrap();
    let number = |path: &str, headers: &[(&'static str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        routes.find(&ask("h", path, &headers)).unwrap().number
    };
    assert_eq!(number("/", &[]), 0);
    assert_eq!(number("/", &[("cookie", "a=b; beta=1")]), 1);
    assert_eq!(
        number("/?v=2", &[("cookie", "beta=1"), ("x-test", "12")]),
        2
    );
    assert_eq!(number("/?v=2", &[("x-test", "12a")]), 0);
    assert_eq!(number("/?v=3", &[("x-test", "12")]), 0);
}

#[test]
fn a_priority_goes_before_everything() {
    let mut first = route("/");
    first.priority = 1;
    let all = [route("shop.example/shop"), first];
    let routes = Routes::new(&all).unwrap();
    let found = routes.find(&ask("shop.example", "/shop", &HeaderMap::new()));
    assert_eq!(found.map(|found| found.number), Some(1));
}

#[test]
fn the_explanation_says_why_each_other_route_did_not_win() {
    let all = [
        route("/"),
        route("/api"),
        route("POST /api"),
        route("shop.example/"),
        route("=/api"),
    ];
    let all: Vec<_> = all.iter().collect();
    let told = explain(
        &all,
        &Method::GET,
        "Shop.Example:8080",
        "/api/x",
        None,
        &HeaderMap::new(),
    );
    let told: Vec<_> = told
        .unwrap()
        .into_iter()
        .map(|one| (one.number, one.outcome))
        .collect();
    assert_eq!(
        told,
        [
            (3, Outcome::Wins),
            (
                4,
                Outcome::Differs("its path is exactly /api, and this is /api/x".to_owned())
            ),
            (2, Outcome::Differs("it wants POST, not GET".to_owned())),
            (1, Outcome::Outranked("a more exact host")),
            (0, Outcome::Outranked("a more exact host")),
        ]
    );
    assert!(explain(&all, &Method::GET, "h", "/a/../b", None, &HeaderMap::new()).is_err());
}

#[test]
fn a_bad_expression_is_named() {
    let error = Routes::new(&[route("~/v[")]).err().unwrap();
    assert!(error.contains("`/v[`"), "{error}");
}

proptest! {
    #[test]
    fn the_index_finds_what_a_look_at_every_route_finds(
        texts in prop::collection::vec("(GET |POST |)(a|[*]\\.a|b\\.a|)(=|~|)/([ab](/[ab]){0,2}/?)?", 0..14),
        priorities in prop::collection::vec(-1..2, 14),
        host in "a|b\\.a|c\\.a|d",
        path in "/([ab](/[ab]){0,3}/?)?",
    ) {
        let mut all: Vec<_> = texts.iter().map(|text| route(text)).collect();
        for (route, priority) in all.iter_mut().zip(priorities) {
            route.priority = priority;
        }
        let headers = HeaderMap::new();
        let found = Routes::new(&all).unwrap().find(&ask(&host, &path, &headers));
        let all: Vec<_> = all.iter().collect();
        let told = explain(&all, &Method::GET, &host, &path, None, &headers).unwrap();
        let winner = told.iter().find(|one| one.outcome == Outcome::Wins);
        prop_assert_eq!(found.map(|found| found.number), winner.map(|one| one.number));
    }
}
