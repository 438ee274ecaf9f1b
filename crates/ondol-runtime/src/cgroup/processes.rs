//! What processes use that their control groups do not count.

use std::fs;

/// Of several processes together.
#[derive(Default)]
pub(super) struct Used {
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) open_files: u32,
}

/// What these processes use. One that has ended meanwhile, or may not be looked at, counts nothing.
pub(super) fn used(pids: &[i32]) -> Used {
    let mut used = Used::default();
    for pid in pids {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        used.read_bytes += of(&io, "read_bytes");
        used.written_bytes += of(&io, "write_bytes");
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        used.open_files = used.open_files.saturating_add(super::clamp(open as u64));
    }
    used
}

/// Bytes received and sent in the network of this process; columns: proc_pid_net(5).
pub(super) fn network(pid: i32) -> Option<(u64, u64)> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    Some(sum(&table))
}

fn sum(table: &str) -> (u64, u64) {
    let devices = table.lines().filter_map(|line| line.split_once(':'));
    let devices = devices.filter(|(name, _)| name.trim() != "lo");
    devices.fold((0, 0), |(received, sent), (_, columns)| {
        let mut columns = columns
            .split_ascii_whitespace()
            .map(|n| n.parse().unwrap_or(0));
        let in_bytes: u64 = columns.next().unwrap_or(0);
        let out_bytes: u64 = columns.nth(7).unwrap_or(0);
        (received + in_bytes, sent + out_bytes)
    })
}

fn of(io: &str, key: &str) -> u64 {
    let value = io.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        (name == key).then(|| value.trim().parse().ok())?
    });
    value.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_added_up_without_the_loopback() {
        let table = "Inter-| x\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n  eth0: 7 1 0 0 0 0 0 0 9 2 0 0 0 0 0 0\n";
        assert_eq!(sum(table), (7, 9));
        assert_eq!(
            of("rchar: 1\nread_bytes: 4096\nwrite_bytes: 7\n", "read_bytes"),
            4096
        );
        let own = used(&[std::process::id().cast_signed()]);
        assert!(own.open_files > 2);
    }
}
