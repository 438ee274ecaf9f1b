//! `/api/v1/targets`: what is asked for metrics, and what came of it last.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::envelope::Done;
use super::moment;
use crate::scrape::Seen;
use crate::server::Params;
use crate::shared::Shared;

pub(super) fn targets(params: &Params, shared: &Shared) -> Done {
    let pool = params.get("scrapePool");
    let is_wanted = |seen: &Seen| pool.is_none_or(|pool| pool == job(seen));
    let active: Vec<Value> = match params.get("state") {
        Some("dropped") => Vec::new(),
        _ => (shared.scraped.all().iter())
            .filter(|seen| is_wanted(seen))
            .map(target)
            .collect(),
    };
    Done::of_value(&json!({
        "activeTargets": active,
        "droppedTargets": [],
        "droppedTargetCounts": {},
    }))
}

/// `/api/v1/scrape_pools`.
pub(super) fn pools(shared: &Shared) -> Done {
    let mut pools: Vec<String> = shared.scraped.all().iter().map(job).collect();
    pools.sort();
    pools.dedup();
    Done::of_value(&json!({ "scrapePools": pools }))
}

fn job(seen: &Seen) -> String {
    let job = seen.labels.iter().find(|(name, _)| name == "job");
    job.map_or_else(String::new, |(_, job)| job.clone())
}

fn target(seen: &Seen) -> Value {
    let labels: BTreeMap<&str, &str> = (seen.labels.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let seconds = |span: std::time::Duration| format!("{}s", span.as_secs_f64());
    json!({
        "discoveredLabels": labels,
        "labels": labels,
        "scrapePool": job(seen),
        "scrapeUrl": seen.url,
        "globalUrl": seen.url,
        "lastError": seen.error,
        "lastScrape": moment::shown(seen.at_ms),
        "lastScrapeDuration": seen.took.as_secs_f64(),
        "health": if seen.error.is_empty() { "up" } else { "down" },
        "scrapeInterval": seconds(seen.interval),
        "scrapeTimeout": seconds(seen.timeout),
    })
}
