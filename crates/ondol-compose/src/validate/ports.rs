use std::collections::BTreeMap;

use crate::findings::{Findings, error};
use crate::tree::{Map, Node, Span};

/// A port of the machine can be published once.
pub(super) fn validate(services: &Map, findings: &mut Findings) {
    /// By number and protocol: the addresses it is taken on, by which service and where.
    type Taken<'a> = BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'a str, Span)>>;
    let mut taken = Taken::new();
    for (name, entry) in services {
        for port in entry
            .node
            .get("ports")
            .into_iter()
            .flat_map(|list| list.items())
        {
            let text = |key: &str| port.get(key).and_then(Node::text).unwrap_or_default();
            let published = text("published");
            if matches!(published, "" | "0") || published.contains('-') {
                continue;
            }
            let address = match text("host_ip") {
                "0.0.0.0" | "::" => "",
                address => address,
            };
            let others = taken.entry((published, text("protocol"))).or_default();
            let clash = others
                .iter()
                .find(|(other, ..)| other.is_empty() || address.is_empty() || *other == address);
            if let Some((_, other, span)) = clash {
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
            others.push((address, name, port.span));
        }
    }
}
