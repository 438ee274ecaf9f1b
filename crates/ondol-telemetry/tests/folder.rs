//! Both engines on a real folder: what they say is there after they were dropped without a word, and their own page is
//! well made.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, io, process};

use ondol_query::{Matcher, Selection, Source};
use ondol_telemetry::{
    BODY, Config, Engine, Event, EventConfig, Events, Folder, Format, Page, Query, Samples, Target,
    check,
};

const NOW_MS: i64 = 1_700_000_000_000;

/// A folder that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Scratch(env::temp_dir().join(format!("ondol-telemetry-{name}-{}", process::id())))
    }

    fn folder(&self) -> io::Result<Arc<Folder>> {
        Folder::open(&self.0).map(Arc::new)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn samples_are_there_again_and_described() {
    let scratch = Scratch::new("samples");
    let target = Target {
        key: "t".to_owned(),
        labels: vec![("job".to_owned(), "shop".to_owned())],
    };
    let mut page = String::new();
    for round in 0..40 {
        let (mut samples, opened) =
            Samples::open(scratch.folder().unwrap(), Config::default()).unwrap();
        assert_eq!(opened.damages, []);
        let now_ms = NOW_MS + round * 1000;
        let said = format!("hits_total{{path=\"/\"}} {round}\n");
        samples
            .scrape(&target, said.as_bytes(), Format::Text, 1, now_ms)
            .unwrap();
        if round == 20 {
            samples.seal(now_ms).unwrap();
        }
        let mut own = Page::new(Format::OpenMetrics);
        samples.describe(&mut own);
        page = own.finish();
    }
    check(page.as_bytes()).unwrap();
    assert!(page.contains("ondol_samples_segments 1\n"), "{page}");
    let (samples, _) = Samples::open(scratch.folder().unwrap(), Config::default()).unwrap();
    let matcher = Matcher::equal("__name__", "hits_total");
    let selection = Selection {
        matchers: &[matcher],
        start_ms: 0,
        end_ms: i64::MAX,
        step_ms: 0,
        range_ms: 0,
        function: "",
    };
    let mut read = Vec::new();
    for mut series in samples.select(&selection).unwrap() {
        while series.samples.read(&mut read).unwrap() {}
    }
    assert_eq!(read.len(), 40);
}

#[test]
fn events_are_there_again_and_described() {
    let scratch = Scratch::new("events");
    for round in 0..40 {
        let (mut events, opened) =
            Events::open(scratch.folder().unwrap(), EventConfig::default()).unwrap();
        assert_eq!(opened.damages, []);
        let text = format!("line {round}");
        let fields = [(BODY, text.as_str())];
        let now_ms = NOW_MS + round * 1000;
        let event = Event {
            stream: &[("service", "shop")],
            at_ns: now_ms * 1_000_000,
            fields: &fields,
        };
        events.push(&[event], now_ms).unwrap();
        if round == 20 {
            events.seal(now_ms).unwrap();
        }
    }
    let (events, _) = Events::open(scratch.folder().unwrap(), EventConfig::default()).unwrap();
    let query = Query {
        end_ns: i64::MAX,
        limit: 100,
        ..Query::default()
    };
    let found = events.view().search(&query).unwrap();
    assert_eq!(found.len(), 40);
    assert_eq!(found[0].fields[0].1, "line 39");
    let mut page = Page::new(Format::OpenMetrics);
    events.describe(&mut page);
    check(page.finish().as_bytes()).unwrap();
}
