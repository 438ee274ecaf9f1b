//! `x-ondol.route` and `x-ondol.routes`.

use std::time::Duration;

use ondol_model::{
    Conditions, Cors, HeaderEdits, Mirror, PathKind, Redirect, Route, RouteAnswer, Share,
    StaticAnswer, Treatment,
};

use super::check::Check;
use super::{dial, guard, read};
use crate::findings::Findings;
use crate::tree::Node;

/// How long a browser remembers a permission when the file says nothing.
const MAX_AGE: Duration = Duration::from_secs(600);

pub(super) fn routes(
    service: &str,
    node: &Node,
    tree: &Node,
    findings: &mut Findings,
) -> Vec<Route> {
    let mut check = Check {
        service,
        tree,
        findings,
    };
    let several = node
        .at(&["x-ondol", "routes"])
        .map(Node::items)
        .unwrap_or_default();
    let one = node.at(&["x-ondol", "route"]);
    one.into_iter()
        .chain(several)
        .map(|node| route(node, &mut check))
        .collect()
}

fn route(node: &Node, check: &mut Check<'_>) -> Route {
    let (path, path_kind) = path(node, check);
    let methods = read::texts(node, &["methods"]).unwrap_or_default();
    if let (Some(node), false) = (
        node.get("methods"),
        methods.iter().all(|method| is_method(method)),
    ) {
        check.wrong(
            node,
            "a method is one word in letters",
            "write `methods: [GET, POST]`",
        );
    }
    let route = Route {
        host: read::text(node, &["host"]).map(|host| host.to_ascii_lowercase()),
        path,
        path_kind,
        strip: read::flag(node, &["strip"]),
        port: read::number(node, &["port"]),
        priority: read::number(node, &["priority"]).unwrap_or_default(),
        when: Conditions {
            methods: methods
                .iter()
                .map(|method| method.to_ascii_uppercase())
                .collect(),
            headers: check.wanted(node, "headers"),
            query: check.wanted(node, "query"),
            cookies: check.wanted(node, "cookies"),
        },
        treatment: treatment(node, check),
        passthrough: read::flag(node, &["passthrough"]),
    };
    dial::check_passthrough(check.service, &route, node, check.findings);
    route
}

fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

fn path(node: &Node, check: &mut Check<'_>) -> (String, PathKind) {
    let kinds = [
        ("path", PathKind::Prefix),
        ("exact", PathKind::Exact),
        ("regex", PathKind::Regex),
    ];
    let written: Vec<_> = kinds
        .iter()
        .filter_map(|(key, kind)| Some((node.get(key)?, *kind)))
        .collect();
    if let [_, (second, _), ..] = written[..] {
        check.wrong(
            second,
            "a route has one path",
            "keep one of `path`, `exact` and `regex`",
        );
    }
    let Some((node, kind)) = written.first() else {
        return ("/".to_owned(), PathKind::Prefix);
    };
    let path = node.text().unwrap_or_default().to_owned();
    match kind {
        PathKind::Regex => check.expression(node, &path),
        _ if !path.starts_with('/') => check.wrong(
            node,
            "a route has a path that does not begin with /",
            "write `path: /api`, and the name of the host under `host:`",
        ),
        _ => {}
    }
    (path, *kind)
}

fn treatment(node: &Node, check: &mut Check<'_>) -> Treatment {
    let rewrite = read::text(node, &["rewrite"]);
    if let (Some(node), Some(false)) = (
        node.get("rewrite"),
        rewrite.as_ref().map(|to| to.starts_with('/')),
    ) {
        check.wrong(node, "a path begins with /", "write `rewrite: /new`");
    }
    if let (Some(node), true) = (node.get("rewrite"), read::flag(node, &["strip"])) {
        check.wrong(
            node,
            "a prefix is replaced or removed, not both",
            "keep one of `rewrite` and `strip`",
        );
    }
    Treatment {
        answer: answer(node, check),
        split: split(node, check),
        mirror: node
            .get("mirror")
            .and_then(|mirror| self::mirror(mirror, check)),
        rewrite,
        request_headers: edits(node, "request_headers", check),
        response_headers: edits(node, "response_headers", check),
        cors: node.get("cors").map(|cors| self::cors(cors, check)),
        body_bytes_max: read::size(node, &["body_max"]).map(|size| size.0),
        guard: guard::guard(node, check),
    }
}

