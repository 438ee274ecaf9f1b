//! The engine against a model of it: pages, pushes, restarts, kills and full disks by seed; and its words one by one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use ondol_query::{Histogram, Labels, Matcher, Sample, Selection, Source, Value};

use super::*;
use crate::disk::fake::{Dice, FakeDisk};
use crate::exposition::Format;
use crate::shared::Engine;
use crate::store::{Durability, Retention, StoreError, Work};

/// Bits of each moment of each series; a histogram is known by its count.
type Model = BTreeMap<Labels, BTreeMap<i64, u64>>;

const STALE: u64 = ondol_query::STALE_NAN_BITS;

fn config() -> Config {
    Config {
        durability: Durability::Every { ms: 1000 },
        retention: Retention {
            free_bytes_min: 0,
            ..Retention::default()
        },
        cache_bytes_max: 20_000,
        ..Config::default()
    }
}

fn open(disk: &FakeDisk) -> Samples {
    Samples::open(Arc::new(disk.clone()), config()).unwrap().0
}

fn target(name: &str) -> Target {
    let labels = [("job", "shop"), ("instance", name)];
    Target {
        key: name.to_owned(),
        labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
    }
}

fn read(samples: &Samples, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Model {
    let selection = Selection {
        matchers,
        start_ms,
        end_ms,
        step_ms: 0,
        range_ms: 0,
        function: "",
    };
    let mut model = Model::new();
    for mut selected in samples.select(&selection).unwrap() {
        let mut all: Vec<Sample> = Vec::new();
        while selected.samples.read(&mut all).unwrap() {}
        assert!(
            all.windows(2).all(|two| two[0].time_ms < two[1].time_ms),
            "{}",
            selected.labels
        );
        let bits = |sample: &Sample| match &sample.value {
            Value::Float(value) => value.to_bits(),
            Value::Histogram(histogram) => histogram.count.to_bits(),
        };
        let all = all
            .iter()
            .map(|sample| (sample.time_ms, bits(sample)))
            .collect::<BTreeMap<_, _>>();
        if !all.is_empty() {
            assert_eq!(model.insert(selected.labels, all), None);
        }
    }
    model
}

fn everything(samples: &Samples) -> Model {
    let matcher = Matcher::new("__name__", ondol_query::MatchOp::Matches, "m.*").unwrap();
    read(samples, &[matcher], i64::MIN, i64::MAX)
}

/// The series that would be marked stale if they were not on the next page: what the log knows of them.
fn live(samples: &Samples) -> BTreeMap<String, Vec<Labels>> {
    let of_group = |group: &super::group::Group| {
        let columns = group.columns.iter().zip(&group.last);
        let live = columns
            .filter(|(_, last)| super::codec::is_live(**last))
            .map(|(column, _)| {
                Labels::of(&samples.head.table.labels(column.series).collect::<Vec<_>>())
            });
        let own = live.filter(|labels| labels.metric_name().starts_with('m'));
        (group.key.clone(), own.collect())
    };
    samples.head.groups.iter().map(of_group).collect()
}

/// One step of a story, and what it does to the model.
struct Story {
    dice: Dice,
    now_ms: i64,
    live: BTreeMap<String, Vec<Labels>>,
    /// Segments that were begun, and are not there yet.
    begun: Vec<Work>,
}

impl Story {
    fn new(seed: u64) -> Self {
        Story {
            dice: Dice(seed),
            now_ms: 1_700_000_000_000,
            live: BTreeMap::new(),
            begun: Vec::new(),
        }
    }

    fn value(&mut self, kind: u64, n: u64) -> f64 {
        match kind % 5 {
            0 => (self.now_ms / 100 + n as i64) as f64,
            1 => self.dice.below(10_000) as f64 / 100.0,
            2 => 7.0,
            3 => self.dice.below(1 << 53) as f64 / 3.0,
            _ => [f64::NAN, f64::INFINITY, -0.0, 5e-324][self.dice.below(4) as usize],
        }
    }

    /// A page, whose series come and go.
    fn scrape(&mut self, samples: &mut Samples, after: &mut Model) -> Result<(), StoreError> {
        let name = format!("t{}", self.dice.below(3));
        let fails = self.dice.below(12) == 0;
        let (mut page, mut seen) = (String::new(), Vec::new());
        for n in 0..self.dice.below(30) {
            if self.dice.below(10) == 0 {
                continue;
            }
            let value = self.value(n, n);
            let labels = Labels::of(&[
                ("__name__", &format!("m{}", n % 4)),
                ("n", &n.to_string()),
                ("job", "shop"),
                ("instance", &name),
            ]);
            let _ = writeln!(page, "m{}{{n=\"{n}\"}} {}", n % 4, Shown(value));
            let bits = super::codec::bits_of(value);
            if !fails {
                after
                    .entry(labels.clone())
                    .or_default()
                    .insert(self.now_ms, bits);
                seen.push(labels);
            }
        }
        for gone in self
            .live
            .get(&name)
            .into_iter()
            .flatten()
            .filter(|labels| !seen.contains(labels))
        {
            after
                .entry(gone.clone())
                .or_default()
                .insert(self.now_ms, STALE);
        }
        if fails {
            page.push_str("m{ what?\n");
        }
        let done = samples.scrape(
            &target(&name),
            page.as_bytes(),
            Format::Text,
            5,
            self.now_ms,
        );
        self.live.insert(name, seen);
        match done {
            Err(ScrapeError::Store(error)) => Err(error),
            done => {
                assert_eq!(done.is_err(), fails);
                Ok(())
            }
        }
    }

    /// Samples and histograms with moments of their own, some of them late.
    fn push(&mut self, samples: &mut Samples, after: &mut Model) -> Result<(), StoreError> {
        let histogram = self.dice.below(3) == 0;
        let count = if histogram { 1 } else { 1 + self.dice.below(8) };
        let mut pushed = Vec::new();
        for n in 0..count {
            let name = if histogram { "m_h" } else { "m_p" };
            let labels = Labels::of(&[("__name__", name), ("n", &self.dice.below(3).to_string())]);
            let at_ms = self.now_ms - self.dice.below(60_000) as i64;
            let number = self.value(n, n);
            let value = if histogram {
                Value::Histogram(Arc::new(Histogram {
                    count: 3.0 + n as f64,
                    ..Histogram::default()
                }))
            } else {
                Value::Float(number)
            };
            let bits = match &value {
                Value::Float(value) => super::codec::bits_of(*value),
                Value::Histogram(histogram) => histogram.count.to_bits(),
            };
            after.entry(labels.clone()).or_default().insert(at_ms, bits);
            pushed.push(Pushed {
                labels,
                at_ms,
                value,
            });
        }
        samples.push(&pushed, self.now_ms).map(drop)
    }

    fn step(&mut self, samples: &mut Samples, after: &mut Model) -> Result<(), StoreError> {
        self.now_ms += 500 + self.dice.below(1000) as i64;
        match self.dice.below(24) {
            0..=13 => self.scrape(samples, after),
            14..=16 => self.push(samples, after),
            17 => samples.seal(self.now_ms),
            18 => samples.maintain(self.now_ms),
            19 => {
                self.begun.extend(samples.begin_merge());
                Ok(())
            }
            // Twice before it ends: then only one of them counts.
            20 | 21 => samples
                .begin_seal(self.now_ms)
                .map(|work| self.begun.extend(work)),
            _ => (self.begun.drain(..)).try_for_each(|work| samples.end_work(&work.run()?)),
        }
    }

    /// Opened again: nothing is left but what is on the disk.
    fn open(&mut self, disk: &FakeDisk) -> Samples {
        self.begun.clear();
        let samples = open(disk);
        self.live = live(&samples);
        samples
    }
}

/// As a page writes it.
struct Shown(f64);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            value => write!(f, "{value:?}"),
        }
    }
}

