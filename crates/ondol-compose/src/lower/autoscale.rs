//! `x-ondol.autoscale`.

use std::time::Duration;

use ondol_model::{Autoscale, Bytes, DeployMode, Resources, ScaleMetric, ScaleSource, ScaleTarget};

use super::check::Check;
use super::read;
use crate::checks::Checks;
use crate::tree::Node;

/// Kubernetes' `--horizontal-pod-autoscaler-downscale-stabilization`.
const DOWN_WINDOW: Duration = Duration::from_secs(300);
const IDLE: Duration = Duration::from_secs(300);
const WAKE_MAX: Duration = Duration::from_secs(30);
/// More is remembered of every round in it.
const WINDOW_MAX: Duration = Duration::from_secs(24 * 3600);
/// What Kubernetes takes where no metric is named.
const CPU_PERCENT: u32 = 80;

/// `None` when the service has none, or none that can be followed.
pub(super) fn autoscale(
    service: &Node,
    resources: &Resources,
    mode: DeployMode,
    checks: Checks,
    check: &mut Check<'_>,
) -> Option<Autoscale> {
    let node = service.at(&["x-ondol", "autoscale"])?;
    if mode != DeployMode::Replicated {
        check.wrong(
            node,
            "only a service of `deploy.mode: replicated` has a number of replicas that can follow its load",
            "remove `autoscale`",
        );
    }
    let max: Option<u32> = read::number(node, &["max"]).filter(|max| *max > 0);
    if max.is_none() {
        check.wrong(
            node,
            "nothing says how many replicas there may be",
            "add `max:`, 1 or more",
        );
    }
    let min = read::number(node, &["min"]).unwrap_or(1);
    let max = max.unwrap_or(1.max(min));
    if min > max {
        check.wrong(
            node,
            format!("`min` is {min}, and `max` is {max}"),
            "exchange them",
        );
    }
    let mut metrics = metrics(node, resources, checks, check);
    if metrics.is_empty() {
        metrics.push(ScaleMetric {
            of: ScaleSource::Cpu,
            target: ScaleTarget::Percent(CPU_PERCENT),
        });
    }
    Some(Autoscale {
        min,
        max,
        metrics,
        up_window: window(node, "up_window", check).unwrap_or_default(),
        down_window: window(node, "down_window", check).unwrap_or(DOWN_WINDOW),
        idle: read::duration(node, &["idle"]).unwrap_or(IDLE),
    })
}

/// How long a request waits for a service that may sleep.
pub(super) fn wake_max(service: &Node) -> Option<Duration> {
    let node = service.at(&["x-ondol", "autoscale"])?;
    let sleeps = read::number(node, &["min"]) == Some(0u32);
    let written = read::duration(node, &["wake_max"]).unwrap_or(WAKE_MAX);
    sleeps.then_some(written)
}

fn window(node: &Node, key: &'static str, check: &mut Check<'_>) -> Option<Duration> {
    let window = read::duration(node, &[key])?;
    if window > WINDOW_MAX {
        check.wrong(
            node,
            format!("`{key}` is longer than a day"),
            "write a day at most: `24h`",
        );
    }
    Some(window)
}

fn metrics(
    node: &Node,
    resources: &Resources,
    checks: Checks,
    check: &mut Check<'_>,
) -> Vec<ScaleMetric> {
    let mut metrics = Vec::new();
    let mut add = |of, target: Option<ScaleTarget>| {
        metrics.extend(target.map(|target| ScaleMetric { of, target }));
    };
    add(
        ScaleSource::Cpu,
        amount(node, "cpu", cores, "`70%` or cores such as `0.5`", check),
    );
    let bytes = |text: &str| Some(text.parse::<Bytes>().ok()?.0.saturating_mul(1000));
    let memory = amount(
        node,
        "memory",
        bytes,
        "`80%` or an amount such as `300m`",
        check,
    );
    if let (Some(ScaleTarget::Percent(_)), Some(written)) = (memory, node.get("memory"))
        && resources.memory_limit.is_none()
        && resources.memory_reserved.0 == 0
    {
        check.wrong(
            written,
            "percent of its memory, which is neither reserved nor limited",
            "add `deploy.resources.limits.memory`, or write an amount: `memory: 300m`",
        );
    }
    add(ScaleSource::Memory, memory);
    for of in [
        ScaleSource::Requests,
        ScaleSource::Concurrency,
        ScaleSource::Queue,
    ] {
        let each = positive(node, of.name(), check).map(ScaleTarget::Each);
        add(of, each);
    }
    if let Some(p95) = read::duration(node, &["p95"]) {
        let milli = u64::try_from(p95.as_millis()).unwrap_or(u64::MAX);
        if milli == 0 {
            check.wrong(
                node,
                "`p95` is less than a millisecond",
                "write `p95: 200ms`",
            );
        }
        add(ScaleSource::P95, Some(ScaleTarget::Whole(milli.max(1))));
    }
    for query in read::items(node, "query") {
        let (of, target) = self::query(query, checks, check);
        add(of, target);
    }
    metrics
}

fn query(node: &Node, checks: Checks, check: &mut Check<'_>) -> (ScaleSource, Option<ScaleTarget>) {
    if let Some(promql) = node.get("promql") {
        check.findings.checked(promql, checks.promql);
    }
    let promql = read::text(node, &["promql"]).unwrap_or_default();
    let each = positive(node, "each", check).map(ScaleTarget::Each);
    let whole = positive(node, "target", check).map(ScaleTarget::Whole);
    if each.is_some() == whole.is_some() {
        check.wrong(
            node,
            "a query has either what one replica is meant for, or a target for all",
            "give it one of `each` and `target`",
        );
    }
    (ScaleSource::Query(promql), each.or(whole))
}

/// A part in percent, or an amount in thousandths.
fn amount(
    node: &Node,
    key: &'static str,
    milli: impl Fn(&str) -> Option<u64>,
    expected: &str,
    check: &mut Check<'_>,
) -> Option<ScaleTarget> {
    let written = node.get(key)?;
    let text = written.text().unwrap_or_default();
    let percent = text.strip_suffix('%').map(str::parse::<u32>);
    let target = match percent {
        Some(Ok(percent)) if percent > 0 => Some(ScaleTarget::Percent(percent)),
        Some(_) => None,
        None => milli(text)
            .filter(|milli| *milli > 0)
            .map(ScaleTarget::Each),
    };
    if target.is_none() {
        let help = format!("write {expected}");
        check.wrong(written, format!("`{key}` is `{text}`"), &help);
    }
    target
}

fn cores(text: &str) -> Option<u64> {
    let cores: f64 = text.parse().ok()?;
    Some((cores * 1000.0).round().clamp(0.0, 1e9) as u64)
}

/// A number above 0, in thousandths.
fn positive(node: &Node, key: &'static str, check: &mut Check<'_>) -> Option<u64> {
    let number: f64 = read::number(node, &[key])?;
    let milli = (number * 1000.0).round().clamp(0.0, 1e15) as u64;
    if let (0, Some(written)) = (milli, node.get(key)) {
        check.wrong(
            written,
            format!("`{key}` is 0, which no replica can reach"),
            "write a number above 0",
        );
    }
    Some(milli).filter(|milli| *milli > 0)
}
