//! What is asked of everybody, again and again, one after another.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::load::{self, Load};
use super::machine::{Cores, Running};
use super::servers::{Ground, Ports, Servers, Who};
use crate::bench::samples::Samples;
use crate::say;

const CONNECTIONS: u32 = 32;
const WARM_SECONDS: u32 = 1;
const SECONDS: u32 = 3;

/// One kind of load, and who is compared under it.
pub(super) struct Scene {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    /// Where, by scheme, port and path; `None` where a server has no such port.
    url: fn(Ports) -> Option<String>,
    load: fn(&Cores, &str, u32) -> Result<Load>,
    who: &'static [Who],
}

const EVERYBODY: &[Who] = &[Who::Ondol, Who::Nginx, Who::Haproxy, Who::Caddy];
const THREE: &[Who] = &[Who::Ondol, Who::Nginx, Who::Haproxy];

pub(super) const SCENES: [Scene; 9] = [
    Scene {
        key: "small",
        name: "HTTP/1.1, 100 B",
        url: |ports| at("http", ports.plain, "100"),
        load: kept_alive,
        who: EVERYBODY,
    },
    Scene {
        key: "large",
        name: "HTTP/1.1, 10 KiB",
        url: |ports| at("http", ports.plain, "10k"),
        load: kept_alive,
        who: THREE,
    },
    Scene {
        key: "features",
        name: "100 routes, P2C, trace, rate limit, counts, JSON log",
        url: |ports| at("http", ports.features, "r42/100"),
        load: kept_alive,
        who: &[Who::OndolWatched, Who::Nginx],
    },
    Scene {
        key: "watched",
        name: "HTTP/1.1, 100 B, counted and traced as by a node",
        url: |ports| at("http", ports.plain, "100"),
        load: kept_alive,
        who: &[Who::OndolWatched, Who::Nginx, Who::Haproxy],
    },
    Scene {
        key: "tls",
        name: "TLS 1.3, kept alive",
        url: |ports| at("https", ports.tls, "100"),
        load: kept_alive,
        who: THREE,
    },
    Scene {
        key: "handshake",
        name: "TLS 1.3, a connection for each request",
        url: |ports| at("https", ports.tls, "100"),
        load: |cores, url, seconds| {
            load::wrk(cores, url, CONNECTIONS, seconds, &["Connection: close"])
        },
        who: THREE,
    },
    Scene {
        key: "http2",
        name: "HTTP/2 over TLS",
        url: |ports| at("https", ports.tls, "100"),
        load: load::h2load,
        who: THREE,
    },
    Scene {
        key: "cache",
        name: "cache hit, 100 B",
        url: |ports| at("http", ports.kept, "kept"),
        load: kept_alive,
        who: &[Who::Ondol, Who::Nginx, Who::Varnish],
    },
    Scene {
        key: "workers",
        name: "HTTP/1.1, 100 B, on cores that are shared",
        url: |ports| at("http", ports.plain, "100"),
        load: kept_alive,
        who: &[Who::OndolOfTwo, Who::Ondol],
    },
];

fn at(scheme: &str, port: u16, path: &str) -> Option<String> {
    (port != 0).then(|| format!("{scheme}://127.0.0.1:{port}/{path}"))
}

fn kept_alive(cores: &Cores, url: &str, seconds: u32) -> Result<Load> {
    load::wrk(cores, url, CONNECTIONS, seconds, &[])
}

/// One look at one server.
#[derive(Debug, Serialize)]
pub(super) struct Look {
    pub(super) scene: &'static str,
    pub(super) who: &'static str,
    pub(super) cpu_us: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) rss_mb: f64,
    #[serde(skip)]
    key: &'static str,
    #[serde(skip)]
    is_ours: bool,
}

