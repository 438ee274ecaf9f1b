use std::time::Duration;

use ondol_model::{
    Bytes, LoadReading, ScaleMetric, ScaleSource, ScaleTarget, Service, Time, TrafficReading,
    UsageReading,
};

use super::STALE_AFTER;
use super::recommend::{Figures, Staff};
use crate::span::span;

/// A replica takes more CPU while it comes up than its work is worth: until then its figure counts as missing.
const WARM_UP: Duration = Duration::from_secs(10);

/// What a metric is now.
pub(super) enum Figure {
    /// Of all replicas together.
    Whole(f64),
    /// Of each.
    Each(Figures),
}

/// What it should be, in its unit.
pub(super) struct Target {
    pub(super) each: f64,
    /// It holds for the figure as it is, not for a replica's part of it.
    pub(super) is_whole: bool,
    /// What a replica without a figure is taken for when fewer would do.
    pub(super) missing: f64,
    /// What 100 % is, when it is written in percent.
    pub(super) base: Option<f64>,
}

/// The target of a metric, with what percent are percent of.
pub(super) fn target(service: &Service, metric: &ScaleMetric) -> Target {
    let (each, is_whole, base) = match metric.target {
        ScaleTarget::Percent(percent) => {
            let base = base(service, &metric.of);
            (base * f64::from(percent) / 100.0, false, Some(base))
        }
        ScaleTarget::Each(milli) => (milli as f64 / 1e3, false, None),
        ScaleTarget::Whole(milli) => (milli as f64 / 1e3, true, None),
    };
    Target {
        each,
        is_whole,
        missing: each.max(base.unwrap_or(each)),
        base,
    }
}

/// What a replica reserves, else its limit, else one core.
fn base(service: &Service, of: &ScaleSource) -> f64 {
    let resources = &service.resources;
    match of {
        ScaleSource::Memory => {
            let reserved = Some(resources.memory_reserved).filter(|bytes| bytes.0 > 0);
            reserved
                .or(resources.memory_limit)
                .unwrap_or(Bytes(1 << 30))
                .0 as f64
        }
        _ => {
            let reserved = Some(resources.cpu_reserved_milli).filter(|milli| *milli > 0);
            f64::from(reserved.or(resources.cpu_limit_milli).unwrap_or(1000)) / 1e3
        }
    }
}

/// Reads a metric, or says why it cannot be read.
pub(super) fn figure(
    metric: &ScaleMetric,
    staff: &Staff,
    reading: &LoadReading,
    now: Time,
) -> Result<Figure, String> {
    let of_traffic = |value: fn(&TrafficReading) -> f64| {
        let traffic = reading.traffic.as_ref();
        let traffic = traffic.ok_or_else(|| "the proxy does not answer".to_owned())?;
        fresh(traffic.at, now)?;
        Ok(Figure::Whole(value(traffic)))
    };
    match &metric.of {
        ScaleSource::Cpu => Ok(each(staff, reading, now, |usage, is_new| {
            let cores = usage.cpu_milli.map(|milli| f64::from(milli) / 1e3);
            cores.filter(|_| !is_new)
        })),
        ScaleSource::Memory => Ok(each(staff, reading, now, |usage, _| {
            Some(usage.memory.0 as f64)
        })),
        ScaleSource::Requests => of_traffic(|traffic| traffic.requests),
        ScaleSource::Concurrency => of_traffic(|traffic| traffic.in_flight as f64),
        ScaleSource::Queue => of_traffic(|traffic| traffic.waiting as f64),
        // Without requests none was slow.
        ScaleSource::P95 => of_traffic(|traffic| traffic.p95.unwrap_or_default().as_secs_f64()),
        ScaleSource::Query(promql) => match reading.queries.get(promql) {
            Some(Ok((at, value))) if value.is_finite() => {
                fresh(*at, now)?;
                Ok(Figure::Whole(*value))
            }
            Some(Ok((_, value))) => Err(format!("the query gave {value}")),
            Some(Err(why)) => Err(why.clone()),
            None => Err("the query was not answered".to_owned()),
        },
    }
}

/// What was measured long ago says nothing; and a moment to come is one of a clock that was set back.
pub(super) fn fresh(at: Time, now: Time) -> Result<(), String> {
    let age = now.since(at);
    match (at <= now, age < STALE_AFTER) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("it was measured {} ago", span(age))),
        (false, _) => Err("it was measured before the clock was set back".to_owned()),
    }
}

fn each(
    staff: &Staff,
    reading: &LoadReading,
    now: Time,
    value: impl Fn(&UsageReading, bool) -> Option<f64>,
) -> Figure {
    let known = staff.ready.iter().filter_map(|(run, since)| {
        let usage = reading.replicas.get(run)?;
        fresh(usage.at, now).ok()?;
        let is_new = usage.at.since(*since) < WARM_UP;
        Some((*run, value(usage, is_new)?))
    });
    Figure::Each(known.collect())
}

/// Of the replicas that have one.
pub(super) fn mean(values: &Figures) -> f64 {
    values.values().sum::<f64>() / values.len().max(1) as f64
}

/// Its key, for people; a query by itself.
pub(super) fn name(metric: &ScaleMetric) -> String {
    match &metric.of {
        ScaleSource::Query(promql) => promql.clone(),
        known => known.name().to_owned(),
    }
}

/// A value as the file would write it.
pub(super) fn words(metric: &ScaleMetric, target: &Target, value: f64) -> String {
    if let Some(base) = target.base {
        return format!("{:.0}%", value / base * 100.0);
    }
    match metric.of {
        ScaleSource::Cpu => format!("{value:.2} cores"),
        ScaleSource::Memory => Bytes(value.max(0.0) as u64 >> 20 << 20).to_string(),
        ScaleSource::Requests => format!("{}/s", short(value)),
        ScaleSource::P95 => span(Duration::from_secs_f64(value.clamp(0.0, 1e9))),
        ScaleSource::Concurrency | ScaleSource::Queue | ScaleSource::Query(_) => short(value),
    }
}

/// What it should be, as the file would write it.
pub(super) fn target_words(metric: &ScaleMetric, target: &Target) -> String {
    let words = words(metric, target, target.each);
    let is_divided = !matches!(metric.of, ScaleSource::Cpu | ScaleSource::Memory);
    match is_divided && !target.is_whole {
        true => format!("{words} for each replica"),
        false => words,
    }
}

/// Without decimals that say nothing.
fn short(value: f64) -> String {
    match value.abs() >= 100.0 || value.fract() == 0.0 {
        true => format!("{value:.0}"),
        false => format!("{value:.1}"),
    }
}
