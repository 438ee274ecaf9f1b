//! What progress looks like: one line per service, saying what it waits for. Pure: states and the time go in,
//! lines come out; [`super::terminal`] draws them.

use std::collections::BTreeMap;
use std::time::Duration;

use ondol_api::{ProjectState, ReplicaState, ServicePhase, ServiceState};
use ondol_model::{Exit, ServiceName};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::clock::span;
use super::out::Colour;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) colour: Option<Colour>,
    pub(crate) text: String,
}

pub(crate) type Line = Vec<Piece>;

/// Room on the terminal, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// What is remembered between two frames.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    verb: &'static str,
    begun_unix_ms: u64,
    /// When each service had nothing more to wait for.
    settled_unix_ms: BTreeMap<ServiceName, u64>,
    /// What services that crashed wrote last, oldest first.
    last_words: BTreeMap<ServiceName, Vec<String>>,
    /// What was said last of each service, where progress is not redrawn.
    said: BTreeMap<ServiceName, (ServicePhase, Option<String>)>,
}

/// The heading, and the line for services that do not fit.
const OTHER_LINES: usize = 2;

impl Screen {
    pub(crate) fn new(verb: &'static str, begun_unix_ms: u64) -> Self {
        Screen {
            verb,
            begun_unix_ms,
            settled_unix_ms: BTreeMap::new(),
            last_words: BTreeMap::new(),
            said: BTreeMap::new(),
        }
    }

    /// Takes note of a state that came at `now_unix_ms`.
    pub(crate) fn see(&mut self, project: &ProjectState, now_unix_ms: u64) {
        for service in &project.services {
            if service.settled {
                self.settled_unix_ms
                    .entry(service.name.clone())
                    .or_insert(now_unix_ms);
            } else {
                self.settled_unix_ms.remove(&service.name);
            }
        }
    }

    /// Takes note of what services that crashed wrote last, in place of what was known before.
    pub(crate) fn hear(&mut self, last_words: BTreeMap<ServiceName, Vec<String>>) {
        self.last_words = last_words;
    }

    /// The whole picture. Where it is too high for the room, services that have settled are summed up; where there is
    /// room left, services that crashed have their last words below them.
    pub(crate) fn frame(&self, project: &ProjectState, room: Room, now_unix_ms: u64) -> Vec<Line> {
        let count = project.services.len();
        let services = if count == 1 { "service" } else { "services" };
        let heading = format!(
            "ondol {} · {} · {count} {services}",
            self.verb, project.name
        );
        let mut lines = vec![vec![Piece {
            colour: Some(Colour::Bold),
            text: heading,
        }]];
        let rows_max = room.height.saturating_sub(OTHER_LINES).max(1);
        let crowded = count > rows_max;
        let (mut shown, settled): (Vec<_>, Vec<_>) = match crowded {
            true => project
                .services
                .iter()
                .partition(|service| !service.settled),
            false => (project.services.iter().collect(), Vec::new()),
        };
        let hidden = shown.len().saturating_sub(rows_max);
        shown.truncate(rows_max);
        let names = project
            .services
            .iter()
            .map(|service| service.name.as_str().width());
        let name_width = names.max().unwrap_or(0).min(24);
        let room_left = rows_max.saturating_sub(shown.len());
        let heard = shown.iter().filter(|service| self.has_words(service));
        let words_max = room_left / heard.count().max(1);
        for service in &shown {
            lines.push(self.row(service, name_width, now_unix_ms));
            lines.extend(self.words_of(service, words_max));
        }
        if crowded {
            let text = format!(" … {} more settled, {hidden} more to come", settled.len());
            lines.push(vec![Piece {
                colour: Some(Colour::Dim),
                text,
            }]);
        }
        lines
            .into_iter()
            .map(|line| fit(line, room.width))
            .collect()
    }

    fn has_words(&self, service: &ServiceState) -> bool {
        self.last_words
            .get(&service.name)
            .is_some_and(|words| !words.is_empty())
    }

    /// What a service wrote before it crashed, the newest `max` lines of it.
    fn words_of(&self, service: &ServiceState, max: usize) -> impl Iterator<Item = Line> {
        let words = self.last_words.get(&service.name);
        let words = words.map_or(&[][..], Vec::as_slice);
        words[words.len().saturating_sub(max)..].iter().map(|text| {
            vec![Piece {
                colour: Some(Colour::Dim),
                text: format!("   │ {text}"),
            }]
        })
    }

