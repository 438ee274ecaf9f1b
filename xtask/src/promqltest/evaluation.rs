//! One case: the query as it is, and again in ways that must not make a difference.

use std::collections::BTreeSet;

use ondol_query::promql::{
    Annotations, Answer, Expr, Features, Level, Limits, Outcome, Query, Series, evaluate, parse,
};

use super::compare::compare;
use super::expectation::{Expectations, Span, Text};
use super::script::{Eval, When};
use super::store::Store;

type Verdict = Result<(), String>;

const MINUTE_MS: i64 = 60 * 1000;

pub(super) fn run(eval: &Eval, store: &Store) -> Verdict {
    let expr = match parse(&eval.expr, Features::ALL) {
        Ok(expr) => expr,
        Err(error) => return failure(&eval.expected, &error.to_string()),
    };
    match eval.when {
        When::Range { from, to, step } => {
            let query = limited(Query::range(&expr, from, to, step));
            let Some(answer) = answer(&query, store, &eval.expected)? else {
                return Ok(());
            };
            annotations(&eval.expected, &answer.annotations, &eval.expr)?;
            let span = Span { from, step };
            compare(&eval.expected, &answer.outcome, Some(span))
        }
        When::Instant(time) => {
            instant(&expr, &eval.expr, time, &eval.expected, store)?;
            pinned(&expr, time, &eval.expected, store)
        }
    }
}

fn limited(query: Query<'_>) -> Query<'_> {
    Query {
        limits: Limits {
            samples: 1_000_000,
            ..Limits::default()
        },
        ..query
    }
}

/// The answer; `None` when the query failed and was expected to.
fn answer(
    query: &Query<'_>,
    store: &Store,
    expected: &Expectations,
) -> Result<Option<Answer>, String> {
    match evaluate(query, store) {
        Err(error) => failure(expected, &error.to_string()).map(|()| None),
        Ok(_) if !expected.fail.is_empty() => Err("expected a failure, got a result".to_owned()),
        Ok(answer) => Ok(Some(answer)),
    }
}

fn failure(expected: &Expectations, error: &str) -> Verdict {
    if expected.fail.is_empty() {
        return Err(format!("failed: {error}"));
    }
    match expected.fail.iter().find(|text| !text.fits(error)) {
        None => Ok(()),
        Some(text) => Err(format!(
            "expected failure {:?}, got {error:?}",
            text.shown()
        )),
    }
}

/// With `@` on all selectors, at other times: the result must not depend on the time of evaluation.
fn pinned(expr: &Expr, time: i64, expected: &Expectations, store: &Store) -> Verdict {
    let Some(pinned) = expr.pinned_at(time) else {
        return Ok(());
    };
    let text = pinned.to_string();
    let again = parse(&text, Features::ALL).map_err(|error| format!("{text}: {error}"))?;
    let times = if time == 0 {
        vec![-1000, 0, 1000]
    } else {
        vec![-10 * time, 0, time / 5, time, 10 * time]
    };
    for at in times {
        instant(&again, &text, at, expected, store)
            .map_err(|reason| format!("as {text} at {at} ms: {reason}"))?;
    }
    Ok(())
}

fn instant(expr: &Expr, text: &str, time: i64, expected: &Expectations, store: &Store) -> Verdict {
    let query = limited(Query::instant(expr, time));
    let Some(answer) = answer(&query, store, expected)? else {
        return Ok(());
    };
    annotations(expected, &answer.annotations, text)?;
    compare(expected, &answer.outcome, None)?;
    let range_sensitive = ["start()", "end()", "range()", "step()"]
        .iter()
        .any(|function| text.contains(function));
    if range_sensitive || expected.range.is_some() || expected.string.is_some() {
        return Ok(());
    }
    as_range(expr, text, time, expected, store, &answer.outcome)
        .map_err(|reason| format!("as a range query: {reason}"))
}

/// As a range query of three steps, whose middle one is the time.
fn as_range(
    expr: &Expr,
    text: &str,
    time: i64,
    expected: &Expectations,
    store: &Store,
    instant: &Outcome,
) -> Verdict {
    let query = Query::range(expr, time - MINUTE_MS, time + MINUTE_MS, MINUTE_MS);
    let answer = evaluate(&limited(query), store).map_err(|error| error.to_string())?;
    annotations(expected, &answer.annotations, text)?;
    if expected.ordered {
        return Ok(());
    }
    let Outcome::Matrix(series) = answer.outcome else {
        return Err("got no range vector".to_owned());
    };
    let at_time: Vec<Series> = series
        .into_iter()
        .filter_map(|one| {
            let samples = one
                .samples
                .into_iter()
                .filter(|sample| sample.time_ms == time);
            let samples: Vec<_> = samples.collect();
            (!samples.is_empty()).then_some(Series {
                labels: one.labels,
                samples,
            })
        })
        .collect();
    let middle = match (instant, at_time.as_slice()) {
        (Outcome::Scalar(_), [one]) => Outcome::Scalar(one.samples[0].clone()),
        _ => Outcome::Vector(at_time),
    };
    compare(expected, &middle, None)
}

fn annotations(expected: &Expectations, got: &Annotations, query: &str) -> Verdict {
    level(
        &got.texts(Level::Warning, query),
        &expected.warn,
        expected.no_warn,
    )?;
    level(
        &got.texts(Level::Info, query),
        &expected.info,
        expected.no_info,
    )
}

fn level(got: &[String], expected: &[Text], none: bool) -> Verdict {
    if none && !got.is_empty() {
        return Err(format!("expected no annotation, got {got:?}"));
    }
    if expected.is_empty() {
        return Ok(());
    }
    let mut matched = BTreeSet::new();
    for text in expected {
        let fits: Vec<usize> = (0..got.len()).filter(|at| text.fits(&got[*at])).collect();
        if fits.is_empty() {
            return Err(format!(
                "expected annotation {:?}, got {got:?}",
                text.shown()
            ));
        }
        matched.extend(fits);
    }
    match (0..got.len()).find(|at| !matched.contains(at)) {
        Some(at) => Err(format!("unexpected annotation {:?}", got[at])),
        None => Ok(()),
    }
}
