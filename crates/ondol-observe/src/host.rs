//! The machine, as Linux shows it in `/proc` and `/sys`, under the names that node_exporter has made known.

mod disks;
mod kernel;
mod memory;
mod network;
pub(crate) mod process;

use std::fs;
use std::path::Path;

use ondol_telemetry::{Format, Kind, Page};

/// What this machine is called, in letters that a name of a machine may have.
pub(crate) fn name() -> String {
    let mut name = read(Path::new("/proc/sys/kernel/hostname"));
    name.retain(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    match name.is_empty() {
        true => "localhost".to_owned(),
        false => name,
    }
}

/// Everything that is known of it, in the text format.
pub(crate) fn page() -> String {
    let (proc, sys) = (Path::new("/proc"), Path::new("/sys"));
    let mut page = Page::new(Format::Text);
    kernel::describe(&mut page, proc);
    memory::describe(&mut page, &read(&proc.join("meminfo")));
    disks::describe(&mut page, proc, sys);
    network::describe(&mut page, &read(&proc.join("net/dev")));
    page.finish()
}

/// A file's text; empty where it cannot be read: what a machine does not show has no series.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn gauge(page: &mut Page, name: &str, help: &str, value: f64) {
    page.family(name, Kind::Gauge, help);
    page.sample(name, &[], value);
}
