use std::collections::BTreeMap;
use std::sync::Arc;

use super::driver::STREAM_WINDOW_BYTES;
use super::settings::WINDOW_BYTES;
use crate::stream::{Activity, StreamId};

/// Bodies that a client is sending, and since when it is the client who is waited for: not as long as it may send
/// nothing, because the endpoint is slow to take it.
pub(super) struct Uploads {
    activity: Arc<Activity>,
    /// By their numbers on the long way.
    open: BTreeMap<u32, Upload>,
    /// Bytes that may be sent of all together.
    room: i64,
}

struct Upload {
    room: i64,
    waits: StreamId,
}

impl Uploads {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        Uploads {
            activity,
            open: BTreeMap::new(),
            room: i64::from(WINDOW_BYTES),
        }
    }

    pub(super) fn begin(&mut self, number: u32) {
        let upload = Upload {
            room: i64::from(STREAM_WINDOW_BYTES),
            waits: self.activity.stream(),
        };
        self.note(&upload);
        self.open.insert(number, upload);
    }

    /// A piece came, which counts for so many bytes.
    pub(super) fn came(&mut self, number: u32, bytes: u32) {
        self.room -= i64::from(bytes);
        self.change(number, -i64::from(bytes));
    }

    /// More may be sent; of all together when `number` is 0.
    pub(super) fn granted(&mut self, number: u32, bytes: u32) {
        if number > 0 {
            return self.change(number, i64::from(bytes));
        }
        let was_full = self.room <= 0;
        self.room += i64::from(bytes);
        if was_full {
            self.open.values().for_each(|upload| self.note(upload));
        }
    }

    /// Nothing more is waited for.
    pub(super) fn end(&mut self, number: u32) {
        if let Some(upload) = self.open.remove(&number) {
            self.activity.taken(Some(upload.waits));
        }
    }

    fn change(&mut self, number: u32, by: i64) {
        if let Some(upload) = self.open.get_mut(&number) {
            upload.room += by;
        }
        if let Some(upload) = self.open.get(&number) {
            self.note(upload);
        }
    }

    fn note(&self, upload: &Upload) {
        match upload.room > 0 && self.room > 0 {
            true => self.activity.give(Some(upload.waits)),
            false => self.activity.taken(Some(upload.waits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_client_is_waited_for_only_while_it_may_send() {
        let now = Arc::new(AtomicU64::new(5));
        let activity = Activity::new(now.clone());
        let since = || activity.stalled_since().map(|since| since.as_nanos());
        let mut uploads = Uploads::new(activity.clone());
        uploads.begin(1);
        assert_eq!(since(), Some(5));
        now.store(7, Ordering::Relaxed);
        uploads.came(1, WINDOW_BYTES - 1);
        assert_eq!(since(), Some(7));
        uploads.came(1, 1);
        assert_eq!(since(), None, "nothing more of the connection");
        now.store(9, Ordering::Relaxed);
        uploads.granted(0, 1 << 20);
        assert_eq!(since(), Some(9));
        uploads.came(1, STREAM_WINDOW_BYTES - WINDOW_BYTES);
        assert_eq!(since(), None, "nothing more of the stream");
        uploads.granted(1, 1);
        assert_eq!(since(), Some(9));
        uploads.end(1);
        assert_eq!(since(), None);
    }
}