#[test]
fn what_was_taken_in_is_read_back_whatever_happened_between() {
    for seed in 0..25 {
        let disk = FakeDisk::default();
        let (mut samples, mut story, mut model) = (open(&disk), Story::new(seed), Model::new());
        for step in 0..120 {
            story.step(&mut samples, &mut model).unwrap();
            if story.dice.below(15) == 0 {
                samples = story.open(&disk);
            }
            if step % 10 == 0 {
                assert_eq!(everything(&samples), model, "seed {seed} step {step}");
            }
        }
        assert_eq!(everything(&samples), model, "seed {seed}");
        let (start, end) = (story.now_ms - 50_000, story.now_ms - 20_000);
        let metric = Matcher::equal("__name__", "m1");
        let some = read(
            &samples,
            &[metric, Matcher::equal("instance", "t1")],
            start,
            end,
        );
        let expected = model.into_iter().filter_map(|(labels, all)| {
            let mine = labels.metric_name() == "m1" && labels.get("instance") == "t1";
            let all: BTreeMap<i64, u64> = all.range(start..=end).map(|(t, b)| (*t, *b)).collect();
            (mine && !all.is_empty()).then_some((labels, all))
        });
        assert_eq!(some, expected.collect::<Model>(), "seed {seed}");
    }
}

