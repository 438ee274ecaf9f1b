//! Pages that look like those of real services, the same for everybody who asks.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};

use super::http;

pub(super) const TARGETS: usize = 5;
/// Counters alone; each histogram brings a count and a sum, which make 500 of them.
const COUNTERS: usize = 300;
const GAUGES: usize = 300;
const CONSTANTS: usize = 100;
const HISTOGRAMS: usize = 100;
const BOUNDS: [&str; 11] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf",
];

/// A server of `/<who>/<target>`: each who has a story of its own, and all stories are the same.
pub(super) struct Generator(u16);

impl Generator {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for the made pages")?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(stream));
            }
        });
        Ok(Generator(port))
    }

    pub(super) fn port(&self) -> u16 {
        self.0
    }
}

/// A connection asks for the pages of one target, one after the other.
fn serve(mut stream: TcpStream) {
    let mut story: Option<Story> = None;
    let mut page = String::new();
    while let Some(path) = http::request(&mut stream) {
        let target = path
            .rsplit('/')
            .next()
            .and_then(|target| target.parse().ok());
        let target: usize = target.unwrap_or_default();
        let story = story.get_or_insert_with(|| Story::new(target));
        story.tell(&mut page);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        let sent = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(page.as_bytes()));
        if sent.is_err() {
            return;
        }
    }
}

/// One target and what it counted so far.
struct Story {
    dice: Dice,
    counters: Vec<u64>,
    gauges: Vec<i64>,
    buckets: Vec<u64>,
    sums: Vec<f64>,
}

impl Story {
    fn new(target: usize) -> Self {
        Story {
            dice: Dice(target as u64),
            counters: (0..COUNTERS as u64).map(|n| n * 1000).collect(),
            gauges: (0..GAUGES as i64).map(|n| n * 100).collect(),
            buckets: vec![0; HISTOGRAMS * BOUNDS.len()],
            sums: vec![0.0; HISTOGRAMS],
        }
    }

    /// The page of the next second.
    fn tell(&mut self, page: &mut String) {
        page.clear();
        for n in 0..COUNTERS {
            // A quarter is busy, half goes now and then, a quarter is idle.
            let step = match n % 4 {
                0 => 20 + self.roll(60),
                1 | 2 => u64::from(self.roll(10) == 0) * self.roll(5),
                _ => 0,
            };
            self.counters[n] += step;
            if n.is_multiple_of(10) {
                let _ = writeln!(
                    page,
                    "# HELP app_events_{}_total Things that happened.\n# TYPE app_events_{0}_total counter",
                    n / 10
                );
            }
            let _ = writeln!(
                page,
                "app_events_{}_total{{route=\"/api/v1/things/{n}\",method=\"GET\",code=\"200\"}} {}",
                n / 10,
                self.counters[n]
            );
        }
        self.tell_gauges(page);
        self.tell_histograms(page);
    }

    fn tell_gauges(&mut self, page: &mut String) {
        for n in 0..GAUGES {
            let walk = self.roll(21) as i64 - 10;
            let moves = n % 3 != 2 || self.roll(4) == 0;
            self.gauges[n] = (self.gauges[n] + walk * i64::from(moves)).max(0);
            let gauge = self.gauges[n];
            if n.is_multiple_of(10) {
                let _ = writeln!(page, "# TYPE app_level_{} gauge", n / 10);
            }
            let _ = write!(page, "app_level_{}{{pool=\"worker-{}\"}} ", n / 10, n % 10);
            let _ = match n % 3 {
                0 => writeln!(page, "{gauge}"),
                1 => writeln!(page, "{}", gauge as f64 / 100.0),
                _ => writeln!(page, "{}", gauge * 4096),
            };
        }
        for n in 0..CONSTANTS {
            let _ = writeln!(page, "app_limit{{name=\"limit-{n}\"}} {}", n * n);
        }
    }

    fn tell_histograms(&mut self, page: &mut String) {
        for n in 0..HISTOGRAMS {
            let seen = if n % 2 == 0 {
                self.roll(20)
            } else {
                self.roll(2)
            };
            for _ in 0..seen {
                // Most are fast, few are slow.
                let bucket = self
                    .roll(BOUNDS.len() as u64)
                    .min(self.roll(BOUNDS.len() as u64)) as usize;
                for bucket in &mut self.buckets[n * BOUNDS.len() + bucket..(n + 1) * BOUNDS.len()] {
                    *bucket += 1;
                }
                self.sums[n] += (1 + self.roll(900)) as f64 / 1000.0;
            }
            if n.is_multiple_of(10) {
                let _ = writeln!(page, "# TYPE app_seconds_{} histogram", n / 10);
            }
            // A route has one metric, so that rates of many metrics are of different series.
            let (name, route) = (n / 10, n);
            for (bound, count) in BOUNDS.iter().zip(&self.buckets[n * BOUNDS.len()..]) {
                let _ = writeln!(
                    page,
                    "app_seconds_{name}_bucket{{route=\"/api/{route}\",le=\"{bound}\"}} {count}"
                );
            }
            let count = self.buckets[(n + 1) * BOUNDS.len() - 1];
            let _ = writeln!(
                page,
                "app_seconds_{name}_sum{{route=\"/api/{route}\"}} {}",
                self.sums[n]
            );
            let _ = writeln!(
                page,
                "app_seconds_{name}_count{{route=\"/api/{route}\"}} {count}"
            );
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.below(sides)
    }
}

/// Numbers that look random and are the same each time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series of a page.
    const SERIES: usize = COUNTERS + GAUGES + CONSTANTS + HISTOGRAMS * (BOUNDS.len() + 2);

    #[test]
    fn a_page_has_the_series_that_it_promises_and_is_well_made() {
        let (mut page, mut story) = (String::new(), Story::new(1));
        story.tell(&mut page);
        story.tell(&mut page);
        let samples = page.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((samples, SERIES), (2000, 2000));
        assert!(
            ondol_telemetry::Lines::new(&page, ondol_telemetry::Format::Text)
                .all(|line| line.is_ok())
        );
    }
}
