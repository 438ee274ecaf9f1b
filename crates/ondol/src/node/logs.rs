//! Log lines of a project's replicas, merged by time.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_api::{LogLine, LogQuery, LogStream, NodeState};
use ondol_model::{ReplicaId, ServiceName};
use ondol_runtime::logs::{Cursor, Filter, Line, Reader, Stream};
use tokio::sync::{mpsc, watch};

/// Lines read ahead of each replica.
const AHEAD: usize = 256;
/// How often a follower looks for more.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);

/// Sends lines until there are no more (when following: until the project is gone) or nobody takes them.
pub(crate) fn send(
    query: LogQuery,
    state: watch::Receiver<Arc<NodeState>>,
    dir_of: impl Fn(&ReplicaId) -> PathBuf,
    lines: mpsc::Sender<LogLine>,
) {
    let mut merge = Merge {
        query,
        sources: BTreeMap::new(),
        fresh: false,
    };
    loop {
        let there = merge.meet(&state.borrow(), &dir_of);
        while let Some(line) = merge.next() {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
        if !merge.query.follow || !there || lines.is_closed() {
            return;
        }
        merge.fresh = true;
        std::thread::sleep(FOLLOW_PAUSE);
    }
}

struct Merge {
    query: LogQuery,
    sources: BTreeMap<(ServiceName, u32), Source>,
    /// The first lines are out: a replica that is met now is shown from its beginning.
    fresh: bool,
}

struct Source {
    replica: String,
    reader: Reader,
    ahead: VecDeque<Line>,
}

impl Merge {
    /// Takes in replicas that are new; those that are gone stay until their last line is out. Says whether the
    /// project is there.
    fn meet(&mut self, state: &NodeState, dir_of: &impl Fn(&ReplicaId) -> PathBuf) -> bool {
        let Some(project) = state.projects.get(&self.query.project) else {
            return false;
        };
        let wanted = |service: &ServiceName| {
            self.query.services.is_empty() || self.query.services.contains(service)
        };
        for replica in project
            .services
            .iter()
            .filter(|s| wanted(&s.name))
            .flat_map(|s| &s.replicas)
        {
            let key = (replica.service.clone(), replica.number);
            let id = ReplicaId {
                project: project.name.clone(),
                service: key.0.clone(),
                number: key.1,
            };
            if self.sources.contains_key(&key)
                || self.query.replica.as_ref().is_some_and(|only| *only != id)
            {
                continue;
            }
            let source = self.open(replica.name.clone(), &dir_of(&id));
            self.sources.insert(key, source);
        }
        true
    }

    fn open(&self, replica: String, dir: &std::path::Path) -> Source {
        let since_ns = self
            .query
            .since_unix_ms
            .map(|ms| ms.saturating_mul(1_000_000));
        let filter = Filter {
            since_ns,
            ..Filter::default()
        };
        let tail = self.query.tail.filter(|_| !self.fresh);
        let tailed = tail.and_then(|count| Reader::tail(dir, count as usize, filter).ok());
        let (ahead, reader) =
            tailed.unwrap_or_else(|| (Vec::new(), Reader::new(dir, Cursor::default(), filter)));
        Source {
            replica,
            reader,
            ahead: ahead.into(),
        }
    }

    /// The oldest line that is not out yet.
    fn next(&mut self) -> Option<LogLine> {
        for source in self
            .sources
            .values_mut()
            .filter(|source| source.ahead.is_empty())
        {
            // A folder that cannot be read has no lines now; a follower looks again.
            source
                .ahead
                .extend(source.reader.read(AHEAD).unwrap_or_default());
        }
        let waiting = self
            .sources
            .iter_mut()
            .filter(|(_, source)| !source.ahead.is_empty());
        let (key, source) =
            waiting.min_by_key(|(_, source)| source.ahead.front().map(|line| line.time_ns))?;
        let line = source.ahead.pop_front()?;
        Some(LogLine {
            at_unix_ms: line.time_ns / 1_000_000,
            service: key.0.clone(),
            replica: source.replica.clone(),
            run: line.run,
            stream: match line.stream {
                Stream::Stdout => LogStream::Stdout,
                Stream::Stderr => LogStream::Stderr,
                Stream::Ondol => LogStream::Ondol,
            },
            partial: line.partial,
            text: line.text,
        })
    }
}
