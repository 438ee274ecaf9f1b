//! What a query has to say beside its answer.

use std::collections::BTreeMap;
use std::fmt;

use crate::number::{general, rounded};
use crate::place::Place;

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The answer may not be what was meant.
    Warning,
    /// Good to know.
    Info,
}

impl Level {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Warning => "PromQL warning: ",
            Self::Info => "PromQL info: ",
        }
    }
}

/// How far counts of classic buckets had to be changed to rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forced {
    pub(crate) time_ms: i64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) by: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Spread {
    forced: Forced,
    first_ms: i64,
    last_ms: i64,
    samples: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Note {
    place: Place,
    spread: Option<Spread>,
}

/// All that was said, each thing once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    notes: BTreeMap<(Level, String), Note>,
}

impl Annotations {
    pub(crate) fn warn(&mut self, place: Place, text: impl Into<String>) {
        self.note(Level::Warning, place, text.into());
    }

    pub(crate) fn info(&mut self, place: Place, text: impl Into<String>) {
        self.note(Level::Info, place, text.into());
    }

    fn note(&mut self, level: Level, place: Place, text: String) {
        let note = Note {
            place,
            spread: None,
        };
        self.notes.insert((level, text), note);
    }

    /// Counts of classic buckets were made to rise.
    pub(crate) fn forced(&mut self, place: Place, metric: &str, forced: Forced) {
        let mut text = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)".to_owned();
        text.push_str(&for_metric(metric));
        let note = self.notes.entry((Level::Info, text)).or_insert(Note {
            place,
            spread: None,
        });
        note.place = place;
        match &mut note.spread {
            None => {
                note.spread = Some(Spread {
                    forced,
                    first_ms: forced.time_ms,
                    last_ms: forced.time_ms,
                    samples: 1,
                });
            }
            Some(spread) => {
                spread.forced.lower = spread.forced.lower.min(forced.lower);
                spread.forced.upper = spread.forced.upper.max(forced.upper);
                spread.forced.by = spread.forced.by.max(forced.by);
                spread.first_ms = spread.first_ms.min(forced.time_ms);
                spread.last_ms = spread.last_ms.max(forced.time_ms);
                spread.samples += 1;
            }
        }
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// All texts of a level, with the places in the query they are about.
    #[must_use]
    pub fn texts(&self, level: Level, query: &str) -> Vec<String> {
        self.limited(level, query, usize::MAX)
    }

    /// The same, but not more than `most`; if there are more, how many is said at the end.
    #[must_use]
    pub fn limited(&self, level: Level, query: &str, most: usize) -> Vec<String> {
        let of_level = self.notes.iter().filter(|((of, _), _)| *of == level);
        let mut texts: Vec<String> = of_level
            .map(|((_, text), note)| {
                let detail = note
                    .spread
                    .as_ref()
                    .map_or(String::new(), Spread::to_string);
                format!(
                    "{}{text}{detail} ({})",
                    level.prefix(),
                    note.place.in_text(query)
                )
            })
            .collect();
        let left = texts.len().saturating_sub(most);
        if left > 0 {
            texts.truncate(most);
            let what = match level {
                Level::Warning => "warning",
                Level::Info => "info",
            };
            texts.push(format!("{left} more {what} annotations omitted"));
        }
        texts
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            ", from buckets {} to {}, with a max diff of {}",
            general(self.forced.lower),
            general(self.forced.upper),
            rounded(self.forced.by, 2)
        )?;
        let (first, last) = (Rfc3339(self.first_ms), Rfc3339(self.last_ms));
        if self.samples == 1 {
            write!(f, ", over 1 sample at {first}")
        } else {
            write!(f, ", over {} samples from {first} to {last}", self.samples)
        }
    }
}

struct Rfc3339(i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = crate::calendar::Date::of(self.0.div_euclid(1000));
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            date.year, date.month, date.day, date.hour, date.minute, date.second
        )
    }
}

/// ` for metric name "x"`; nothing when the name is not known.
pub(crate) fn for_metric(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!(" for metric name {}", crate::quote::Quoted(name))
    }
}
