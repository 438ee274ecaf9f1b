use crate::findings::{Findings, error};
use crate::tree::{Node, Span};
use ondol_model::did_you_mean;

/// What a service names must be defined at the top of the file.
pub(super) fn validate(name: &str, service: &Node, tree: &Node, findings: &mut Findings) {
    for (network, entry) in service.get("networks").into_iter().flat_map(Node::entries) {
        if &**network != "default" {
            known(
                name,
                ("network", "networks"),
                network,
                entry.key,
                tree,
                findings,
            );
        }
    }
    for section in ["secrets", "configs"] {
        let singular = section.trim_end_matches('s');
        for source in service.get(section).into_iter().flat_map(Node::items) {
            if let Some((node, text)) = source
                .get("source")
                .and_then(|node| Some((node, node.text()?)))
            {
                known(name, (singular, section), text, node.span, tree, findings);
            }
        }
    }
    for mount in service.get("volumes").into_iter().flat_map(Node::items) {
        let is_volume = mount.get("type").and_then(Node::text) == Some("volume");
        if let Some((node, text)) = mount
            .get("source")
            .and_then(|node| Some((node, node.text()?)))
            && is_volume
        {
            known(name, ("volume", "volumes"), text, node.span, tree, findings);
        }
    }
}

fn known(
    service: &str,
    (what, section): (&str, &str),
    name: &str,
    span: Span,
    tree: &Node,
    findings: &mut Findings,
) {
    let defined = tree.get(section);
    if defined.is_some_and(|defined| defined.get(name).is_some()) {
        return;
    }
    let shown: String = name.chars().take(60).collect();
    let names = defined.into_iter().flat_map(Node::entries);
    let close = did_you_mean(name, names.map(|(name, _)| &**name));
    let help = match what {
        "volume" => format!(
            "add it at the top of the file, `volumes: {{{shown}: {{}}}}`, or write ./{shown} for a folder"
        ),
        _ => format!("add it at the top of the file, below `{section}:`"),
    };
    findings.add(
        error(
            "undefined",
            format!("`services.{service}` uses the {what} `{shown}`, which is not defined"),
        )
        .at(span)
        .help(help)
        .help_maybe(close),
    );
}

/// A secret or a config says where its content comes from, once.
pub(super) fn stored_files(tree: &Node, findings: &mut Findings) {
    for section in ["secrets", "configs"] {
        for (name, entry) in tree.get(section).into_iter().flat_map(Node::entries) {
            let is_external = |node: &Node| node.text() != Some("false");
            let origins = ["file", "environment", "content"];
            let origins = origins
                .iter()
                .filter(|key| entry.node.get(key).is_some())
                .count();
            let origins =
                origins + usize::from(entry.node.get("external").is_some_and(is_external));
            let driven = entry.node.get("driver").is_some();
            if origins == 1 || (origins == 0 && driven) {
                continue;
            }
            let problem = if origins == 0 {
                "says nowhere where its content comes from"
            } else {
                "says twice where its content comes from"
            };
            findings.add(
                error("bad-value", format!("`{section}.{name}` {problem}"))
                    .at(entry.key)
                    .help("give it one of `file`, `environment`, `content` or `external: true`"),
            );
        }
    }
}

/// A volume is a folder of that name on the machine: no path, and nothing that leads elsewhere.
pub(super) fn volume_names(tree: &Node, findings: &mut Findings) {
    for (key, entry) in tree.get("volumes").into_iter().flat_map(Node::entries) {
        let named = entry.node.get("name");
        let named = named.and_then(|node| Some((node.text()?, node.span)));
        let (name, span) = named.unwrap_or((key, entry.key));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) {
            continue;
        }
        let shown: String = name.chars().take(60).collect();
        findings.add(
            error("bad-name", format!("`{shown}` is not a name of a volume"))
                .at(span)
                .help("use letters, digits, `.`, `-` and `_`, and begin with a letter or digit"),
        );
    }
}
