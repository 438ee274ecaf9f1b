//! The engine against a plain list of events: pushes, searches, restarts, kills and power cuts by seed.

mod marks;

use std::sync::Arc;

use ondol_query::{Labels, Matcher};

use super::*;
use crate::disk::fake::{Dice, FakeDisk};
use crate::shared::Engine;
use crate::store::{Durability, Retention, StoreError, Work};

fn config() -> EventConfig {
    EventConfig {
        durability: Durability::Strict,
        retention: Retention {
            free_bytes_min: 0,
            ..Retention::default()
        },
        ..EventConfig::default()
    }
}

fn open(disk: &FakeDisk) -> Events {
    Events::open(Arc::new(disk.clone()), config()).unwrap().0
}

/// An event as it is known to the test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    at_ns: i64,
    service: String,
    fields: Vec<(String, String)>,
}

const WORDS: [&str; 8] = [
    "error", "timeout", "GET", "/cart", "user", "refused", "by", "peer",
];

fn line(dice: &mut Dice, now_ns: i64) -> Line {
    let words: Vec<&str> = (0..2 + dice.below(6))
        .map(|_| WORDS[dice.below(8) as usize])
        .collect();
    let mut fields = vec![
        (
            BODY.to_owned(),
            format!("{} {}", words.join(" "), dice.below(1000)),
        ),
        (
            "level".to_owned(),
            ["info", "warn"][dice.below(2) as usize].to_owned(),
        ),
        ("took".to_owned(), dice.below(500).to_string()),
    ];
    if dice.below(3) == 0 {
        fields.push((
            TRACE_ID.to_owned(),
            format!("{:016x}{:016x}", dice.below(40) << 40, 7),
        ));
    }
    fields.sort();
    Line {
        at_ns: now_ns - dice.below(5_000_000) as i64,
        service: format!("s{}", dice.below(4)),
        fields,
    }
}

fn push(events: &mut Events, lines: &[Line], now_ms: i64) -> Result<(), StoreError> {
    let fields: Vec<Vec<(&str, &str)>> = (lines.iter())
        .map(|line| {
            line.fields
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect()
        })
        .collect();
    let streams: Vec<[(&str, &str); 1]> = lines
        .iter()
        .map(|line| [("service", line.service.as_str())])
        .collect();
    let taken: Vec<Event<'_>> = (lines.iter().zip(&fields).zip(&streams))
        .map(|((line, fields), stream)| Event {
            stream,
            at_ns: line.at_ns,
            fields,
        })
        .collect();
    events.push(&taken, now_ms)
}

fn lines(found: Vec<Found>) -> Vec<Line> {
    let line = |found: Found| {
        let mut fields = found.fields;
        fields.sort();
        Line {
            at_ns: found.at_ns,
            service: found.stream.get("service").to_owned(),
            fields,
        }
    };
    found.into_iter().map(line).collect()
}

fn all(events: &Events) -> Vec<Line> {
    let query = Query {
        start_ns: i64::MIN,
        end_ns: i64::MAX,
        limit: usize::MAX,
        ..Query::default()
    };
    let mut all = lines(events.view().search(&query).unwrap());
    all.sort();
    all
}

/// Pushes, seals, merges and restarts, with pushes between the parts of a seal; what was answered is in `model`. The
/// batch of the call that failed comes back.
fn story(
    disk: &FakeDisk,
    dice: &mut Dice,
    steps: u64,
    model: &mut Vec<Line>,
) -> Result<Events, Vec<Line>> {
    let again = || Events::open(Arc::new(disk.clone()), config());
    let mut events = again().map_err(|_| Vec::new())?.0;
    let mut begun: Vec<Work> = Vec::new();
    for step in 0..steps {
        let now_ms = 1_700_000_000_000 + step as i64 * 700;
        let done = match dice.below(16) {
            0 | 3 => events.seal(now_ms),
            1 => {
                begun.clear();
                again().map(|(new, _)| events = new)
            }
            2 => {
                begun.extend(events.begin_merge());
                Ok(())
            }
            // Twice before it ends: then only one of them counts.
            4 | 5 => events.begin_seal(now_ms).map(|work| begun.extend(work)),
            6 | 7 => begun
                .drain(..)
                .try_for_each(|work| events.end_work(&work.run()?)),
            _ => {
                let batch: Vec<Line> = (0..1 + dice.below(20))
                    .map(|_| line(dice, now_ms * 1_000_000))
                    .collect();
                push(&mut events, &batch, now_ms).map_err(|_| batch.clone())?;
                model.extend(batch);
                Ok(())
            }
        };
        done.map_err(|_| Vec::new())?;
    }
    Ok(events)
}

