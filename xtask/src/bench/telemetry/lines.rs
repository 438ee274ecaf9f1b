//! L1: log lines by Loki push, in its JSON.

use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::generator::Dice;
use super::ours::{self, Kind};
use super::server::{Running, memory_mb};
use super::{SERVICES, http};
use crate::bench::samples::Samples;
use crate::say;

const LINES: u64 = 600_000;
const BATCH: u64 = 500;
/// Nanoseconds between two lines.
const STEP_NS: i64 = 1_000_000;
/// A phrase that one line in some thousands has, and a pattern that the same lines match.
const QUERIES: [(&str, &str); 2] = [
    (
        "l1_phrase",
        "{stream=\"stdout\"} |= \"disk quota of tenant 4711 exceeded\"",
    ),
    (
        "l1_regex",
        "{stream=\"stdout\"} |~ \"tenant 47[0-9]+ exceeded (twice|thrice)\"",
    ),
];
const RARE: &str = "ERROR storage: disk quota of tenant 4711 exceeded twice, uploads are refused until somebody makes room";
const RARE_EVERY: u64 = 20_011;

pub(super) fn measure(dir: &Path, ours: &mut Samples) -> Result<()> {
    say::line("bench: L1");
    let node = ours::server(dir, 0)?.start()?;
    let before_s = node.cpu_s();
    push(&node)?;
    super::settle();
    ours.add("l1_cpu", (node.cpu_s() - before_s) * 1e6 / LINES as f64);
    for (key, ms) in ask(&node)? {
        ours.add(key, ms);
    }
    ours.add("l1_rss", memory_mb(node.pid(), "VmHWM"));
    drop(node);
    let (bytes, lines) = ours::sealed(dir, Kind::Events)?;
    ensure!(lines as u64 == LINES, "{lines} of {LINES} lines are there");
    ours.add("l1_bytes", bytes / lines);
    Ok(())
}

/// Brings all lines, as fast as they are taken.
pub(super) fn push(node: &Running) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port()))?;
    let first_ns = ours::now_ms()? * 1_000_000 - LINES as i64 * STEP_NS;
    let mut dice = Dice(42);
    for batch in 0..LINES / BATCH {
        let mut streams = vec![Vec::new(); SERVICES.len()];
        for number in batch * BATCH..(batch + 1) * BATCH {
            let (service, line) = line(number, &mut dice);
            let at_ns = first_ns + number as i64 * STEP_NS;
            streams[service].push([at_ns.to_string(), line]);
        }
        let streams = (SERVICES.iter().zip(&streams)).map(|(service, values)| {
            json!({"stream": {"service": service, "stream": "stdout"}, "values": values})
        });
        let body = json!({"streams": streams.collect::<Vec<_>>()}).to_string();
        bring(
            &mut stream,
            "/loki/api/v1/push",
            "application/json",
            body.as_bytes(),
        )?;
    }
    Ok(())
}

/// Brings a body; where it is told to come again, it does.
pub(super) fn bring(stream: &mut TcpStream, path: &str, kind: &str, body: &[u8]) -> Result<()> {
    loop {
        match http::post(stream, path, kind, body)? {
            200..=299 => return Ok(()),
            429 => thread::sleep(Duration::from_millis(100)),
            status => anyhow::bail!("`{path}`: {status}"),
        }
    }
}

/// Milliseconds of each query.
pub(super) fn ask(node: &Running) -> Result<Vec<(&'static str, f64)>> {
    let end_ns = ours::now_ms()? * 1_000_000;
    let mut times = Vec::new();
    for (key, query) in QUERIES {
        let path = format!(
            "/loki/api/v1/query_range?query={}&start={}&end={end_ns}&limit=1000",
            http::escaped(query),
            end_ns - 3_600_000_000_000
        );
        let found = (LINES / RARE_EVERY) as usize * RARE.len();
        times.push((key, node.fastest_ms(&path, found)?));
    }
    Ok(times)
}

/// A line of one of many systems, and the number of its service; `#` is a digit that nobody can guess, three in ten of
/// all digits.
fn line(number: u64, dice: &mut Dice) -> (usize, String) {
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
    let shape = dice.below(SHAPES.len() as u64) as usize;
    let text = if number.is_multiple_of(RARE_EVERY) {
        RARE.to_owned()
    } else {
        let digit = |c| match c {
            '#' => char::from(b'0' + dice.below(10) as u8),
            c => c,
        };
        SHAPES[shape].chars().map(digit).collect()
    };
    (shape % SERVICES.len(), text)
}
