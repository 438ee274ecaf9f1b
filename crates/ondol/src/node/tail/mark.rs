//! How far a log was read, in words: `<segment>.<offset>.<birth of the segment>`.

use std::path::Path;

use ondol_model::ReplicaId;
use ondol_runtime::logs::{Cursor, Reader};

/// What a replica's mark is called.
pub(super) fn name(id: &ReplicaId) -> String {
    format!("log/{}/{}/{}", id.project, id.service, id.number)
}

/// The mark of a place.
pub(super) fn of(cursor: Cursor, birth_ns: u64) -> String {
    format!("{}.{}.{birth_ns}", cursor.segment, cursor.offset)
}

/// The place that a mark says, if it is of this log and not of an earlier one of the same name.
pub(super) fn place(mark: &str, dir: &Path) -> Option<Cursor> {
    let mut parts = mark.split('.');
    let mut number = || parts.next()?.parse().ok();
    let (segment, offset, birth_ns): (u64, u64, u64) = (number()?, number()?, number()?);
    let cursor = Cursor { segment, offset };
    match Reader::birth_ns(dir, segment) {
        Some(known_ns) => (known_ns == birth_ns).then_some(cursor),
        // It was rotated away: what is left begins behind it, unless the log began anew.
        None => Reader::has_after(dir, segment).then_some(cursor),
    }
}
