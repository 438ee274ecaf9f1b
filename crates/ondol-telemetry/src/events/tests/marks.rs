//! A source that is read from its mark on: nothing of it twice, nothing not at all.

use std::sync::Arc;

use super::{config, open};
use crate::disk::fake::{Dice, FakeDisk};
use crate::events::{BODY, Event, Events, Query};
use crate::shared::Engine;
use crate::store::{Durability, StoreError};

const LINES: usize = 40;

/// Reads on from the mark to the end of the source, three lines at a time, with segments in between.
fn read_on(disk: &FakeDisk, durability: Durability) -> Result<Events, StoreError> {
    let config = crate::EventConfig {
        durability,
        ..config()
    };
    let mut events = Events::open(Arc::new(disk.clone()), config)?.0;
    loop {
        let from: usize = events
            .marks()
            .get("web-1")
            .map_or(0, |mark| mark.parse().unwrap());
        if from == LINES {
            return Ok(events);
        }
        let texts: Vec<String> = (from..LINES.min(from + 3)).map(|n| n.to_string()).collect();
        let fields: Vec<[(&str, &str); 1]> = texts.iter().map(|t| [(BODY, t.as_str())]).collect();
        let batch: Vec<Event<'_>> = (fields.iter().enumerate())
            .map(|(at, fields)| Event {
                stream: &[("service", "web")],
                at_ns: (from + at) as i64,
                fields,
            })
            .collect();
        let mark = (from + texts.len()).to_string();
        let now_ms = from as i64 * 200;
        events.push_marked(&batch, &[("web-1", &mark)], now_ms)?;
        if from % 4 == 1 {
            events.seal(now_ms)?;
        }
    }
}

fn numbers(events: &Events) -> Vec<usize> {
    let query = Query {
        start_ns: 0,
        end_ns: i64::MAX,
        limit: usize::MAX,
        ..Query::default()
    };
    let found = events.view().search(&query).unwrap();
    let number = |event: &crate::Found| event.fields[0].1.parse().unwrap();
    let mut numbers: Vec<usize> = found.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn whatever_kills_it_every_line_of_a_source_is_there_once() {
    for durability in [Durability::Strict, Durability::Every { ms: 1000 }] {
        for seed in 0..12 {
            let (disk, mut dice) = (FakeDisk::default(), Dice(seed));
            let mut deaths = 0;
            let events = loop {
                disk.die_after(3 + dice.below(60));
                match read_on(&disk, durability) {
                    Ok(_) => {
                        disk.restart();
                        break read_on(&disk, durability).unwrap();
                    }
                    Err(_) if dice.below(2) == 0 => disk.restart(),
                    Err(_) => disk.cut_power(&mut dice),
                }
                deaths += 1;
                assert!(deaths < 1000, "it never gets through");
            };
            assert_eq!(
                numbers(&events),
                (0..LINES).collect::<Vec<_>>(),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_mark_outlives_segments_and_goes_when_it_is_taken_away() {
    let disk = FakeDisk::default();
    let mut events = read_on(&disk, Durability::Strict).unwrap();
    events.seal(1).unwrap();
    assert_eq!(
        open(&disk).marks().get("web-1").map(String::as_str),
        Some("40")
    );
    let mut events = open(&disk);
    events
        .push_marked(&[], &[("web-1", ""), ("api-1", "7")], 2)
        .unwrap();
    let marks = open(&disk).marks().clone();
    assert_eq!(marks.keys().collect::<Vec<_>>(), ["api-1"]);
}
