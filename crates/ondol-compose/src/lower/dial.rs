use std::path::PathBuf;

use ondol_model::{Dial, DialTls, Route};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;

/// How the proxy speaks to a service.
pub(super) fn dial(node: &Node) -> Dial {
    let Some(own) = node.get("x-ondol") else {
        return Dial::default();
    };
    Dial {
        http2: read::text(own, &["protocol"]).as_deref() == Some("http2"),
        tls: own.get("tls").map(tls),
        proxy_protocol: read::number(own, &["proxy_protocol"]),
        underscores: read::flag(own, &["underscores"]),
    }
}

fn tls(node: &Node) -> DialTls {
    DialTls {
        ca: read::text(node, &["ca"]).map(PathBuf::from),
        ca_pem: None,
        server_name: read::text(node, &["server_name"]),
        insecure: read::flag(node, &["insecure"]),
    }
}

/// A route that hands TLS on is chosen by the name in it, and by nothing else.
pub(super) fn check_passthrough(
    service: &str,
    route: &Route,
    node: &Node,
    findings: &mut Findings,
) {
    let plain = route.when.is_empty() && route.treatment.is_plain() && !route.strip;
    if !route.passthrough || (route.host.is_some() && route.path == "/" && plain) {
        return;
    }
    findings.add(
        error(
            "bad-value",
            format!("`services.{service}` has a route with `passthrough` that is not a host alone"),
        )
        .at(node.span)
        .help("write `host: db.example, passthrough: true`: the path is encrypted"),
    );
}
