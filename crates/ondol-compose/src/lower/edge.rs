use std::path::PathBuf;

use ondol_model::{Acme, CertificateFiles, ClientCertificates, EDGE_PORT, Edge, Https, Issue};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;

/// Let's Encrypt.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// `x-ondol.edge`, with its port.
pub(super) fn edge(tree: &Node, findings: &mut Findings) -> (u16, Edge) {
    let Some(node) = tree.at(&["x-ondol", "edge"]) else {
        return (EDGE_PORT, Edge::default());
    };
    let port = read::number(node, &["port"]).unwrap_or(EDGE_PORT);
    let https = node
        .get("https")
        .and_then(|https| self::https(https, findings));
    if let (Some(https), Some(at)) = (&https, node.get("https"))
        && https.port == port
    {
        findings.add(
            error(
                "port-conflict",
                format!("the edge is to speak with and without TLS at port {port}"),
            )
            .at(at.span)
            .help("give `https` another port, such as 8443"),
        );
    }
    let proxy_protocol = read::flag(node, &["proxy_protocol"]);
    let edge = Edge {
        proxy_protocol,
        https,
    };
    (port, edge)
}

fn https(node: &Node, findings: &mut Findings) -> Option<Https> {
    let certificates = node
        .get("certificates")
        .map(Node::items)
        .unwrap_or_default();
    let files = |node: &Node| {
        Some(CertificateFiles {
            cert: path(node, "cert")?,
            key: path(node, "key")?,
        })
    };
    Some(Https {
        // A mapping without it was refused.
        port: read::number(node, &["port"])?,
        certificates: certificates.iter().filter_map(files).collect(),
        issue: issue(node, findings),
        redirect: read::flag(node, &["redirect"]),
        hsts: read::duration(node, &["hsts"]),
        clients: node.get("clients").and_then(clients),
    })
}

fn issue(node: &Node, findings: &mut Findings) -> Issue {
    let said = read::text(node, &["issue"]);
    let acme = node.get("acme");
    if let (Some(acme), Some("development" | "nobody")) = (acme, said.as_deref()) {
        findings.add(
            error(
                "bad-value",
                "an authority is named by `acme`, and `issue` says another",
            )
            .at(acme.span)
            .help("write `issue: acme`, or leave `acme` out"),
        );
    }
    match said.as_deref() {
        Some("nobody") => Issue::Nobody,
        Some("acme") => Issue::Acme(self::acme(acme)),
        None if acme.is_some() => Issue::Acme(self::acme(acme)),
        _ => Issue::Development,
    }
}

fn acme(node: Option<&Node>) -> Acme {
    let text = |key| node.and_then(|node| read::text(node, &[key]));
    Acme {
        directory: text("directory").unwrap_or_else(|| DIRECTORY.to_owned()),
        email: text("email"),
        ca: node.and_then(|node| path(node, "ca")),
    }
}

fn clients(node: &Node) -> Option<ClientCertificates> {
    Some(ClientCertificates {
        ca: path(node, "ca")?,
        required: read::text(node, &["required"]).as_deref() != Some("false"),
    })
}

fn path(node: &Node, key: &str) -> Option<PathBuf> {
    read::text(node, &[key]).map(PathBuf::from)
}