#[test]
fn every_event_is_found_again_whatever_happened_between() {
    for seed in 0..20 {
        let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(seed), Vec::new());
        let events = story(&disk, &mut dice, 80, &mut model).unwrap();
        model.sort();
        assert_eq!(all(&events), model, "seed {seed}");
        assert_eq!(all(&open(&disk)), model, "seed {seed}");
    }
}

/// Something to look for, and where.
fn question(dice: &mut Dice, pattern_kind: usize) -> (&'static str, Test) {
    let part = format!(
        "{} {}",
        WORDS[dice.below(8) as usize],
        WORDS[dice.below(8) as usize]
    );
    match dice.below(6) {
        0 => (BODY, Test::Contains(part.clone())),
        1 => (BODY, Test::Contains(part[1..part.len() - 1].to_owned())),
        2 => ("level", Test::Equals("warn".to_owned())),
        3 => ("took", Test::AtLeast(dice.below(500) as f64)),
        4 => (
            BODY,
            Test::pattern(["refused.* [0-9]{3}$", "(er|by) 1"][pattern_kind]).unwrap(),
        ),
        _ => (
            TRACE_ID,
            Test::Equals(format!("{:016x}{:016x}", dice.below(40) << 40, 7)),
        ),
    }
}

/// Moments of all events that a scan sees, the newest first, with the fields that were asked for.
fn scanned(events: &Events, query: &Query) -> Vec<i64> {
    let mut seen = Vec::new();
    let view = events.view();
    let wanted = |name: &str| name == "level";
    view.scan(query, &wanted, &mut |event| {
        assert_eq!(event.stream.get("service"), "s1");
        assert!(event.fields.iter().any(|(name, _)| *name == "level"));
        seen.push(event.at_ns);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let streams = view.streams(query).unwrap();
    assert!(seen.is_empty() || streams.contains(&Labels::of(&[("service", "s1")])));
    assert_eq!(view.extent(query).unwrap().streams, streams.len() as u64);
    seen.sort_by_key(|at_ns| std::cmp::Reverse(*at_ns));
    seen
}

/// Whether the last word is a number of three digits.
fn ends_in_three(text: &str) -> bool {
    let last = text.rsplit(' ').next().unwrap_or_default();
    last.len() == 3 && last.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn searches_find_what_a_look_at_every_event_finds() {
    for seed in 0..20 {
        let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(seed), Vec::new());
        let events = story(&disk, &mut dice, 60, &mut model).unwrap();
        model.sort_by_key(|line| std::cmp::Reverse(line.at_ns));
        let (newest, oldest) = (model[0].at_ns, model[model.len() - 1].at_ns);
        for _ in 0..60 {
            let field = |line: &Line, name: &str| -> String {
                let value = line.fields.iter().find(|(field, _)| field == name);
                value.map_or(String::new(), |(_, value)| value.clone())
            };
            let pattern_kind = dice.below(2) as usize;
            let (name, test) = question(&mut dice, pattern_kind);
            let condition = Condition {
                field: name.to_owned(),
                test: test.clone(),
                negated: dice.below(4) == 0,
            };
            let start_ns = oldest + dice.below((newest - oldest) as u64) as i64;
            let query = Query {
                streams: vec![Matcher::equal("service", "s1")],
                conditions: vec![condition.clone()],
                start_ns,
                end_ns: newest - 1000,
                limit: 1 + dice.below(30) as usize,
                oldest_first: dice.below(2) == 0,
            };
            let holds = |line: &&Line| {
                let value = field(line, name);
                let holds = match &test {
                    Test::Contains(part) => value.contains(part.as_str()),
                    Test::Equals(whole) => value == *whole,
                    Test::AtLeast(least) => value.parse().is_ok_and(|value: f64| value >= *least),
                    Test::AtMost(_) => false,
                    Test::Matches(_) if pattern_kind == 0 => {
                        value.contains("refused") && ends_in_three(&value)
                    }
                    Test::Matches(_) => value.contains("er 1") || value.contains("by 1"),
                };
                let in_time = (query.start_ns..=query.end_ns).contains(&line.at_ns);
                holds != condition.negated && in_time && line.service == "s1"
            };
            let mut all: Vec<i64> = model.iter().filter(holds).map(|line| line.at_ns).collect();
            assert_eq!(scanned(&events, &query), all, "seed {seed}: {query:?}");
            if query.oldest_first {
                all.reverse();
            }
            let expected: Vec<i64> = all.into_iter().take(query.limit).collect();
            let found: Vec<i64> = events
                .view()
                .search(&query)
                .unwrap()
                .iter()
                .map(|found| found.at_ns)
                .collect();
            assert_eq!(found, expected, "seed {seed}: {query:?}");
        }
    }
}

#[test]
fn a_trace_is_found_by_its_id_in_memory_and_in_segments() {
    let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(79), Vec::new());
    let events = story(&disk, &mut dice, 80, &mut model).unwrap();
    assert!(events.status().segments > 2 && events.status().head_events > 0);
    for n in 0..40_u64 {
        let id = format!("{:016x}{:016x}", n << 40, 7);
        let mut expected: Vec<Line> = model
            .iter()
            .filter(|line| line.fields.contains(&(TRACE_ID.to_owned(), id.clone())))
            .cloned()
            .collect();
        expected.sort();
        let mut found = lines(events.view().trace(&id).unwrap());
        assert!(found.is_sorted_by_key(|line| line.at_ns));
        found.sort();
        assert_eq!(found, expected);
    }
    assert!(events.view().trace("no id").unwrap().is_empty());
}

#[test]
fn a_kill_or_a_power_cut_at_any_moment_costs_at_most_the_push_that_it_interrupts() {
    for seed in 0..200 {
        let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(seed), Vec::new());
        disk.die_after(dice.below(90));
        let Err(interrupted) = story(&disk, &mut dice, 60, &mut model) else {
            continue;
        };
        match seed % 2 {
            0 => disk.restart(),
            _ => disk.cut_power(&mut Dice(seed)),
        }
        let there = all(&open(&disk));
        let sorted = |mut lines: Vec<Line>| {
            lines.sort();
            lines
        };
        let with = sorted([model.clone(), interrupted].concat());
        assert!(there == sorted(model) || there == with, "seed {seed}");
    }
}

