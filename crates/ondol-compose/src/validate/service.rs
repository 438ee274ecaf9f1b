use crate::findings::{Findings, error, warning};
use crate::normalise::is_remote;
use crate::tree::{Entry, Node};

/// What one service is wrong about by itself.
pub(super) fn validate(name: &str, entry: &Entry, findings: &mut Findings) {
    let service = &entry.node;
    has_something_to_run(name, entry, findings);
    let replicas = service.at(&["deploy", "replicas"]).or(service.get("scale"));
    if let (Some(container), Some(replicas)) = (service.get("container_name"), replicas)
        && replicas.text().and_then(|text| text.parse::<u32>().ok()) > Some(1)
    {
        findings.add(
            error(
                "conflict",
                format!(
                    "`services.{name}` has a `container_name`, so it cannot have several replicas"
                ),
            )
            .at(container.span)
            .see(replicas.span, "several are wanted here")
            .help("remove `container_name`; replicas are named after their service"),
        );
    }
    if let (Some(mode), Some(networks)) = (service.get("network_mode"), service.get("networks")) {
        findings.add(
            error(
                "conflict",
                format!("`services.{name}` has both `network_mode` and `networks`"),
            )
            .at(mode.span)
            .see(networks.span, "and here")
            .help("keep one of them"),
        );
    }
    let mode = service.get("network_mode");
    if let Some((mode, text)) = mode.and_then(|mode| Some((mode, mode.text()?)))
        && !matches!(text, "host" | "bridge" | "default")
    {
        let text: String = text.chars().take(60).collect();
        findings.add(
            warning(
                "not-acted-on",
                format!(
                    "`network_mode: {text}` is not acted on: `{name}` gets a network of its own"
                ),
            )
            .at(mode.span)
            .help("services reach each other by name; Ondol knows host and bridge"),
        );
    }
    healthcheck(name, service, findings);
    build_context(name, service, findings);
}

/// Nothing is fetched to be built.
fn build_context(name: &str, service: &Node, findings: &mut Findings) {
    let Some(context) = service.at(&["build", "context"]) else {
        return;
    };
    if let Some(text) = context.text().filter(|text| is_remote(text)) {
        let shown: String = text.chars().take(100).collect();
        let repository = shown.split('#').next().unwrap_or_default();
        findings.add(
            error(
                "remote-context",
                format!("`services.{name}.build` is at {shown}, which is not on this machine"),
            )
            .at(context.span)
            .label("expected: a folder")
            .help(format!(
                "`git clone {repository} {name}`, and then `build: ./{name}`"
            )),
        );
    }
}

fn has_something_to_run(name: &str, entry: &Entry, findings: &mut Findings) {
    let service = &entry.node;
    let has = |key: &str| service.get(key).is_some();
    if has("extends") {
        // It could not be extended, which was told; what it would run is not known.
    } else if has("provider") {
        findings.add(
            warning("not-acted-on", format!("`services.{name}` is left out: Ondol does not call other tools to run a service"))
                .at(entry.key)
                .help("give it an `image`, a `build` or a `command` instead of `provider`"),
        );
    } else if !has("image") && !has("build") && (has("command") || has("entrypoint")) {
        findings.add(
            warning(
                "no-image",
                format!("`services.{name}` has neither `image` nor `build`; only Ondol can run it"),
            )
            .at(entry.key)
            .help("add `build: ./folder` to keep the file valid for other Compose tools"),
        );
    } else if !has("image") && !has("build") {
        findings.add(
            error(
                "nothing-to-run",
                format!("`services.{name}` has neither `image`, `build` nor `command`"),
            )
            .at(entry.key)
            .help("add `build: ./folder` with a Dockerfile, an `image`, or a `command` to run"),
        );
    }
}

fn healthcheck(name: &str, service: &Node, findings: &mut Findings) {
    let Some(check) = service.get("healthcheck") else {
        return;
    };
    let is_disabled = check.get("disable").and_then(Node::text) == Some("true");
    let Some(test) = check.get("test") else {
        if !is_disabled && check.entries().next().is_some() {
            findings.add(
                warning(
                    "no-effect",
                    format!(
                        "`services.{name}.healthcheck` has no `test`, so its times say nothing"
                    ),
                )
                .at(check.span)
                .help("add `test:`, such as [\"CMD\", \"curl\", \"-f\", \"http://localhost/\"]"),
            );
        }
        return;
    };
    let mut words = test.items().iter().filter_map(Node::text);
    let problem = match (words.next(), words.count()) {
        (Some("NONE"), 0) => return,
        (Some("CMD"), 1..) | (Some("CMD-SHELL"), 1) => return,
        (Some("CMD" | "CMD-SHELL" | "NONE"), _) => "has the wrong number of words behind its first",
        _ => "must begin with CMD, CMD-SHELL or NONE when it is a list",
    };
    findings.add(
        error(
            "bad-value",
            format!("`services.{name}.healthcheck.test` {problem}"),
        )
        .at(test.span)
        .help(
            "write [\"CMD\", \"program\", \"argument\"], or the command as one text for the shell",
        ),
    );
}