#[test]
fn a_kill_at_any_moment_costs_at_most_the_write_that_it_interrupts() {
    for seed in 0..60 {
        let disk = FakeDisk::default();
        let (mut samples, mut story, mut model) = (open(&disk), Story::new(seed), Model::new());
        disk.die_after(20 + story.dice.below(150));
        for step in 0..120 {
            let mut after = model.clone();
            if story.step(&mut samples, &mut after).is_ok() {
                model = after;
                continue;
            }
            disk.restart();
            samples = story.open(&disk);
            let there = everything(&samples);
            assert!(there == model || there == after, "seed {seed} step {step}");
            model = there;
        }
        assert_eq!(everything(&samples), model, "seed {seed}");
    }
}

#[test]
fn a_power_cut_costs_no_more_than_what_was_not_synchronised() {
    for seed in 0..40 {
        let disk = FakeDisk::default();
        let (mut samples, mut story, mut model) = (open(&disk), Story::new(seed), Model::new());
        disk.die_after(20 + story.dice.below(120));
        let mut lasting = Model::new();
        loop {
            let mut after = model.clone();
            let done = story.step(&mut samples, &mut after);
            let whole = std::mem::replace(&mut model, after);
            if done.is_err() {
                break;
            }
            if story.dice.below(5) == 0 && samples.journal.log.sync(story.now_ms).is_ok() {
                lasting = model.clone();
            }
            let _ = whole;
        }
        disk.cut_power(&mut Dice(seed));
        let there = everything(&open(&disk));
        for (labels, all) in &there {
            for (at_ms, bits) in all {
                assert_eq!(
                    model.get(labels).and_then(|all| all.get(at_ms)),
                    Some(bits),
                    "seed {seed}"
                );
            }
        }
        for (labels, all) in &lasting {
            for at_ms in all.keys() {
                let kept = there.get(labels).is_some_and(|all| all.contains_key(at_ms));
                assert!(kept, "seed {seed}: {labels} at {at_ms}");
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_what_was_taken_stays() {
    for seed in 0..40 {
        let disk = FakeDisk::default();
        let (mut samples, mut story, mut model) = (open(&disk), Story::new(seed), Model::new());
        disk.set_capacity(Some(3000 + story.dice.below(12_000)));
        let mut refused = 0;
        for _ in 0..100 {
            let mut after = model.clone();
            let live = story.live.clone();
            match story.step(&mut samples, &mut after) {
                Ok(()) => model = after,
                Err(_) => {
                    refused += 1;
                    story.live = live;
                }
            }
        }
        assert!(refused > 0, "seed {seed}: the disk was never full");
        assert_eq!(everything(&samples), model, "seed {seed}");
        disk.set_capacity(None);
        assert_eq!(everything(&open(&disk)), model, "seed {seed}");
    }
}

#[test]
fn series_beyond_the_cap_are_refused_counted_and_make_room_when_others_end() {
    let disk = FakeDisk::default();
    let mut samples = open(&disk);
    samples.config.limits.series_max = 24;
    let page = |from: u32| {
        (from..from + 30).fold(String::new(), |page, n| {
            page + &format!("m{{n=\"{n}\"}} 1\n")
        })
    };
    let shop = target("t0");
    let first = samples
        .scrape(&shop, page(0).as_bytes(), Format::Text, 1, 1000)
        .unwrap();
    assert_eq!((first.added, first.refused.over_cap), (24, 6));
    assert_eq!(
        samples
            .refused()
            .map(|(job, r)| (job, r.over_cap))
            .collect::<Vec<_>>(),
        [("shop", 6)]
    );
    let second = samples
        .scrape(&shop, page(0).as_bytes(), Format::Text, 1, 2000)
        .unwrap();
    assert_eq!((second.added, second.refused.over_cap), (0, 6));
    samples.scrape(&shop, b"", Format::Text, 1, 3000).unwrap();
    samples.scrape(&shop, b"", Format::Text, 1, 4000).unwrap();
    samples.seal(4000).unwrap();
    let third = samples
        .scrape(&shop, page(100).as_bytes(), Format::Text, 1, 5000)
        .unwrap();
    assert_eq!(third.added, 19, "the five of the scrape itself live on");
    let all = everything(&samples);
    assert_eq!(all.len(), 43);
    assert!(all.values().all(|moments| moments.len() <= 3));
}

#[test]
fn labels_of_the_page_that_clash_with_the_targets_are_renamed() {
    let mut samples = open(&FakeDisk::default());
    let page = b"m{job=\"own\",empty=\"\"} 1\n";
    samples
        .scrape(&target("t0"), page, Format::Text, 1, 1000)
        .unwrap();
    let labels: Vec<String> = everything(&samples)
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        labels,
        [r#"{__name__="m", exported_job="own", instance="t0", job="shop"}"#]
    );
}

#[test]
fn a_target_that_does_not_answer_is_down_and_its_series_end() {
    let mut samples = open(&FakeDisk::default());
    let shop = target("t0");
    samples
        .scrape(&shop, b"m 1\n", Format::Text, 1, 1000)
        .unwrap();
    samples.scrape_failed(&shop, 1, 2000).unwrap();
    let broken = samples.scrape(&shop, b"m what\n", Format::Text, 1, 3000);
    assert!(matches!(broken, Err(ScrapeError::Page(_))));
    let of = |name| {
        read(&samples, &[Matcher::equal("__name__", name)], 0, i64::MAX)
            .into_values()
            .next()
    };
    assert_eq!(
        of("m").unwrap(),
        BTreeMap::from([(1000, 1_f64.to_bits()), (2000, STALE)])
    );
    let ups: Vec<f64> = of("up")
        .unwrap()
        .into_values()
        .map(f64::from_bits)
        .collect();
    assert_eq!(ups, [1.0, 0.0, 0.0]);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing() {
    let disk = FakeDisk::default();
    let mut samples = open(&disk);
    for at_ms in [10_000, 11_000, 5000, 6000, 11_000, 12_000] {
        let page = format!("m {at_ms}\n");
        samples
            .scrape(&target("t0"), page.as_bytes(), Format::Text, 1, at_ms)
            .unwrap();
    }
    let expected: Vec<i64> = vec![5000, 6000, 10_000, 11_000, 12_000];
    for _ in 0..2 {
        let all = everything(&samples);
        assert!(all.values().next().unwrap().keys().eq(&expected));
        samples.seal(12_000).unwrap();
        samples = open(&disk);
    }
}

#[test]
fn explicit_moments_and_exemplars_of_a_page_are_kept() {
    let mut samples = open(&FakeDisk::default());
    let page = b"# TYPE m counter\nm_total 5 1.5 # {trace_id=\"abc\"} 0.25 1.2\n# EOF\n";
    for now_ms in [2000, 3000] {
        samples
            .scrape(&target("t0"), page, Format::OpenMetrics, 1, now_ms)
            .unwrap();
    }
    let all = everything(&samples);
    assert_eq!(
        all.values().next().unwrap(),
        &BTreeMap::from([(1500, 5_f64.to_bits())])
    );
    let exemplars: Vec<_> = samples
        .exemplars()
        .map(|(labels, e)| (labels.metric_name().to_owned(), e.at_ms))
        .collect();
    assert_eq!(exemplars, [("m_total".to_owned(), 1200)]);
}

#[test]
fn samples_from_nowhere_near_now_are_refused() {
    let mut samples = open(&FakeDisk::default());
    let now_ms = 100 * 24 * 3600 * 1000;
    let at = |at_ms| Pushed {
        labels: Labels::of(&[("__name__", "m")]),
        at_ms,
        value: Value::Float(1.0),
    };
    let refused = samples
        .push(&[at(0), at(now_ms), at(now_ms + 3_600_000)], now_ms)
        .unwrap();
    assert_eq!((refused.out_of_time, refused.sum()), (2, 2));
    assert_eq!(everything(&samples).len(), 1);
}

#[test]
fn what_is_kept_is_bounded_by_time() {
    let disk = FakeDisk::default();
    let mut samples = open(&disk);
    samples.config.retention.keep_ms = 10_000;
    for at_ms in (1000..30_000).step_by(1000) {
        samples
            .scrape(&target("t0"), b"m 1\n", Format::Text, 1, at_ms)
            .unwrap();
        samples.seal(at_ms).unwrap();
        samples
            .segments
            .retain(&samples.config.retention, at_ms)
            .unwrap();
    }
    let kept = everything(&samples).into_values().next().unwrap();
    assert!(
        kept.keys()
            .eq(&(19_000..30_000).step_by(1000).collect::<Vec<i64>>())
    );
    assert_eq!(samples.status().segments, 11);
}
