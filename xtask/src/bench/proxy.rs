//! `cargo xtask bench proxy`: the data plane beside nginx, HAProxy, Varnish and Caddy, side by side, in turns, each
//! with one worker on the same core before the same service. CPU per request is the figure: it is what the kernel
//! counted, so that other work on the machine matters less to it than to times.

mod changes;
mod configurations;
mod load;
mod machine;
mod memory;
mod ours;
mod rows;
mod scenes;
mod servers;
mod upstream;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use self::scenes::{Look, SCENES};
use self::servers::{Ground, Servers, Who};
use super::row::Row;
use super::samples::Samples;
use super::table;
use crate::ci::install_besides;
use crate::say;

/// Files that ten thousand idle connections take.
const FILES: u64 = 65_536;
const SWAP_SECONDS: u32 = 60;
const MARKER: &str = "bench proxy";

/// Programs and the packages that bring them.
const PROGRAMS: [(&str, &str); 7] = [
    ("caddy", "caddy"),
    ("h2load", "nghttp2-client"),
    ("haproxy", "haproxy"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("varnishd", "varnish"),
    ("wrk", "wrk"),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Write the rows, and what was measured of everybody, as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the tables into this page, between their two markers.
    #[arg(long)]
    page: Option<PathBuf>,
    /// How often each load is repeated; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only rows whose key begins with this: small, large, features, watched, tls, handshake, http2, cache, workers, rss, p99,
    /// swaps, visible, upgrade.
    #[arg(long)]
    only: Vec<String>,
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Be the service that everybody stands before.
    #[arg(long, hide = true)]
    upstream: bool,
}

impl Options {
    fn wants(&self, key: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|start| key.starts_with(start.as_str()))
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.upstream {
        return upstream::serve();
    }
    install_besides(&PROGRAMS)?;
    let binary = options.binary.clone().map_or_else(super::build, Ok)?;
    machine::allow_files(FILES);
    machine::go_first();
    let ground = Ground::prepare(fs::canonicalize(binary)?)?;
    let (looks, mut ours, mut theirs) = side_by_side(&ground, options)?;
    alone(&ground, options, &mut ours, &mut theirs);
    let wanted = rows::ROWS.iter().filter(|spec| options.wants(spec.key));
    let rows: Vec<Row> = wanted
        .map(|spec| Row::beside(spec, &ours, &theirs))
        .collect();
    let tables = format!("{}\n{}", table::markdown(&rows), scenes::markdown(&looks));
    say::line(&tables);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "rows": rows, "looks": looks }))? + "\n";
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &options.page {
        table::write_into(path, MARKER, &tables)?;
    }
    Ok(())
}

/// What everybody is asked, in rounds.
fn side_by_side(ground: &Ground, options: &Options) -> Result<(Vec<Look>, Samples, Samples)> {
    let servers = Servers::start(ground)?;
    let mut looks = Vec::new();
    for round in 0..options.rounds {
        say::line(&format!("bench: round {} of {}", round + 1, options.rounds));
        for scene in SCENES.iter().filter(|scene| options.wants(scene.key)) {
            scene.play(ground, &servers, round as usize, &mut looks);
        }
    }
    looks.sort_by_key(|look| SCENES.iter().position(|scene| scene.name == look.scene));
    let (mut ours, mut theirs) = scenes::samples(&looks);
    if options.wants("p99_half")
        && let Err(error) = half(ground, &servers, options.rounds, &mut ours, &mut theirs)
    {
        say::line(&format!("bench: p99 at half load: {error:#}"));
    }
    Ok((looks, ours, theirs))
}

/// How long requests take at half of what HAProxy can do.
fn half(
    ground: &Ground,
    servers: &Servers,
    rounds: u32,
    ours: &mut Samples,
    theirs: &mut Samples,
) -> Result<()> {
    let all = |who| {
        servers
            .get(who)
            .with_context(|| format!("{} is not here", who.name()))
    };
    let url = |port: u16| format!("http://127.0.0.1:{port}/100");
    let (_, ports) = all(Who::Haproxy)?;
    let most = load::wrk(&ground.cores, &url(ports.plain), 16, 2, &[])?.per_second;
    for _ in 0..rounds {
        for who in [Who::Ondol, Who::Haproxy] {
            let (_, ports) = all(who)?;
            let load = load::steady(
                &ground.cores,
                &url(ports.plain),
                (most / 2.0) as u32,
                4,
                &ground.scratch,
            )?;
            let p99 = load.p99_us.context("no times")?;
            say::line(&format!(
                "bench: {:.0}/s: {}: p99 {p99:.0} us",
                load.per_second,
                who.name()
            ));
            match who {
                Who::Ondol => ours.add("p99_half", p99),
                _ => theirs.add(&format!("p99_half/{}", who.name()), p99),
            }
        }
    }
    Ok(())
}

/// What needs a process of its own.
fn alone(ground: &Ground, options: &Options, ours: &mut Samples, theirs: &mut Samples) {
    let part = |key: &str, measure: &mut dyn FnMut() -> Result<()>| {
        if options.wants(key) {
            say::line(&format!("bench: {key}"));
            if let Err(error) = measure() {
                say::line(&format!("bench: {key}: {error:#}"));
            }
        }
    };
    part("rss", &mut || memory::measure(ground, ours, theirs));
    part("visible", &mut || changes::visible(ground, ours));
    part("swaps", &mut || {
        changes::swaps(ground, SWAP_SECONDS, ours, theirs)
    });
    part("upgrade", &mut || changes::upgrade(ground, ours));
}
