//! Which series there are, which labels they have, and which values these.

use std::collections::BTreeSet;
use std::sync::Arc;

use ondol_query::promql::parse_matchers;
use ondol_query::{Labels, METRIC_NAME, MatchOp, Matcher, Selection, Source};

use super::envelope::{Done, Failure};
use super::query::{TRUNCATED, limit};
use super::{json, moment};
use crate::server::Params;
use crate::shared::Shared;

/// `/api/v1/labels`.
pub(super) fn labels(params: &Params, shared: &Shared) -> Result<Done, Failure> {
    let mut names = BTreeSet::new();
    for series in found(params, shared)? {
        names.extend(series.iter().map(|label| label.name.clone()));
    }
    list(names, params)
}

/// `/api/v1/label/NAME/values`.
pub(super) fn values(name: &str, params: &Params, shared: &Shared) -> Result<Done, Failure> {
    let name = unescaped(name);
    if name.is_empty() {
        return Err(Failure::bad(format!("invalid label name: \"{name}\"")));
    }
    let mut values = BTreeSet::new();
    for series in found(params, shared)? {
        values.extend(series.find(&name).map(|label| label.value.clone()));
    }
    list(values, params)
}

/// `/api/v1/series`.
pub(super) fn series(params: &Params, shared: &Shared) -> Result<Done, Failure> {
    if params.all("match[]").next().is_none() {
        return Err(Failure::bad("no match[] parameter provided"));
    }
    let found = found(params, shared)?;
    let (count, warnings) = cut(found.len(), params)?;
    let mut data = b"[".to_vec();
    for (at, series) in found.iter().take(count).enumerate() {
        if at > 0 {
            data.push(b',');
        }
        json::labels(series, &mut data);
    }
    data.push(b']');
    Ok(Done {
        data,
        warnings,
        ..Done::default()
    })
}

fn list(texts: BTreeSet<Arc<str>>, params: &Params) -> Result<Done, Failure> {
    let (count, warnings) = cut(texts.len(), params)?;
    let mut data = b"[".to_vec();
    for (at, text) in texts.iter().take(count).enumerate() {
        if at > 0 {
            data.push(b',');
        }
        json::text(text, &mut data);
    }
    data.push(b']');
    Ok(Done {
        data,
        warnings,
        ..Done::default()
    })
}

/// How many are told, and what is said about the others.
fn cut(count: usize, params: &Params) -> Result<(usize, Vec<String>), Failure> {
    match limit(params)? {
        limit if limit > 0 && count > limit => Ok((limit, vec![TRUNCATED.to_owned()])),
        _ => Ok((count, Vec::new())),
    }
}

/// The series that one of the selectors matches; all of them without one.
fn found(params: &Params, shared: &Shared) -> Result<BTreeSet<Labels>, Failure> {
    let bound = |name, otherwise| match params.get(name) {
        Some(text) => moment::moment(name, text),
        None => Ok(otherwise),
    };
    let (start_ms, end_ms) = (bound("start", i64::MIN)?, bound("end", i64::MAX)?);
    let mut sets = selectors(params)?;
    if sets.is_empty() {
        sets.push(everything()?);
    }
    let mut found = BTreeSet::new();
    for matchers in &sets {
        let selection = Selection {
            matchers,
            start_ms,
            end_ms,
            step_ms: 0,
            range_ms: 0,
            function: "series",
        };
        let selected = shared.stores.samples.select(&selection);
        let selected = selected.map_err(|error| Failure::of_source(&error))?;
        found.extend(selected.into_iter().map(|series| series.labels));
    }
    Ok(found)
}

/// Every series has a name.
fn everything() -> Result<Vec<Matcher>, Failure> {
    let named = Matcher::new(METRIC_NAME, MatchOp::NotEqual, "");
    named
        .map(|named| vec![named])
        .map_err(|error| Failure::bad(error.to_string()))
}

/// The selectors of `match[]`.
pub(super) fn selectors(params: &Params) -> Result<Vec<Vec<Matcher>>, Failure> {
    params
        .all("match[]")
        .map(|text| parse_matchers(text).map_err(|error| Failure::parameter("match[]", error)))
        .collect()
}

/// A name that is no plain one stands in a path as `U__`, with `_HEX_` for what an old tool would not let pass, and
/// `__` for `_` (Prometheus 3, "UTF-8 in paths").
fn unescaped(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("U__") else {
        return name.to_owned();
    };
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('_') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('_') {
            plain.push('_');
            rest = after;
            continue;
        }
        let coded = after.split_once('_').and_then(|(hex, after)| {
            let code = u32::from_str_radix(hex, 16).ok()?;
            Some((char::from_u32(code)?, after))
        });
        match coded {
            Some((c, after)) => {
                plain.push(c);
                rest = after;
            }
            // It only looked like one of these.
            None => return name.to_owned(),
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_old_tools_would_not_let_pass_is_read() {
        assert_eq!(unescaped("job"), "job");
        assert_eq!(unescaped("U__http_2e_status__code"), "http.status_code");
        assert_eq!(unescaped("U__a_zz_b"), "U__a_zz_b");
    }
}
