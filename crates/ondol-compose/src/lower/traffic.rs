//! `balance`, `resilience`, `calls` and `published` of a service's `x-ondol`.

use std::collections::BTreeSet;
use std::time::Duration;

use ondol_model::{
    Balance, BalanceBy, Breaker, Concurrency, CrossZone, Eject, Fallback, Guard, Resilience, Retry,
    Shed, Timeouts, Traffic, Trip,
};

use super::check::Check;
use super::routes::static_answer;
use super::{autoscale, dial, guard, read};
use crate::findings::Findings;
use crate::normalise::duration;
use crate::tree::Node;

pub(super) fn traffic(service: &str, node: &Node, tree: &Node, findings: &mut Findings) -> Traffic {
    let mut check = Check {
        service,
        tree,
        findings,
    };
    check_stale(node, &mut check);
    let balance = node.at(&["x-ondol", "balance"]);
    let resilience = node.at(&["x-ondol", "resilience"]);
    Traffic {
        balance: balance
            .map(|node| self::balance(node, &mut check))
            .unwrap_or_default(),
        resilience: resilience
            .map(|node| self::resilience(node, &mut check))
            .unwrap_or_default(),
        dial: dial::dial(node),
        calls: guard_of(node, "calls", &mut check),
        published: guard_of(node, "published", &mut check),
        wake_max: autoscale::wake_max(node),
    }
}

fn balance(node: &Node, check: &mut Check<'_>) -> Balance {
    let key = read::text(node, &["key"]);
    let by = match (read::text(node, &["by"]).as_deref(), key) {
        (Some("round_robin"), None) => BalanceBy::RoundRobin,
        (Some("least_requests"), None) => BalanceBy::LeastRequests,
        (Some("ip"), None) => BalanceBy::Ip,
        (Some("header"), Some(name)) => {
            check.header_name(node, &name);
            BalanceBy::Header(name.to_ascii_lowercase())
        }
        (Some("cookie"), Some(name)) => BalanceBy::Cookie(name),
        (Some(by @ ("header" | "cookie")), None) => {
            check.wrong(
                node,
                format!("`by: {by}` does not say which"),
                "add `key:` with its name",
            );
            BalanceBy::default()
        }
        (_, Some(_)) => {
            check.wrong(
                node,
                "only a header or a cookie has a `key`",
                "write `by: header` or `by: cookie`",
            );
            BalanceBy::default()
        }
        (_, None) => BalanceBy::Latency,
    };
    let eject = Eject::default();
    let zones = read::texts(node, &["zones"]).unwrap_or_default();
    let weights: Vec<u32> = read::items(node, "weights")
        .filter_map(|weight| read::number(weight, &[]))
        .collect();
    if let (Some(node), true) = (node.get("cross_zone"), zones.is_empty()) {
        check.wrong(
            node,
            "none of its replicas is in a zone",
            "say in which: `zones: [a, b]`",
        );
    }
    if let (Some(node), true) = (node.get("weights"), weights.iter().all(|part| *part == 0)) {
        check.wrong(
            node,
            "every weight is 0, so that nobody gets a request",
            "give one of them a weight",
        );
    }
    Balance {
        zones,
        cross_zone: match read::text(node, &["cross_zone"]).as_deref() {
            Some("needed") => CrossZone::Needed,
            Some("never") => CrossZone::Never,
            _ => CrossZone::Always,
        },
        weights,
        by,
        slow_start: read::duration(node, &["slow_start"]).unwrap_or_default(),
        eject: Eject {
            failures: read::number(node, &["eject", "failures"]).unwrap_or(eject.failures),
            time: read::duration(node, &["eject", "time"]).unwrap_or(eject.time),
            share_percent_max: read::number(node, &["eject", "share_max_percent"])
                .unwrap_or(eject.share_percent_max),
        },
    }
}

fn resilience(node: &Node, check: &mut Check<'_>) -> Resilience {
    let retry = Retry::default();
    let time = |key: &'static str| read::duration(node, &["timeout", key]);
    let fallback = node.get("fallback").map(Node::items).unwrap_or_default();
    Resilience {
        timeouts: Timeouts {
            connect: time("connect"),
            response: time("response"),
            request: time("request"),
            idle: time("idle"),
        },
        retry: Retry {
            attempts: read::number(node, &["retry", "attempts"]).unwrap_or(retry.attempts),
            statuses: statuses(node, &["retry", "statuses"]),
            budget_percent: read::number(node, &["retry", "budget_percent"])
                .unwrap_or(retry.budget_percent),
        },
        breaker: node.get("breaker").map(|node| breaker(node, check)),
        endpoint_breaker: node
            .get("endpoint_breaker")
            .map(|node| breaker(node, check)),
        fallback: fallback
            .iter()
            .filter_map(|node| self::fallback(node, check))
            .collect(),
        fallback_on: statuses(node, &["fallback_on"]),
        concurrency: node.get("concurrency").map(|node| concurrency(node, check)),
        shed: node.get("shed").map(|node| shed(node, check)),
    }
}

