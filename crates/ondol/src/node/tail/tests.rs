//! The thread's reading of one log, with a real telemetry behind it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ondol_model::ReplicaId;
use ondol_observe::{Running, Settings, Telemetry};
use ondol_telemetry::{BODY, Config, EventConfig, Events, Folder, Found, Query, Retention};

use super::mark;
use super::source::{Kept, Source};

/// A folder with a log and a telemetry, removed in the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ondol-tail-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("logs")).unwrap();
        Place(dir)
    }

    fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    fn telemetry(&self, free_bytes_min: u64) -> (Telemetry, Running) {
        let settings = Settings {
            dir: self.0.join("telemetry"),
            samples: Config::default(),
            events: EventConfig {
                retention: Retention {
                    free_bytes_min,
                    ..Retention::default()
                },
                ..EventConfig::default()
            },
            version: "0",
            forward: None,
            forward_events: None,
            external_url: None,
        };
        let (said, _) = tokio::sync::mpsc::unbounded_channel();
        Telemetry::start(settings, said).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn replica() -> ReplicaId {
    ReplicaId {
        project: "shop".parse().unwrap(),
        service: "web".parse().unwrap(),
        number: 1,
    }
}

/// Writes records as a shim does: see `ondol_runtime::logs`.
fn write(dir: &Path, segment: u64, from_ns: u64, texts: &[&str]) {
    let path = dir.join(format!("{segment}.log"));
    let mut bytes = Vec::new();
    if !path.exists() {
        bytes.extend(b"ONDOLLOG\x01\0\0\0\0\0\0\0");
    }
    for (at, text) in texts.iter().enumerate() {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend([1, 0, 0, 0]);
        bytes.extend((from_ns + at as u64).to_le_bytes());
        bytes.extend(7_u64.to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(&bytes).unwrap();
}

/// What the telemetry kept, the oldest first; it has left.
fn texts(place: &Place) -> Vec<String> {
    let folder = Folder::open(&place.0.join("telemetry/events")).unwrap();
    let (events, _) = Events::open(Arc::new(folder), EventConfig::default()).unwrap();
    let query = Query {
        start_ns: i64::MIN,
        end_ns: i64::MAX,
        limit: usize::MAX,
        ..Query::default()
    };
    let mut found = events.view().search(&query).unwrap();
    found.reverse();
    let body = |event: Found| {
        event
            .fields
            .into_iter()
            .find(|(name, _)| name == BODY)
            .unwrap()
            .1
    };
    found.into_iter().map(body).collect()
}

#[test]
fn a_node_that_comes_again_reads_on_where_the_one_before_was() {
    let (place, id) = (Place::new("again"), replica());
    write(&place.logs(), 1, 1_000, &["one", "two"]);
    let (telemetry, running) = place.telemetry(0);
    let mut source = Source::open(&id, &place.logs(), None);
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    assert!(source.is_still());
    running.leave();
    drop((telemetry, source));
    write(&place.logs(), 1, 2_000, &["three"]);
    write(&place.logs(), 2, 3_000, &["four"]);
    let (telemetry, running) = place.telemetry(0);
    let marks = telemetry.marks();
    let kept = marks.get(&mark::name(&id)).cloned();
    let mut source = Source::open(&id, &place.logs(), kept.as_deref());
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    running.leave();
    assert_eq!(texts(&place), ["one", "two", "three", "four"]);
}

#[test]
fn a_log_of_the_same_name_that_began_anew_is_read_from_its_beginning() {
    let (place, id) = (Place::new("anew"), replica());
    write(&place.logs(), 1, 1_000, &["old", "older"]);
    let (telemetry, running) = place.telemetry(0);
    let mut source = Source::open(&id, &place.logs(), None);
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    let kept = telemetry.marks().get(&mark::name(&id)).cloned();
    fs::remove_file(place.logs().join("1.log")).unwrap();
    write(&place.logs(), 1, 9_000, &["new"]);
    let mut source = Source::open(&id, &place.logs(), kept.as_deref());
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    running.leave();
    assert_eq!(texts(&place), ["old", "older", "new"]);
}

#[test]
fn what_cannot_be_kept_now_is_kept_later_and_once() {
    let (place, id) = (Place::new("full"), replica());
    write(&place.logs(), 1, 1_000, &["one", "two"]);
    let (full, running) = place.telemetry(u64::MAX / 2);
    let mut source = Source::open(&id, &place.logs(), None);
    assert_eq!(source.read(&full, u64::MAX), Kept::NotYet);
    assert!(!source.is_still());
    running.leave();
    drop(full);
    let (telemetry, running) = place.telemetry(0);
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    running.leave();
    assert_eq!(texts(&place), ["one", "two"]);
}

#[test]
fn what_a_line_says_becomes_fields_and_a_trace_becomes_one_line() {
    let (place, id) = (Place::new("fields"), replica());
    let lines = [
        r#"{"level":"error","msg":"no","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
        "java.lang.Error: x",
        "\tat a.B.c(B.java:1)",
    ];
    write(&place.logs(), 1, 1_000, &lines);
    let mut source = Source::open(&id, &place.logs(), None);
    let (telemetry, running) = place.telemetry(0);
    assert_eq!(source.read(&telemetry, u64::MAX), Kept::All);
    running.leave();
    assert_eq!(texts(&place)[1], "java.lang.Error: x\n\tat a.B.c(B.java:1)");
}
