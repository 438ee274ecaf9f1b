//! Reads scripts and plays them.

use super::store::{Line, Lines};
use crate::logql::pipeline::Kept;
use crate::logql::{Direction, Outcome, Query, Series, duration, evaluate, parse, parse_selector};
use crate::quote::Quoted;
use crate::{Labels, almost_equal};

pub(super) fn run(script: &str) {
    let mut store = Lines::default();
    let mut lines = script.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("  ")) {
            block.push(line.trim_start());
        }
        if let Some(stream) = line.strip_prefix("load ") {
            store
                .all
                .extend(block.iter().map(|line| loaded(stream, line)));
        } else if let Some(eval) = line.strip_prefix("eval ") {
            check(at + 1, eval, &block, &mut store);
        } else {
            panic!("line {}: neither load nor eval: {line}", at + 1);
        }
    }
}

fn labels(text: &str) -> Labels {
    let matchers = parse_selector(text).unwrap();
    let pairs: Vec<(&str, &str)> = (matchers.iter())
        .map(|matcher| (matcher.name(), matcher.value()))
        .collect();
    Labels::of(&pairs)
}

fn time(text: &str) -> i64 {
    duration::parse(text).unwrap_or_else(|| panic!("no time: {text}"))
}

/// `10s {metadata="x"} <lifted="y"> text`
fn loaded(stream: &str, line: &str) -> Line {
    let (at, mut rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut taken = |open: char, close: char| match rest.strip_prefix(open) {
        Some(inner)
            if inner.contains(close)
                && inner.starts_with(|c: char| c.is_ascii_lowercase())
                && inner.contains("=\"") =>
        {
            let (inside, after) = inner.split_once(close).unwrap();
            rest = after.trim_start();
            labels(&format!("{{{inside}}}"))
        }
        _ => Labels::empty(),
    };
    let (metadata, lifted) = (taken('{', '}'), taken('<', '>'));
    let line = match rest.strip_prefix('"') {
        Some(_) => String::from_utf8(crate::quote::unquote(rest).unwrap()).unwrap(),
        None => rest.to_owned(),
    };
    Line {
        stream: labels(stream),
        at_ns: time(at),
        line,
        metadata,
        lifted,
    }
}

/// The answer is the same whether the store leaves out lines early or not.
fn check(at: usize, eval: &str, expected: &[&str], store: &mut Lines) {
    for applies_conditions in [false, true] {
        store.applies_conditions = applies_conditions;
        let answered = answer(eval, store);
        let same = answered.len() == expected.len()
            && answered.iter().zip(expected).all(|(a, b)| is_same(a, b));
        assert!(
            same,
            "line {at}: eval {eval}\nexpected:\n  {}\nanswered (conditions pushed down: {applies_conditions}):\n  {}\n",
            expected.join("\n  "),
            answered.join("\n  ")
        );
    }
}

/// Word by word; numbers as good as equal.
fn is_same(a: &str, b: &str) -> bool {
    let same_word = |(a, b): (&str, &str)| match (a.parse(), b.parse()) {
        (Ok(a), Ok(b)) => almost_equal(a, b, 1e-9),
        _ => a == b,
    };
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    a.len() == b.len() && a.into_iter().zip(b).all(same_word)
}

fn answer(eval: &str, store: &Lines) -> Vec<String> {
    let (how, text) = eval.split_once(": ").unwrap();
    let expr = match parse(text) {
        Ok(expr) => expr,
        Err(error) => return vec![error.to_string()],
    };
    let mut query = Query::range(&expr, 0, time("1h"), time("1m"));
    let mut words = how.split(' ');
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap();
        match word {
            "lines" => query.lines_max = 1000,
            "values" => {}
            "at" => query = Query::instant(&expr, time(next())),
            "from" => query.start_ns = time(next()),
            "to" => query.end_ns = time(next()),
            "every" => query.step_ns = time(next()),
            "forward" => query.direction = Direction::Forward,
            "limit" => query.lines_max = next().parse().unwrap(),
            "interval" => query.interval_ns = time(next()),
            "series" => query.limits.series = next().parse().unwrap(),
            "held" => query.limits.values = next().parse().unwrap(),
            "read" => query.limits.lines = next().parse().unwrap(),
            word => panic!("eval does not know {word}"),
        }
    }
    match evaluate(&query, store) {
        Err(error) => vec![error.to_string()],
        Ok(answer) => match answer.outcome {
            Outcome::Lines(lines) => lines.iter().map(shown).collect(),
            Outcome::Scalar(_, value) => vec![value.to_string()],
            Outcome::Vector(all) => all.iter().map(|series| values(series, &query)).collect(),
            Outcome::Matrix(all) => all.iter().map(|series| values(series, &query)).collect(),
        },
    }
}

fn shown(kept: &Kept) -> String {
    let parts = [&kept.stream, &kept.metadata, &kept.parsed];
    let mut all: Vec<&(String, String)> = parts.into_iter().flatten().collect();
    all.sort();
    let labels: Vec<String> = (all.iter())
        .map(|(name, value)| format!("{name}={}", Quoted(value)))
        .collect();
    let line = match kept.line.contains(['\n', '"']) {
        true if kept.line.contains('\n') => Quoted(&kept.line).to_string(),
        _ => kept.line.clone(),
    };
    let at = duration::format(kept.at_ns);
    format!("{at} {{{}}} {line}", labels.join(", "))
        .trim_end()
        .to_owned()
}

/// `{a="b"} 1 _ 3`
fn values(series: &Series, query: &Query<'_>) -> String {
    let mut text = series.labels.to_string();
    let mut points = series.points.iter().peekable();
    let mut at_ns = if query.step_ns == 0 {
        query.end_ns
    } else {
        query.start_ns
    };
    while at_ns <= query.end_ns {
        match points.next_if(|(point_ns, _)| *point_ns == at_ns) {
            Some((_, value)) => text.push_str(&format!(" {value}")),
            None => text.push_str(" _"),
        }
        at_ns += query.step_ns.max(1);
    }
    assert_eq!(points.next(), None, "a value at no step");
    text
}