fn statuses(node: &Node, path: &[&str]) -> BTreeSet<u16> {
    let texts = read::texts(node, path).unwrap_or_default();
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn breaker(node: &Node, check: &mut Check<'_>) -> Breaker {
    let count: Option<u32> = read::number(node, &["failures"]);
    let percent: Option<u32> = read::number(node, &["failure_percent"]);
    if count.is_some() && percent.is_some() {
        check.wrong(
            node,
            "failures are counted or compared, not both",
            "keep one of `failures` and `failure_percent`",
        );
    }
    if count == Some(0) || percent == Some(0) {
        check.wrong(
            node,
            "no failure would be too many",
            "write a number from 1",
        );
    }
    let window = read::duration(node, &["window"]).unwrap_or(Duration::from_secs(10));
    if window.is_zero() {
        check.wrong(
            node,
            "in no time nothing can be seen",
            "write `window: 10s`",
        );
    }
    // A count says itself how much has to be seen.
    let minimum = if count.is_some() { 1 } else { 10 };
    Breaker {
        trip: count.map_or(Trip::Percent(percent.unwrap_or(50)), Trip::Count),
        window,
        minimum: read::number(node, &["minimum"]).unwrap_or(minimum),
        pause: read::duration(node, &["pause"]).unwrap_or(Duration::from_secs(5)),
        probes: read::number(node, &["probes"]).unwrap_or(2),
    }
}

fn guard_of(service: &Node, key: &'static str, check: &mut Check<'_>) -> Guard {
    let node = service.at(&["x-ondol", key]);
    node.map(|node| guard::guard(node, check))
        .unwrap_or_default()
}

/// An answer can only be stale where some are kept.
fn check_stale(service: &Node, check: &mut Check<'_>) {
    let Some(own) = service.get("x-ondol") else {
        return;
    };
    let fallback = own.at(&["resilience", "fallback"]).map(Node::items);
    let stale = fallback.and_then(|all| all.iter().find_map(|one| one.get("stale")));
    let routes = own.get("routes").map(Node::items).unwrap_or_default();
    let doors = ["route", "calls", "published"].map(|key| own.get(key));
    let mut keepers = routes.iter().chain(doors.into_iter().flatten());
    if let Some(stale) = stale
        && !keepers.any(|door| door.get("cache").is_some())
    {
        check.wrong(
            stale,
            "falls back to stale answers, and none of its answers are kept",
            "give one of its routes `cache: 60s`",
        );
    }
}

fn stale(node: &Node, check: &mut Check<'_>) -> Fallback {
    let text = node.text().unwrap_or_default();
    let age_max = duration(text).filter(|_| text != "any");
    if age_max.is_none() && text != "any" {
        check.wrong(
            node,
            format!("`{text}` is not a length of time"),
            "write `stale: 1h`, or `stale: any`",
        );
    }
    Fallback::Stale { age_max }
}

fn fallback(node: &Node, check: &mut Check<'_>) -> Option<Fallback> {
    let kinds = ["service", "respond", "stale"].map(|kind| node.get(kind));
    match kinds {
        [None, None, Some(stale)] => Some(self::stale(stale, check)),
        [Some(service), None, None] => {
            let service = check.other(service, service.text().unwrap_or_default())?;
            if service.as_str() == check.service {
                check.wrong(
                    node,
                    "a service cannot stand in for itself",
                    "name another one",
                );
            }
            Some(Fallback::Service {
                service,
                port: None,
            })
        }
        [None, Some(respond), None] => Some(Fallback::Static(static_answer(respond, check))),
        _ => {
            check.wrong(
                node,
                "a fallback is a service, an answer or a stale answer",
                "give it one of `service`, `respond` and `stale`",
            );
            None
        }
    }
}

fn concurrency(node: &Node, check: &mut Check<'_>) -> Concurrency {
    let max: Option<u32> = read::number(node, &["max"]);
    if max.is_none() {
        check.wrong(node, "it is not said how many requests", "add `max:`");
    }
    let max = max.unwrap_or(1);
    Concurrency {
        max,
        queue: read::number(node, &["queue"]).unwrap_or(max),
        wait: read::duration(node, &["wait"]).unwrap_or(Duration::from_secs(1)),
    }
}

fn shed(node: &Node, check: &mut Check<'_>) -> Shed {
    let (min, max) = (read::number(node, &["min"]), read::number(node, &["max"]));
    let shed = Shed {
        latency: read::duration(node, &["latency"]),
        min: min.unwrap_or(5.min(max.unwrap_or(5))),
        max: max.unwrap_or(1000.max(min.unwrap_or(1000))),
    };
    if shed.min > shed.max {
        check.wrong(node, "`min` is more than `max`", "exchange them");
    }
    shed
}
