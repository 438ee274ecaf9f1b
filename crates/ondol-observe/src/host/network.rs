//! `/proc/net/dev`.

use ondol_telemetry::{Kind, Page};

/// Columns of `/proc/net/dev` (proc_net(5)) and what node_exporter calls them.
const COLUMNS: [(usize, &str); 8] = [
    (0, "receive_bytes"),
    (1, "receive_packets"),
    (2, "receive_errs"),
    (3, "receive_drop"),
    (8, "transmit_bytes"),
    (9, "transmit_packets"),
    (10, "transmit_errs"),
    (11, "transmit_drop"),
];

pub(super) fn describe(page: &mut Page, dev: &str) {
    let devices: Vec<(&str, Vec<f64>)> = dev.lines().filter_map(device).collect();
    for (column, name) in COLUMNS {
        let family = format!("node_network_{name}");
        page.family(&family, Kind::Counter, "A column of /proc/net/dev.");
        for (device, columns) in &devices {
            if let Some(value) = columns.get(column) {
                page.sample(&format!("{family}_total"), &[("device", device)], *value);
            }
        }
    }
}

/// A line; replicas' own ends of their networks come and go, and are told with the replicas.
fn device(line: &str) -> Option<(&str, Vec<f64>)> {
    let (name, columns) = line.split_once(':')?;
    let name = name.trim();
    let columns = columns.split_ascii_whitespace();
    let columns: Vec<f64> = columns.filter_map(|column| column.parse().ok()).collect();
    (!name.starts_with("veth") && !columns.is_empty()).then_some((name, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ondol_telemetry::Format;

    #[test]
    fn devices_are_told_apart() {
        let dev = "Inter-| Receive\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\nveth1: 9 9 9 9 9 9 9 9 9 9 9 9\n";
        let mut page = Page::new(Format::Text);
        describe(&mut page, dev);
        let page = page.finish();
        assert!(
            page.contains("node_network_receive_bytes_total{device=\"lo\"} 10\n"),
            "{page}"
        );
        assert!(page.contains("node_network_transmit_packets_total{device=\"lo\"} 2\n"));
        assert!(!page.contains("veth1"));
    }
}
