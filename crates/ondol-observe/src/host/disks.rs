//! `/proc/diskstats`, and how full the file systems are.

use std::collections::BTreeSet;
use std::path::Path;

use ondol_telemetry::{Kind, Page};
use rustix::fs::statvfs;

use super::read;

/// A sector, whatever the disk says (Documentation/admin-guide/iostats.rst).
const SECTOR_BYTES: f64 = 512.0;

pub(super) fn describe(page: &mut Page, proc: &Path, sys: &Path) {
    let stats = read(&proc.join("diskstats"));
    let is_whole = |name: &str| sys.join("block").join(name).exists();
    disks(page, &stats, is_whole);
    file_systems(page, &read(&proc.join("mounts")));
}

fn disks(page: &mut Page, stats: &str, is_whole: impl Fn(&str) -> bool) {
    let disks: Vec<(&str, Vec<f64>)> = stats
        .lines()
        .filter_map(|line| {
            let mut columns = line.split_ascii_whitespace().skip(2);
            let name = columns.next()?;
            let idle = name.starts_with("loop") || name.starts_with("ram");
            let columns = columns.filter_map(|column| column.parse().ok()).collect();
            (!idle && is_whole(name)).then_some((name, columns))
        })
        .collect();
    for (name, column, factor) in [
        ("reads_completed", 0, 1.0),
        ("read_bytes", 2, SECTOR_BYTES),
        ("read_time_seconds", 3, 0.001),
        ("writes_completed", 4, 1.0),
        ("written_bytes", 6, SECTOR_BYTES),
        ("write_time_seconds", 7, 0.001),
        ("io_time_seconds", 9, 0.001),
    ] {
        let family = format!("node_disk_{name}");
        page.family(&family, Kind::Counter, "A column of /proc/diskstats.");
        for (disk, columns) in &disks {
            if let Some(value) = columns.get(column) {
                let labels = [("device", *disk)];
                page.sample(&format!("{family}_total"), &labels, value * factor);
            }
        }
    }
}

/// File systems on devices, each once: bind mounts of replicas show the same one again.
fn file_systems(page: &mut Page, mounts: &str) {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let mut columns = line.split(' ');
        let (Some(device), Some(point), Some(kind)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let is_real = device.starts_with("/dev/") || matches!(kind, "zfs" | "overlay");
        if is_real
            && seen.insert(device)
            && let Ok(about) = statvfs(point)
        {
            found.push((device, point, kind, about));
        }
    }
    for (name, help) in [
        ("node_filesystem_size_bytes", "How large it is."),
        ("node_filesystem_free_bytes", "How much is free."),
        ("node_filesystem_avail_bytes", "How much is free for users."),
        ("node_filesystem_files", "How many files it may have."),
        (
            "node_filesystem_files_free",
            "How many more files it may have.",
        ),
    ] {
        page.family(name, Kind::Gauge, help);
        for (device, point, kind, about) in &found {
            let value = match name {
                "node_filesystem_size_bytes" => about.f_blocks * about.f_frsize,
                "node_filesystem_free_bytes" => about.f_bfree * about.f_frsize,
                "node_filesystem_avail_bytes" => about.f_bavail * about.f_frsize,
                "node_filesystem_files" => about.f_files,
                _ => about.f_ffree,
            };
            let labels = [
                ("device", *device),
                ("fstype", *kind),
                ("mountpoint", *point),
            ];
            page.sample(name, &labels, value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ondol_telemetry::Format;

    #[test]
    fn whole_disks_are_counted_and_their_parts_are_not() {
        let stats = "   8 0 sda 5 0 16 250 2 0 8 100 0 300 350\n   8 1 sda1 5 0 16 250 2 0 8 100 0 300 350\n   7 0 loop0 1 0 1 1 0 0 0 0 0 0 0\n";
        let mut page = Page::new(Format::Text);
        disks(&mut page, stats, |name| name == "sda" || name == "loop0");
        let page = page.finish();
        assert!(
            page.contains("node_disk_read_bytes_total{device=\"sda\"} 8192\n"),
            "{page}"
        );
        assert!(page.contains("node_disk_io_time_seconds_total{device=\"sda\"} 0.3\n"));
        assert!(!page.contains("sda1") && !page.contains("loop0"));
    }
}
