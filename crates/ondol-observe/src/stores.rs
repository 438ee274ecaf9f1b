//! Both stores of a node, opened.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ondol_telemetry::{
    Config, EventConfig, Events, Folder, Opened, Samples, SharedEvents, SharedSamples, StoreError,
};

use crate::forward::Forward;

/// How the telemetry of a node is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of both stores: `samples` and `events` are inside of it.
    pub dir: PathBuf,
    /// How metrics are kept.
    pub samples: Config,
    /// How log lines and spans are kept.
    pub events: EventConfig,
    /// Where metrics go on to.
    pub forward: Option<Forward>,
    /// Where log lines and spans go on to.
    pub forward_events: Option<Forward>,
    /// Where people reach the telemetry, without a slash at its end, for links of alerts; `None` where it listens.
    pub external_url: Option<String>,
    /// The version that the APIs say.
    pub version: &'static str,
}

/// Why there is no telemetry.
#[derive(Debug)]
pub enum OpenError {
    /// A folder cannot be used.
    Folder {
        /// Which one.
        dir: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A store cannot be opened.
    Store(StoreError),
    /// There is no thread for it.
    Thread(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Folder { dir, error } => write!(f, "{}: {error}", dir.display()),
            OpenError::Store(error) => error.fmt(f),
            OpenError::Thread(error) => write!(f, "no thread could be started: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// What came back when the stores were opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reopened {
    /// Samples that came back from the log.
    pub(crate) samples: u64,
    /// Log lines and spans.
    pub(crate) events: u64,
    /// What is not there any more, a line for each.
    pub(crate) damages: Vec<String>,
}

/// Both stores. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) samples: SharedSamples,
    pub(crate) events: SharedEvents,
}

impl Stores {
    /// Opens them.
    pub(crate) fn open(settings: &Settings) -> Result<(Self, Reopened), OpenError> {
        let folder = |name: &str| {
            let dir = settings.dir.join(name);
            let folder = Folder::open(&dir);
            folder
                .map(Arc::new)
                .map_err(|error| OpenError::Folder { dir, error })
        };
        let samples = Samples::open(folder("samples")?, settings.samples);
        let (samples, samples_opened) = samples.map_err(OpenError::Store)?;
        let events = Events::open(folder("events")?, settings.events);
        let (events, events_opened) = events.map_err(OpenError::Store)?;
        let mut damages = losses("metrics", &samples_opened);
        damages.extend(losses("logs and traces", &events_opened));
        let reopened = Reopened {
            samples: samples_opened.replayed,
            events: events_opened.replayed,
            damages,
        };
        let stores = Stores {
            samples: SharedSamples::new(samples),
            events: SharedEvents::new(events),
        };
        Ok((stores, reopened))
    }

    /// Does what is due in both. What one of them cannot do is no matter to the other.
    pub(crate) fn maintain(&self, now_ms: i64) -> [Result<(), StoreError>; 2] {
        [self.samples.maintain(now_ms), self.events.maintain(now_ms)]
    }

    /// Makes all that was taken in last.
    pub(crate) fn sync(&self, now_ms: i64) -> [Result<(), StoreError>; 2] {
        [
            self.samples.write().sync(now_ms),
            self.events.write().sync(now_ms),
        ]
    }
}

fn losses(what: &str, opened: &Opened) -> Vec<String> {
    let mut said: Vec<String> = (opened.damages.iter())
        .map(|damage| format!("{what}: {damage}"))
        .collect();
    if opened.malformed > 0 {
        said.push(format!(
            "{what}: {} records of the log could not be understood and are left out",
            opened.malformed
        ));
    }
    said
}