#[test]
fn a_full_disk_refuses_whole_batches_and_goes_on() {
    for capacity in (500..6000).step_by(500) {
        let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(capacity), Vec::new());
        let mut events = open(&disk);
        disk.set_capacity(Some(capacity));
        for step in 0..60 {
            if step == 40 {
                disk.set_capacity(None);
            }
            let now_ms = 1_700_000_000_000 + step * 2000;
            let batch: Vec<Line> = (0..3)
                .map(|_| line(&mut dice, now_ms * 1_000_000))
                .collect();
            if push(&mut events, &batch, now_ms).is_ok() {
                model.extend(batch);
            }
            if step % 9 == 8 {
                let _ = events.seal(now_ms);
            }
        }
        model.sort();
        assert!(model.len() >= 60);
        assert_eq!(all(&events), model);
        assert_eq!(all(&open(&disk)), model);
    }
}

#[test]
fn what_is_too_much_of_an_event_is_cut_and_counted() {
    let mut events = open(&FakeDisk::default());
    events.config.fields_max = 2;
    events.config.value_bytes_max = 5;
    events.config.streams_max = 1;
    let fields = [("a", "caf\u{e9}s"), ("b", "x"), ("c", "y")];
    for service in ["s1", "s2"] {
        events
            .push(
                &[Event {
                    stream: &[("service", service)],
                    at_ns: 1,
                    fields: &fields,
                }],
                1,
            )
            .unwrap();
    }
    let status = events.status();
    assert_eq!(
        (
            status.dropped_fields,
            status.cut_values,
            status.refused_events
        ),
        (1, 1, 1)
    );
    let all = all(&events);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].fields[0], ("a".to_owned(), "caf\u{e9}".to_owned()));
    assert_eq!(
        events
            .view()
            .search(&Query {
                limit: 0,
                end_ns: 9,
                ..Query::default()
            })
            .unwrap(),
        []
    );
    assert_eq!(
        events
            .view()
            .search(&Query {
                limit: 9,
                end_ns: 9,
                ..Query::default()
            })
            .unwrap()[0]
            .stream,
        Labels::of(&[("service", "s1")])
    );
}

