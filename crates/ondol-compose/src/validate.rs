//! What only the whole project can be wrong about: names that nothing has, cycles, clashes.

mod depends;
mod ports;
mod references;
mod service;

use ondol_model::ServiceName;

use crate::findings::{Findings, error};
use crate::tree::Node;

/// Tells what is wrong with the merged tree.
pub(crate) fn validate(tree: &Node, findings: &mut Findings) {
    let Some(services) = tree
        .get("services")
        .and_then(Node::map)
        .filter(|map| !map.is_empty())
    else {
        if findings.errors == 0 {
            findings.add(
                error("no-services", "there is no service to run")
                    .help("add one below `services:`, or choose a profile with --profile"),
            );
        }
        return;
    };
    for (name, entry) in services {
        if let Err(why) = ServiceName::new(name) {
            findings.add(error("bad-name", why.to_string()).at(entry.key));
        }
        service::validate(name, entry, findings);
        references::validate(name, &entry.node, tree, findings);
    }
    references::stored_files(tree, findings);
    references::volume_names(tree, findings);
    depends::validate(services, findings);
    ports::validate(services, findings);
}
