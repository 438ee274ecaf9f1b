//! L1 and T1: log lines and spans, made here and given to the store in batches, as a door would.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ondol_telemetry::{BODY, Condition, Event, EventConfig, Events, Folder, Query, TRACE_ID, Test};
use serde::Serialize;

use super::generator::Dice;
use super::ours::memory_mb;
use crate::bench::usage::cpu_seconds;

pub(super) const LINES: u64 = 600_000;
pub(super) const SPANS: u64 = 200_000;
const BATCH: u64 = 500;
/// How often each question is asked.
const ASKED: u32 = 5;
const TRACES_ASKED: u64 = 100;
const START_NS: i64 = 1_700_000_000_000_000_000;
const SERVICES: [&str; 8] = [
    "gateway", "cart", "catalog", "payment", "mail", "history", "users", "search",
];

/// What was measured of lines or spans.
#[derive(Debug, Default, Serialize)]
pub(super) struct MeasuredEvents {
    pub(super) name: &'static str,
    pub(super) events: u64,
    /// What came in, without names of fields.
    pub(super) raw_bytes: u64,
    pub(super) cpu_us_per_event: f64,
    pub(super) rss_peak_mb: f64,
    pub(super) sealed_bytes_per_event: f64,
    /// What was asked, how many events it found, and how many milliseconds of a CPU it took.
    pub(super) questions: Vec<(&'static str, usize, f64)>,
}

/// Measures in this process, which does nothing else.
pub(super) fn be(dir: &Path, spans: bool) -> Result<()> {
    let mut measured = MeasuredEvents {
        name: if spans { "spans (T1)" } else { "lines (L1)" },
        events: if spans { SPANS } else { LINES },
        ..MeasuredEvents::default()
    };
    // Once for nothing, so that what the making costs can be taken off.
    let begin = cpu_s();
    make(spans, |batch| {
        measured.raw_bytes += batch.bytes();
        Ok(())
    })?;
    let making_s = cpu_s() - begin;
    let (mut events, _) = Events::open(Arc::new(Folder::open(dir)?), EventConfig::default())?;
    let begin = cpu_s();
    make(spans, |batch| {
        let now_ms = batch.last_ns() / 1_000_000;
        batch.give(&mut events, now_ms)?;
        Ok(events.maintain(now_ms)?)
    })?;
    events.seal(START_NS / 1_000_000)?;
    measured.cpu_us_per_event = (cpu_s() - begin - making_s) * 1e6 / measured.events as f64;
    let status = events.status();
    measured.sealed_bytes_per_event = status.segment_bytes as f64 / status.segment_events as f64;
    if spans {
        ask_spans(&events, &mut measured)?;
    } else {
        ask_lines(&events, &mut measured)?;
    }
    measured.rss_peak_mb = memory_mb(std::process::id().cast_signed(), "VmHWM");
    let mut out = io::stdout();
    serde_json::to_writer(&mut out, &measured)?;
    out.flush()?;
    Ok(())
}

fn ask_lines(events: &Events, measured: &mut MeasuredEvents) -> Result<()> {
    let test = |test| {
        vec![Condition {
            field: BODY.to_owned(),
            test,
            negated: false,
        }]
    };
    let phrase = Test::Contains("disk quota of tenant 4711 exceeded".to_owned());
    ask(events, "a phrase over all lines", test(phrase), measured)?;
    let pattern = Test::pattern("tenant 47[0-9]+ exceeded (twice|thrice)")?;
    ask(events, "a pattern over all lines", test(pattern), measured)?;
    let common = Test::Contains("Connection".to_owned());
    ask(
        events,
        "the newest 1,000 with a common word",
        test(common),
        measured,
    )
}

fn ask_spans(events: &Events, measured: &mut MeasuredEvents) -> Result<()> {
    let (mut found, begin) = (0, cpu_s());
    for trace in 0..TRACES_ASKED {
        found += events
            .trace(&trace_id(trace * (SPANS / 10 / TRACES_ASKED)))?
            .len();
    }
    let ms = (cpu_s() - begin) * 1e3 / TRACES_ASKED as f64;
    measured
        .questions
        .push(("a hundred traces by their ids, each", found, ms));
    let slow = Condition {
        field: "duration_ns".to_owned(),
        test: Test::AtLeast(499_000_000.0),
        negated: false,
    };
    let failed = Condition {
        field: "status".to_owned(),
        test: Test::Equals("error".to_owned()),
        negated: false,
    };
    ask(
        events,
        "slow spans that failed",
        vec![slow, failed],
        measured,
    )
}

fn ask(
    events: &Events,
    what: &'static str,
    conditions: Vec<Condition>,
    measured: &mut MeasuredEvents,
) -> Result<()> {
    let query = Query {
        conditions,
        start_ns: 0,
        end_ns: i64::MAX,
        limit: 1000,
        ..Query::default()
    };
    let mut found = 0;
    let begin = cpu_s();
    for _ in 0..ASKED {
        found = events.search(&query)?.len();
    }
    let ms = (cpu_s() - begin) * 1e3 / f64::from(ASKED);
    measured.questions.push((what, found, ms));
    Ok(())
}

/// Seconds on a CPU of this process, which has one thread.
fn cpu_s() -> f64 {
    cpu_seconds(&[std::process::id().cast_signed()])
}

/// Moment, service, operation, and name and value of each field.
type Made = (i64, &'static str, &'static str, Vec<(&'static str, String)>);

/// Events on their way in.
#[derive(Default)]
struct Batch {
    events: Vec<Made>,
}

impl Batch {
    fn bytes(&self) -> u64 {
        let values = self.events.iter().flat_map(|(.., fields)| fields);
        values.map(|(_, value)| value.len() as u64).sum()
    }

    fn last_ns(&self) -> i64 {
        self.events.last().map_or(START_NS, |(at_ns, ..)| *at_ns)
    }

    fn give(&self, events: &mut Events, now_ms: i64) -> Result<()> {
        let fields: Vec<Vec<(&str, &str)>> = (self.events.iter())
            .map(|(.., fields)| fields.iter().map(|(n, v)| (*n, v.as_str())).collect())
            .collect();
        let streams: Vec<[(&str, &str); 2]> = (self.events.iter())
            .map(|(_, service, operation, _)| [("operation", *operation), ("service", *service)])
            .collect();
        let taken: Vec<Event<'_>> = (self.events.iter().zip(&fields).zip(&streams))
            .map(|((event, fields), stream)| Event {
                stream,
                at_ns: event.0,
                fields,
            })
            .collect();
        Ok(events.push(&taken, now_ms)?)
    }
}

fn make(spans: bool, mut each: impl FnMut(&Batch) -> Result<()>) -> Result<()> {
    let mut dice = Dice(42);
    let count = if spans { SPANS } else { LINES };
    for batch in 0..count / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let one = |number| {
            if spans {
                span(number, &mut dice)
            } else {
                line(number, &mut dice)
            }
        };
        each(&Batch {
            events: numbers.map(one).collect(),
        })?;
    }
    Ok(())
}

/// A line of one of many systems; `#` is a digit that nobody can guess, three in ten of all digits.
fn line(number: u64, dice: &mut Dice) -> Made {
    const SHAPES: [&str; 12] = [
        "2026-11-21 14:##:##,### INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139#### terminating normally",
        "2026-11-21 14:##:##.### 2931 WARN nova.compute.manager [req-a0b1####-c2d3] While synchronizing instance power states, found 17 instances in the database and 16 on the hypervisor",
        "Connection from 10.250.1#.2## port 4#### on interface eth0 closed after 120 seconds of inactivity, 35 packets dropped, session cleaned up",
        "sshd[2###1]: Failed password for invalid user admin from 173.234.31.1## port 3#### ssh2: too many authentication failures, disconnecting now",
        "workerEnv.init() ok /etc/httpd/conf/workers2.properties; mod_jk child workerEnv in error state 6, scoreboard slot ## restarted as pid ####",
        "{\"level\":\"info\",\"msg\":\"request completed\",\"method\":\"GET\",\"path\":\"/api/v1/cart/1#/items\",\"status\":200,\"took_ms\":#.###,\"bytes\":5###}",
        "17/06/09 20:##:## INFO storage.BlockManager: Found block rdd_2_#### locally, fetched 3 partitions from executor 12 in ## ms with no retries",
        "kernel: Out of memory: Killed process 1#### (java) total-vm:4823###kB, anon-rss:1893###kB, file-rss:0kB, shmem-rss:0kB, oom_score_adj:0",
        "R02-M1-N0-C:J12-U11 RAS KERNEL INFO generating core.#### after instruction cache parity error corrected on midplane 1, node card 0, link ##",
        "zookeeper - Accepted socket connection from /10.10.34.1#:4#### and established session 0x14f05578bd8#### with negotiated timeout 10000",
        "postgres[1###]: LOG: duration: 1##.### ms statement: SELECT id, title, price FROM products WHERE category = 'books' ORDER BY price LIMIT 20",
        "level=info ts=2026-11-21T14:##:##.###Z caller=compact.go:519 component=tsdb msg=\"write block\" mint=1700000000### maxt=1700007200### ulid=01HF###",
    ];
    let at_ns = START_NS + number as i64 * 1_000_000;
    let shape = dice.below(SHAPES.len() as u64) as usize;
    let mut text = String::with_capacity(160);
    if number.is_multiple_of(20_011) {
        text.push_str("ERROR storage: disk quota of tenant 4711 exceeded twice, uploads are refused until somebody makes room");
    } else {
        text.extend(SHAPES[shape].chars().map(|c| match c {
            '#' => char::from(b'0' + dice.below(10) as u8),
            c => c,
        }));
    }
    (
        at_ns,
        SERVICES[shape % SERVICES.len()],
        "stdout",
        vec![(BODY, text)],
    )
}

/// Ten spans are a trace.
fn span(number: u64, dice: &mut Dice) -> Made {
    const OPERATIONS: [&str; 6] = [
        "GET /",
        "GET /items/{id}",
        "POST /orders",
        "SELECT",
        "publish",
        "render",
    ];
    let at_ns = START_NS + number as i64 * 3_000_000 + dice.below(2_000_000) as i64;
    let parent = if number.is_multiple_of(10) {
        String::new()
    } else {
        span_id(number - 1 - dice.below(number % 10))
    };
    let mut url = String::new();
    let _ = write!(url, "/items/{}", dice.below(5000));
    let status = if dice.below(50) == 0 { "error" } else { "ok" };
    let fields = vec![
        (TRACE_ID, trace_id(number / 10)),
        ("span_id", span_id(number)),
        ("parent_id", parent),
        (
            "kind",
            ["server", "client", "internal"][dice.below(3) as usize].to_owned(),
        ),
        ("status", status.to_owned()),
        ("duration_ns", (dice.below(500_000) * 1000).to_string()),
        (
            "http.method",
            ["GET", "POST"][dice.below(2) as usize].to_owned(),
        ),
        ("http.target", url),
        (
            "http.status_code",
            ["200", "201", "404", "500"][dice.below(4) as usize].to_owned(),
        ),
        ("net.peer.name", SERVICES[dice.below(8) as usize].to_owned()),
        ("thread.id", dice.below(64).to_string()),
    ];
    let operation = OPERATIONS[dice.below(6) as usize];
    (at_ns, SERVICES[dice.below(8) as usize], operation, fields)
}

fn trace_id(number: u64) -> String {
    let mut dice = Dice(number ^ 0x7ace);
    format!("{:016x}{:016x}", dice.next(), dice.next())
}

fn span_id(number: u64) -> String {
    format!("{:016x}", Dice(number ^ 0x59a4).next())
}