#[test]
fn a_search_that_would_read_everything_says_so() {
    let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(3), Vec::new());
    let mut events = story(&disk, &mut dice, 60, &mut model).unwrap();
    events.seal(1_700_000_100_000).unwrap();
    events.config.query_bytes_max = 1000;
    let query = Query {
        end_ns: i64::MAX,
        limit: usize::MAX,
        ..Query::default()
    };
    assert!(matches!(
        events.view().search(&query),
        Err(StoreError::TooMuch { bytes_max: 1000 })
    ));
    let rare = Condition {
        field: BODY.to_owned(),
        test: Test::Contains(" nowhere ".to_owned()),
        negated: false,
    };
    assert_eq!(
        events
            .view()
            .search(&Query {
                conditions: vec![rare],
                ..query
            })
            .unwrap(),
        []
    );
}

#[test]
fn a_view_stays_as_it_was_whatever_comes_of_memory_and_segments() {
    let (disk, mut dice, mut model) = (FakeDisk::default(), Dice(11), Vec::new());
    let mut events = story(&disk, &mut dice, 60, &mut model).unwrap();
    model.sort();
    let view = events.view();
    let more: Vec<Line> = (0..50).map(|n| line(&mut dice, n)).collect();
    push(&mut events, &more, 0).unwrap();
    events.seal(1_700_000_100_000).unwrap();
    while let Some(work) = events.begin_merge() {
        events.end_work(&work.run().unwrap()).unwrap();
    }
    let query = Query {
        start_ns: i64::MIN,
        end_ns: i64::MAX,
        limit: usize::MAX,
        ..Query::default()
    };
    let mut seen = lines(view.search(&query).unwrap());
    seen.sort();
    assert_eq!(seen, model);
    assert_eq!(all(&events).len(), model.len() + 50);
}

#[test]
fn files_of_the_log_with_other_numbers_for_the_same_names_are_read_into_one_head() {
    let disk = FakeDisk::default();
    let mut events = open(&disk);
    let with = |events: &mut Events, service: &str, fields: &[(&str, &str)], at_ns| {
        let stream: &[(&str, &str)] = &[("service", service)];
        events
            .push(
                &[Event {
                    stream,
                    at_ns,
                    fields,
                }],
                1,
            )
            .unwrap();
    };
    with(&mut events, "a", &[("x", "1"), ("y", "2")], 1);
    // It dies before the segment is there; the new file begins to count anew.
    drop(events.begin_seal(1).unwrap());
    with(&mut events, "b", &[("y", "3")], 2);
    with(&mut events, "a", &[("z", "4"), ("x", "5")], 3);
    let before = all(&events);
    assert_eq!(before.len(), 3);
    assert_eq!(all(&open(&disk)), before);
}
