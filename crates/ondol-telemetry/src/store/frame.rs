//! Records in a file: length, checksum, payload; and where a file ends that was torn.

use std::io;

use crate::disk::DiskFile;

/// Length and checksum.
const HEAD_BYTES: usize = 8;
/// No record is longer; a length beyond it is rubbish.
pub(super) const RECORD_BYTES_MAX: usize = 64 << 20;
const WINDOW_BYTES: usize = 1 << 20;

/// Appends `payload` as a record to `buffer`.
pub(super) fn put_record(buffer: &mut Vec<u8>, payload: &[u8]) {
    buffer.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buffer.extend_from_slice(&checksum(payload).to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// CRC-32C, its length included so that zeros are no record.
fn checksum(payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&(payload.len() as u32).to_le_bytes());
    crc32c::crc32c_append(crc, payload) ^ 0x6f6e_646f
}

/// Gives every good record after the first `start` bytes to `each`, in order; returns where the last good one ends.
pub(super) fn read_records(
    file: &dyn DiskFile,
    start: u64,
    mut each: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let len = file.size()?;
    let mut good = start;
    let mut window: Vec<u8> = Vec::new();
    let mut used = 0;
    loop {
        if let Some(payload) = record(&window[used..]) {
            each(payload);
            used += HEAD_BYTES + payload.len();
            good += (HEAD_BYTES + payload.len()) as u64;
            continue;
        }
        // Not there whole: more of the file may help.
        window.drain(..used);
        used = 0;
        let wanted = promised(&window).unwrap_or(WINDOW_BYTES).max(WINDOW_BYTES);
        let from = good + window.len() as u64;
        let more =
            (len.saturating_sub(from)).min((wanted - window.len().min(wanted)) as u64) as usize;
        if more == 0 {
            return Ok(good);
        }
        let before = window.len();
        window.resize(before + more, 0);
        file.read_at(from, &mut window[before..])?;
    }
}

/// The payload of a whole and good record in front.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let len = promised(bytes)?;
    let payload = bytes.get(HEAD_BYTES..len)?;
    let said = bytes.get(4..HEAD_BYTES)?;
    (checksum(payload).to_le_bytes() == said).then_some(payload)
}

/// How long the record in front says that it is, its head included.
fn promised(bytes: &[u8]) -> Option<usize> {
    let (len, _) = bytes.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    (len <= RECORD_BYTES_MAX).then_some(HEAD_BYTES + len)
}
