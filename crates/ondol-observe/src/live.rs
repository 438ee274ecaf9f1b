//! Log lines as they come, for those who follow them: a ring of the latest.
//!
//! Who brings lines never waits for who follows them; one who is too slow hears how many were gone before they were
//! taken. While nobody follows, nothing is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ondol_telemetry::BODY;
use tokio::sync::watch;

use crate::intake::OwnedEvent;

/// Bytes of lines that wait for those who follow.
const BYTES_MAX: usize = 4 << 20;

/// The latest lines.
pub(crate) struct Live {
    ring: Mutex<Ring>,
    /// How many lines there were so far.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// The number of the next line.
    next: u64,
}

struct Batch {
    /// The number of its first line.
    first: u64,
    lines: Arc<[OwnedEvent]>,
    bytes: usize,
}

/// One who follows, from the moment on at which it began.
pub(crate) struct Follower {
    live: Arc<Live>,
    news: watch::Receiver<u64>,
    /// The number of the next line that it wants.
    next: u64,
}

/// What is new.
pub(crate) struct News {
    pub(crate) lines: Vec<Arc<[OwnedEvent]>>,
    /// Lines that were gone before they were taken.
    pub(crate) missed: u64,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            ring: Mutex::default(),
            news: watch::Sender::new(0),
        }
    }
}

impl Live {
    /// Shows the lines among these events to those who follow.
    pub(crate) fn publish(&self, events: &[OwnedEvent]) {
        let is_line = |event: &&OwnedEvent| event.fields.iter().any(|(name, _)| name == BODY);
        let mut ring = self.ring();
        if self.news.receiver_count() == 0 {
            // Numbers go on, so that nobody is told of lines from before its time.
            *ring = Ring {
                next: ring.next + events.iter().filter(is_line).count() as u64,
                ..Ring::default()
            };
            return;
        }
        let lines: Arc<[OwnedEvent]> = events.iter().filter(is_line).cloned().collect();
        if !lines.is_empty() {
            ring.add(lines);
            self.news.send_replace(ring.next);
        }
    }

    /// Follows from now on.
    pub(crate) fn follow(self: &Arc<Self>) -> Follower {
        // Before the number is read: from then on lines are kept.
        let news = self.news.subscribe();
        let next = self.ring().next;
        Follower {
            live: self.clone(),
            news,
            next,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn add(&mut self, lines: Arc<[OwnedEvent]>) {
        let bytes = lines.iter().map(size).sum();
        self.bytes += bytes;
        let first = self.next;
        self.next += lines.len() as u64;
        self.batches.push_back(Batch {
            first,
            lines,
            bytes,
        });
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }
}

/// Bytes of memory, about.
fn size(event: &OwnedEvent) -> usize {
    let pairs = event.stream.iter().chain(&event.fields);
    let texts = pairs.map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len());
    size_of::<OwnedEvent>() + texts.sum::<usize>()
}

impl Follower {
    /// Waits until there is something new.
    pub(crate) async fn wait(&mut self) {
        let next = self.next;
        // It never fails: the sender is in our hands too.
        let _ = self.news.wait_for(|there| *there > next).await;
    }

    /// Takes what is new.
    pub(crate) fn take(&mut self) -> News {
        let ring = self.live.ring();
        let new = ring.batches.iter().filter(|batch| batch.first >= self.next);
        let lines: Vec<Arc<[OwnedEvent]>> = new.map(|batch| batch.lines.clone()).collect();
        let taken: usize = lines.iter().map(|lines| lines.len()).sum();
        let missed = ring.next - self.next - taken as u64;
        self.next = ring.next;
        News { lines, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, length: usize) -> Vec<OwnedEvent> {
        let line = OwnedEvent {
            fields: vec![(BODY.to_owned(), "x".repeat(length))],
            ..OwnedEvent::default()
        };
        vec![line; count]
    }

    fn counts(follower: &mut Follower) -> (usize, u64) {
        let news = follower.take();
        (
            news.lines.iter().map(|lines| lines.len()).sum(),
            news.missed,
        )
    }

    #[test]
    fn who_follows_gets_each_line_once_and_hears_how_many_were_gone() {
        let live = Arc::new(Live::default());
        live.publish(&lines(5, 10));
        let (mut quick, mut slow) = (live.follow(), live.follow());
        let span = OwnedEvent::default();
        live.publish(&[lines(3, 10), vec![span]].concat());
        assert_eq!((counts(&mut quick), counts(&mut quick)), ((3, 0), (0, 0)));
        for _ in 0..8 {
            live.publish(&lines(10, BYTES_MAX / 40));
            assert_eq!(counts(&mut quick), (10, 0));
        }
        let (got, missed) = counts(&mut slow);
        assert!((10..=40).contains(&got), "{got}");
        assert_eq!(got as u64 + missed, 83);
        assert!(live.ring().bytes <= BYTES_MAX);
        live.publish(&lines(1, BYTES_MAX));
        assert_eq!(counts(&mut slow), (0, 1));
    }

    #[test]
    fn nothing_is_kept_while_nobody_follows() {
        let live = Arc::new(Live::default());
        let follower = live.follow();
        live.publish(&lines(2, 10));
        drop(follower);
        live.publish(&lines(2, 10));
        let ring = live.ring();
        assert_eq!((ring.batches.len(), ring.next), (0, 4));
    }
}