    /// A line for each service of which there is something new to say, for where progress cannot be redrawn.
    pub(crate) fn news(&mut self, project: &ProjectState, now_unix_ms: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        for service in &project.services {
            // In a moment the proxy knows it too; then it is said, with how long it took.
            if service.phase == ServicePhase::Ready && !service.settled {
                continue;
            }
            // What is waited for changes with every answer of a probe; only a failure's reason is news.
            let now = (service.phase, service.failed.clone());
            if self.said.get(&service.name) != Some(&now) {
                lines.push(self.row(service, 0, now_unix_ms));
                self.said.insert(service.name.clone(), now);
            }
        }
        lines
    }

    fn row(&self, service: &ServiceState, name_width: usize, now_unix_ms: u64) -> Line {
        let (mark, colour) = mark(service);
        let name = service.name.as_str();
        let mut line = vec![
            Piece {
                colour: Some(colour),
                text: format!(" {mark} "),
            },
            Piece {
                colour: None,
                text: format!("{name:name_width$}  "),
            },
            Piece {
                colour: Some(colour),
                text: format!("{:9}", service.phase.word()),
            },
        ];
        let detail = detail(service, now_unix_ms);
        if !detail.is_empty() {
            line.push(Piece {
                colour: None,
                text: format!("  {detail}"),
            });
        }
        let settled = self.settled_unix_ms.get(&service.name);
        if let Some(at) = settled.filter(|_| service.wanted > 0) {
            let seconds = at.saturating_sub(self.begun_unix_ms) as f64 / 1000.0;
            let text = format!("  {seconds:.2}s");
            line.push(Piece {
                colour: Some(Colour::Dim),
                text,
            });
        }
        line
    }
}

fn mark(service: &ServiceState) -> (char, Colour) {
    match service.phase {
        _ if service.failed.is_some() => ('✖', Colour::Red),
        ServicePhase::Failed | ServicePhase::Backoff => ('✖', Colour::Red),
        ServicePhase::Ready | ServicePhase::Done => ('✔', Colour::Green),
        ServicePhase::Stopped | ServicePhase::Asleep => ('■', Colour::Dim),
        _ => ('●', Colour::Yellow),
    }
}

/// What there is to say of a service beside its phase.
fn detail(service: &ServiceState, now_unix_ms: u64) -> String {
    let mut parts = Vec::new();
    let several = service.wanted > 1;
    if service.settled {
        if several {
            parts.push(format!("{} replicas", service.wanted));
        }
        parts.extend(
            service
                .published
                .iter()
                .map(|port| match (&port.address, &port.error) {
                    (Some(address), _) => format!(":{}", address.port()),
                    (None, Some(why)) => why.clone(),
                    (None, None) => format!("port {} is not open", port.target),
                }),
        );
        parts.extend(service.runs.clone());
        return parts.join(" · ");
    }
    if several {
        parts.push(format!("{}/{} ready", service.ready, service.wanted));
    }
    let crashed = service
        .replicas
        .iter()
        .find(|replica| replica.retry_unix_ms.is_some());
    match (&service.failed, crashed) {
        (Some(failed), _) => parts.push(first_line(failed)),
        (None, Some(replica)) => parts.push(retry(replica, now_unix_ms)),
        (None, None) => parts.extend(service.waits_for.as_deref().map(first_line)),
    }
    let probe = service
        .replicas
        .iter()
        .filter(|replica| !replica.one_off)
        .find_map(|r| r.probe.as_ref());
    if let Some(probe) = probe.filter(|probe| probe.failures > 0 && service.failed.is_none()) {
        parts.push(format!("{}/{}", probe.failures, probe.failures_max));
    }
    parts.join(" · ")
}

fn retry(replica: &ReplicaState, now_unix_ms: u64) -> String {
    let exit = replica
        .exit
        .as_ref()
        .map(Exit::to_string)
        .unwrap_or_default();
    let pause = replica
        .retry_unix_ms
        .unwrap_or_default()
        .saturating_sub(now_unix_ms);
    format!("{exit} · retry in {}", span(Duration::from_millis(pause)))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The line as far as it fits, free of characters that would move the cursor.
fn fit(line: Line, width: usize) -> Line {
    let mut left = width.saturating_sub(1);
    let mut fitting = Vec::with_capacity(line.len());
    for piece in line {
        let mut text = String::with_capacity(piece.text.len());
        for c in piece.text.chars() {
            // `None` is what no cell shows: escapes and the like.
            let Some(cells) = c.width() else { continue };
            if cells > left {
                left = 0;
                break;
            }
            left -= cells;
            text.push(c);
        }
        fitting.push(Piece { text, ..piece });
        if left == 0 {
            break;
        }
    }
    fitting
}

#[cfg(test)]
mod tests;