fn answer(node: &Node, check: &mut Check<'_>) -> Option<RouteAnswer> {
    if let (Some(redirect), Some(_)) = (node.get("redirect"), node.get("respond")) {
        check.wrong(
            redirect,
            "a route answers in one way",
            "keep one of `redirect` and `respond`",
        );
    }
    if let Some(redirect) = node.get("redirect") {
        let to = read::text(redirect, &["to"]).unwrap_or_default();
        if !to.starts_with('/') && !to.contains("://") {
            check.wrong(
                redirect,
                "a redirect leads to a path or to a whole address",
                "write `redirect: /new{rest}` or `redirect: https://new.example{path}`",
            );
        }
        let status = read::number(redirect, &["status"]).unwrap_or(308);
        if (304..=306).contains(&status) {
            check.wrong(
                redirect,
                format!("{status} is not a status of a redirect"),
                "use 301, 302, 303, 307 or 308",
            );
        }
        return Some(RouteAnswer::Redirect(Redirect { to, status }));
    }
    node.get("respond")
        .map(|respond| RouteAnswer::Static(static_answer(respond, check)))
}

/// `respond`, which a fallback has too.
pub(super) fn static_answer(node: &Node, check: &mut Check<'_>) -> StaticAnswer {
    StaticAnswer {
        status: read::number(node, &["status"]).unwrap_or(200),
        headers: check.headers(node, &["headers"]),
        body: read::text(node, &["body"]).unwrap_or_default(),
    }
}

fn split(node: &Node, check: &mut Check<'_>) -> Vec<Share> {
    let Some(split) = node.get("split") else {
        return Vec::new();
    };
    let mut shares = Vec::new();
    for (name, entry) in split.entries() {
        let weight = read::number(&entry.node, &[]).unwrap_or_default();
        if let Some(service) = check.other(&entry.node, name) {
            shares.push(Share {
                service,
                port: None,
                weight,
            });
        }
    }
    if !shares.is_empty() && shares.iter().all(|share| share.weight == 0) {
        check.wrong(
            split,
            "every weight is 0, so that nobody gets a request",
            "give one of them a weight",
        );
    }
    shares
}

fn mirror(node: &Node, check: &mut Check<'_>) -> Option<Mirror> {
    let name = read::text(node, &["service"]).unwrap_or_default();
    Some(Mirror {
        service: check.other(node, &name)?,
        port: None,
        percent: read::number(node, &["percent"]).unwrap_or(100),
    })
}

fn edits(node: &Node, key: &'static str, check: &mut Check<'_>) -> HeaderEdits {
    let remove = read::texts(node, &[key, "remove"]).unwrap_or_default();
    if let Some(node) = node.get(key) {
        remove.iter().for_each(|name| check.header_name(node, name));
    }
    HeaderEdits {
        remove: remove
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect(),
        set: check.headers(node, &[key, "set"]),
        add: check.headers(node, &[key, "add"]),
    }
}

fn cors(node: &Node, check: &mut Check<'_>) -> Cors {
    let list = |key: &'static str| read::texts(node, &[key]).unwrap_or_default();
    let cors = Cors {
        origins: list("origins"),
        methods: list("methods")
            .iter()
            .map(|method| method.to_ascii_uppercase())
            .collect(),
        headers: list("headers"),
        expose: list("expose"),
        credentials: read::flag(node, &["credentials"]),
        max_age: read::duration(node, &["max_age"]).unwrap_or(MAX_AGE),
    };
    for name in cors.headers.iter().chain(&cors.expose) {
        check.header_name(node, name);
    }
    if cors.origins.is_empty() {
        check.wrong(
            node,
            "no origin may ask",
            "write `origins: [https://shop.example]`",
        );
    }
    if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
        check.wrong(
            node,
            "credentials for any origin would let every page act as the user",
            "name the origins",
        );
    }
    cors
}