impl Scene {
    /// Everybody once, in turn; `round` is who begins. One that fails is named and left out.
    pub(super) fn play(
        &self,
        ground: &Ground,
        servers: &Servers,
        round: usize,
        looks: &mut Vec<Look>,
    ) {
        for turn in 0..self.who.len() {
            let who = self.who[(turn + round) % self.who.len()];
            let Some((process, ports)) = servers.get(who) else {
                continue;
            };
            let Some(url) = (self.url)(ports) else {
                continue;
            };
            match self.look(ground, process, &url, who) {
                Ok(look) => {
                    say::line(&format!(
                        "bench: {}: {}: {:.1} us, {:.0}/s",
                        self.name, look.who, look.cpu_us, look.per_second
                    ));
                    looks.push(look);
                }
                Err(error) => {
                    say::line(&format!("bench: {}: {}: {error:#}", self.name, who.name()))
                }
            }
        }
    }

    fn look(&self, ground: &Ground, process: &Running, url: &str, who: Who) -> Result<Look> {
        (self.load)(&ground.cores, url, WARM_SECONDS)?;
        let before = process.cpu_seconds();
        let load = (self.load)(&ground.cores, url, SECONDS)?;
        let spent = process.cpu_seconds() - before;
        ensure!(
            load.failed == 0.0,
            "{} of {} requests failed",
            load.failed,
            load.requests
        );
        Ok(Look {
            scene: self.name,
            who: who.name(),
            cpu_us: spent * 1e6 / load.requests,
            per_second: load.per_second,
            p50_us: load.p50_us,
            p99_us: load.p99_us,
            rss_mb: process.rss_mb(),
            key: self.key,
            is_ours: who == self.who[0],
        })
    }
}

/// CPU per request as samples of the rows: ours below the scene's key and each of the others beside it.
pub(super) fn samples(looks: &[Look]) -> (Samples, Samples) {
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for look in looks {
        match look.is_ours {
            true => ours.add(look.key, look.cpu_us),
            false => theirs.add(&format!("{}/{}", look.key, look.who), look.cpu_us),
        }
    }
    (ours, theirs)
}

/// The medians of all looks, one line for each scene and server.
pub(super) fn markdown(looks: &[Look]) -> String {
    let mut text = String::from(
        "| | | CPU per request, us | requests/s | p50, us | p99, us | RSS, MB |\n|---|---|---:|---:|---:|---:|---:|\n",
    );
    let mut told: Vec<(&str, &str)> = Vec::new();
    for look in looks {
        let same = |other: &&Look| (other.scene, other.who) == (look.scene, look.who);
        if told.contains(&(look.scene, look.who)) {
            continue;
        }
        told.push((look.scene, look.who));
        let median = |value: fn(&Look) -> Option<f64>, digits: usize| {
            let mut all = Samples::default();
            looks
                .iter()
                .filter(same)
                .filter_map(value)
                .for_each(|value| all.add("", value));
            all.median("")
                .map_or(String::new(), |value| format!("{value:.digits$}"))
        };
        let cells = [
            median(|look| Some(look.cpu_us), 1),
            median(|look| Some(look.per_second), 0),
            median(|look| look.p50_us, 0),
            median(|look| look.p99_us, 0),
            median(|look| Some(look.rss_mb), 1),
        ];
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            look.scene,
            look.who,
            cells.join(" | ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(who: Who, is_ours: bool, cpu_us: f64) -> Look {
        Look {
            scene: "small",
            who: who.name(),
            cpu_us,
            per_second: 1e6 / cpu_us,
            p50_us: Some(480.0),
            p99_us: None,
            rss_mb: 5.25,
            key: "small",
            is_ours,
        }
    }

    #[test]
    fn medians_stand_beside_each_other() {
        let looks = [
            look(Who::Ondol, true, 20.0),
            look(Who::Nginx, false, 21.5),
            look(Who::Ondol, true, 22.0),
            look(Who::Ondol, true, 25.0),
        ];
        let (ours, theirs) = samples(&looks);
        assert_eq!(ours.median("small"), Some(22.0));
        assert_eq!(theirs.median("small/nginx"), Some(21.5));
        let text = markdown(&looks);
        assert!(
            text.contains("| small | Ondol | 22.0 | 45455 | 480 |  | 5.2 |\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 4);
    }
}
