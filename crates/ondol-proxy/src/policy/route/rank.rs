use std::cmp::Ordering;

use ondol_model::{PathKind, Route};

/// Which of two routes goes first when both fit, and why. Equal ones go as they were written.
///
/// The order is that of the Gateway API (HTTPRoute, "precedence"), with nginx's answer where that leaves it open:
/// an expression goes before a prefix.
pub(super) fn compare(one: &Route, other: &Route) -> (Ordering, &'static str) {
    let orders = [
        (other.priority.cmp(&one.priority), "a higher priority"),
        (host(other).cmp(&host(one)), "a more exact host"),
        (kind(other).cmp(&kind(one)), "a more exact kind of path"),
        (length(other).cmp(&length(one)), "a longer path"),
        (
            names_methods(other).cmp(&names_methods(one)),
            "a method that it asks for",
        ),
        (
            other.when.count().cmp(&one.when.count()),
            "more that it asks for",
        ),
    ];
    orders
        .into_iter()
        .find(|(order, _)| order.is_ne())
        .unwrap_or((Ordering::Equal, "an earlier place in the file"))
}

fn host(route: &Route) -> (u8, usize) {
    match route.host.as_deref() {
        None | Some("*") => (0, 0),
        Some(host) if host.starts_with('*') => (1, host.len()),
        Some(_) => (2, 0),
    }
}

fn kind(route: &Route) -> u8 {
    match route.path_kind {
        PathKind::Prefix => 0,
        PathKind::Regex => 1,
        PathKind::Exact => 2,
    }
}

fn length(route: &Route) -> usize {
    match route.path_kind {
        // A longer expression is not a more exact one.
        PathKind::Regex => 0,
        _ => route.path.trim_end_matches('/').len(),
    }
}

fn names_methods(route: &Route) -> bool {
    !route.when.methods.is_empty()
}
