use super::*;
use crate::promql::{Features, Level, describe_series, parse};
use crate::{Labels, Sample, Samples, Selected, Selection, SourceError};

/// Series with a sample each minute.
struct Memory(Vec<(Labels, Vec<Sample>)>);

impl Memory {
    fn of(series: &[&str]) -> Self {
        let described = series.iter().map(|text| {
            let (labels, values) = describe_series(text).unwrap();
            let samples = (0..).zip(values).filter_map(|(at, described)| {
                described.value.map(|value| Sample {
                    time_ms: at * 60_000,
                    start_ms: 0,
                    value,
                })
            });
            (labels, samples.collect())
        });
        Self(described.collect())
    }

    fn shown(&self, query: &Query<'_>) -> String {
        let answer = match evaluate(query, self) {
            Ok(answer) => answer,
            Err(error) => return format!("! {error}"),
        };
        let samples = |samples: &[Sample]| {
            let list: Vec<String> = samples
                .iter()
                .map(|sample| match &sample.value {
                    crate::Value::Float(value) => value.to_string(),
                    crate::Value::Histogram(value) => value.to_string(),
                })
                .collect();
            list.join(" ")
        };
        match answer.outcome {
            Outcome::Scalar(sample) => samples(&[sample]),
            Outcome::String(text) => text,
            Outcome::Vector(series) | Outcome::Matrix(series) => {
                let list: Vec<String> = series
                    .iter()
                    .map(|one| format!("{} {}", one.labels, samples(&one.samples)))
                    .collect();
                list.join("; ")
            }
        }
    }

    fn instant(&self, text: &str) -> String {
        let expr = parse(text, Features::ALL).unwrap();
        self.shown(&Query::instant(&expr, 300_000))
    }
}

impl Source for Memory {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let span = selection.start_ms..=selection.end_ms;
        let matching = self.0.iter().filter(|(labels, _)| {
            let mut matchers = selection.matchers.iter();
            matchers.all(|matcher| matcher.matches_labels(labels))
        });
        Ok(matching
            .map(|(labels, samples)| Selected {
                labels: labels.clone(),
                samples: Box::new(OneByOne(
                    samples
                        .iter()
                        .filter(|sample| span.contains(&sample.time_ms))
                        .cloned()
                        .collect(),
                )),
            })
            .collect())
    }
}

/// Gives each sample on its own, which a store should not, but may.
struct OneByOne(std::collections::VecDeque<Sample>);

impl Samples for OneByOne {
    fn read(&mut self, into: &mut Vec<Sample>) -> Result<bool, SourceError> {
        let next = self.0.pop_front();
        let some = next.is_some();
        into.extend(next);
        Ok(some)
    }
}

#[test]
fn the_name_of_a_metric_is_dropped_at_the_end_and_not_before() {
    let memory = Memory::of(&["a_total{x=\"1\"} 0+60x9", "b_total{x=\"1\"} 0+120x9"]);
    assert_eq!(
        memory.instant("sum by (__name__) (rate({__name__=~\".+\"}[5m]))"),
        "! vector cannot contain metrics with the same labelset"
    );
    assert_eq!(memory.instant("sum(rate({__name__=~\".+\"}[5m]))"), "{} 3");
    assert_eq!(memory.instant("a_total + b_total"), "{x=\"1\"} 900");
}

#[test]
fn what_is_too_much_is_refused() {
    let memory = Memory::of(&["a 1x100"]);
    let expr = parse("a", Features::ALL).unwrap();
    let mut query = Query::range(&expr, 0, 6_000_000, 1000);
    query.limits.steps = 1000;
    assert!(
        memory
            .shown(&query)
            .starts_with("! exceeded maximum resolution of 1000")
    );
    query.limits = Limits {
        samples: 1000,
        steps: 100_000,
    };
    assert!(memory.shown(&query).contains("too many samples"));
    assert!(memory.instant("a[100y:1ms]").contains("too many samples"));
    assert!(
        memory
            .instant("rate(a[100y:1ms])")
            .contains("too many samples")
    );
}

#[test]
fn a_query_stops_when_it_is_told_to() {
    let memory = Memory::of(&["a 1x100"]);
    let expr = parse("sum(a)", Features::ALL).unwrap();
    let query = Query {
        stop: Some(&|| true),
        ..Query::instant(&expr, 0)
    };
    assert_eq!(
        memory.shown(&query),
        "! query was canceled in query execution"
    );
}

#[test]
fn only_numbers_and_vectors_have_a_range() {
    let memory = Memory::of(&[]);
    let expr = parse("a[5m]", Features::ALL).unwrap();
    assert_eq!(
        memory.shown(&Query::range(&expr, 0, 60_000, 1000)),
        "! invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
}

#[test]
fn expressions_as_deep_as_they_may_be_are_evaluated() {
    let memory = Memory::of(&["a 1x10"]);
    let chain = "a + ".repeat(150) + "a";
    assert_eq!(memory.instant(&chain), "{} 151");
    let nested = "abs(".repeat(90) + "a" + &")".repeat(90);
    assert_eq!(memory.instant(&nested), "{} 1");
    let parens = "-(".repeat(60) + "a" + &")".repeat(60);
    assert_eq!(memory.instant(&parens), "{} 1");
}

#[test]
fn times_at_the_ends_of_time_do_no_harm() {
    let memory = Memory::of(&["a 1x10"]);
    for text in [
        "rate(a[292y] @ 9000000000000000)",
        "a @ -9000000000000000 offset 292y",
        "max_over_time(a[292y:1y] @ 9000000000000000 offset -292y)",
        "increase(a[5m] @ -9000000000000000 smoothed)",
        "year(vector(1e300)) + day_of_year(vector(-1e300))",
        "a[range() - 5]",
        "topk(1e300, a)",
    ] {
        memory.instant(text);
    }
}

#[test]
fn annotations_say_where() {
    let memory = Memory::of(&["a 1x10"]);
    let text = "1 +\n rate( a [5m])";
    let expr = parse(text, Features::ALL).unwrap();
    let answer = evaluate(&Query::instant(&expr, 300_000), &memory).unwrap();
    assert_eq!(
        answer.annotations.texts(Level::Info, text),
        [
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"a\" (2:8)"
        ]
    );
}
