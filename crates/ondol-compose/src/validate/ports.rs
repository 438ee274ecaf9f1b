use std::collections::BTreeMap;

use crate::findings::{Findings, error};
use crate::tree::{Map, Node, Span};

/// A port of the machine can be published once.
pub(super) fn validate(services: &Map, findings: &mut Findings) {
    /// By number and protocol, then by address: which service takes it, and where.
    type Taken<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<&'a str, (&'a str, Span)>>;
    let mut taken = Taken::new();
    for (name, entry) in services {
        for port in entry.node.get("ports").into_iter().flat_map(Node::items) {
            let text = |key: &str| port.get(key).and_then(Node::text).unwrap_or_default();
            let published = text("published");
            if matches!(published, "" | "0") || published.contains('-') {
                continue;
            }
            let address = match text("host_ip") {
                "0.0.0.0" | "::" => "",
                address => address,
            };
            let addresses = taken.entry((published, text("protocol"))).or_default();
            let every = addresses.get("").filter(|_| !address.is_empty());
            let any = addresses.values().next().filter(|_| address.is_empty());
            if let Some((other, span)) = addresses.get(address).or(every).or(any) {
                let who = match *other == &**name {
                    true => format!("`services.{name}` publishes port {published} twice"),
                    false => format!(
                        "`services.{other}` and `services.{name}` both publish port {published}"
                    ),
                };
                findings.add(
                    error("port-conflict", who)
                        .at(port.span)
                        .see(*span, "taken here")
                        .help("publish one of them on another port, such as \"8081:80\""),
                );
            }
            addresses.entry(address).or_insert((name, port.span));
        }
    }
}
