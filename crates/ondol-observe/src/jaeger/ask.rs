//! What traces are asked for.

use std::collections::BTreeMap;

use crate::server::Params;
use crate::traces::{Search, parse_duration};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1500;
/// How far back is looked when nobody says.
const LOOKBACK_NS: i64 = 2 * 24 * 3600 * 1_000_000_000;

/// The search of `/api/traces`.
pub(super) fn search(params: &Params, now_ms: i64) -> Result<Search, String> {
    let service = params
        .get("service")
        .ok_or("parameter 'service' is required")?;
    let moment = |name: &str| match params.get(name) {
        Some(text) => {
            let at_us: i64 = text
                .parse()
                .map_err(|_| format!("unable to parse param '{name}': expected microseconds"))?;
            Ok(Some(at_us.saturating_mul(1000)))
        }
        None => Ok::<_, String>(None),
    };
    let duration = |name: &str| match params.get(name) {
        Some(text) => parse_duration(text).map(Some).ok_or_else(|| {
            format!("unable to parse param '{name}': expected a duration like 100ms")
        }),
        None => Ok(None),
    };
    let end_ns = moment("end")?.unwrap_or_else(|| now_ms.saturating_mul(1_000_000));
    let limit = match params.get("limit") {
        Some(text) => text
            .parse()
            .map_err(|_| "unable to parse param 'limit'".to_owned())?,
        None => LIMIT,
    };
    let mut search = Search {
        service: Some(service.to_owned()),
        operation: params
            .get("operation")
            .filter(|name| *name != "all")
            .map(ToOwned::to_owned),
        min_ns: duration("minDuration")?,
        max_ns: duration("maxDuration")?,
        start_ns: moment("start")?.unwrap_or_else(|| end_ns.saturating_sub(LOOKBACK_NS)),
        end_ns,
        limit: limit.clamp(1, LIMIT_MAX),
        ..Search::default()
    };
    for (name, value) in tags(params)? {
        if name == "error" && value == "true" {
            search.failed = true;
        } else {
            search.tags.push((name, Some(value)));
        }
    }
    Ok(search)
}

/// `tags={"name":"value"}` and `tag=name:value`.
fn tags(params: &Params) -> Result<Vec<(String, String)>, String> {
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for json in params.all("tags").filter(|json| !json.is_empty()) {
        let map: BTreeMap<String, String> = serde_json::from_str(json)
            .map_err(|error| format!("malformed 'tags' parameter, expected JSON: {error}"))?;
        tags.extend(map);
    }
    for pair in params.all("tag") {
        let (name, value) = pair
            .split_once(':')
            .ok_or("malformed 'tag' parameter, expected key:value")?;
        tags.insert(name.to_owned(), value.to_owned());
    }
    Ok(tags.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Search, String> {
        search(&Params::of(query.as_bytes()), 1_000_000)
    }

    #[test]
    fn a_search_is_read_as_the_page_of_jaeger_writes_it() {
        let search = of("service=web&operation=GET+%2F&tags=%7B%22error%22%3A%22true%22%2C%22a%22%3A%22b%22%7D&minDuration=1.5ms&start=5&end=7&limit=3").unwrap();
        assert_eq!(search.operation.as_deref(), Some("GET /"));
        assert!(search.failed);
        assert_eq!(search.tags, [("a".to_owned(), Some("b".to_owned()))]);
        assert_eq!(
            (search.start_ns, search.end_ns, search.limit),
            (5000, 7000, 3)
        );
        assert_eq!(search.min_ns, Some(1_500_000));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for query in [
            "",
            "service=a&tags=x",
            "service=a&minDuration=5",
            "service=a&start=x",
            "service=a&tag=x",
        ] {
            assert!(of(query).is_err(), "{query}");
        }
    }
}
