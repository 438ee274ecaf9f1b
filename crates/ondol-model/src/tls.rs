//! Certificates, and how connections begin before there is a request.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ServiceRef;

/// `x-ondol.edge` beside its port: how clients from outside connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edge {
    /// A balancer stands before the edge: every connection begins with a PROXY header that says who the client is
    /// (PROXY protocol, version 1 or 2).
    pub proxy_protocol: bool,
    /// The same routes by TLS, at a port of their own.
    pub https: Option<Https>,
}

/// `x-ondol.edge.https`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Https {
    /// Port of the machine.
    pub port: u16,
    /// Certificates that the file names; they win over those that are issued.
    pub certificates: Vec<CertificateFiles>,
    /// Where certificates for the hosts of other routes come from.
    pub issue: Issue,
    /// Requests at the port without TLS are sent here.
    pub redirect: bool,
    /// Browsers are told to use nothing else for so long (RFC 6797).
    pub hsts: Option<Duration>,
    /// Certificates of clients.
    pub clients: Option<ClientCertificates>,
}

/// A certificate with its chain and its key, both as PEM in files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// The certificate and those that lead to a root, absolute.
    pub cert: PathBuf,
    /// Its private key, absolute.
    pub key: PathBuf,
}

/// Who issues certificates for hosts without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issue {
    /// The development authority of this machine; `ondol trust` makes browsers believe it.
    #[default]
    Development,
    /// A public authority (RFC 8555).
    Acme(Acme),
    /// Nobody: such hosts are not served by TLS.
    Nobody,
}

/// `x-ondol.edge.https.acme`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Acme {
    /// The authority's directory.
    pub directory: String,
    /// Where it writes to when something is wrong.
    pub email: Option<String>,
    /// Certificates that the directory itself is checked with, as PEM, absolute; `None` takes those of the machine.
    pub ca: Option<PathBuf>,
}

/// Certificates that clients show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificates {
    /// Who issues them, as PEM, absolute.
    pub ca: PathBuf,
    /// Nobody is served without one.
    pub required: bool,
}

/// How the proxy speaks to a service: `protocol`, `tls`, `proxy_protocol` and `underscores` of its `x-ondol`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dial {
    /// HTTP/2, by TLS or without. Calls of gRPC use it in any case.
    pub http2: bool,
    /// TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<DialTls>,
    /// Each connection begins with a PROXY header of this version, 1 or 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<u8>,
    /// Headers of clients from outside whose name has `_` go on to it, though some servers take that for `-`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub underscores: bool,
}

/// `x-ondol.tls` of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DialTls {
    /// Whom to believe about the service's certificate, absolute; `None` is the development authority of this machine.
    pub ca: Option<PathBuf>,
    /// What is in that file; put in by the node.
    pub ca_pem: Option<String>,
    /// The name that the certificate must have; `None` is the service's.
    pub server_name: Option<String>,
    /// Believe any certificate.
    pub insecure: bool,
}

/// How the connections of a listener begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Opening {
    /// With a PROXY header.
    pub proxy_protocol: bool,
    /// With TLS; the certificates are those of [`crate::Snapshot::certificates`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<OpeningTls>,
    /// Without TLS, but requests are sent to this port, where there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<u16>,
}

impl Opening {
    /// Whether they begin with a request.
    pub fn is_plain(&self) -> bool {
        *self == Opening::default()
    }
}

/// TLS at a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpeningTls {
    /// Who issues the certificates of clients, as PEM; `None` asks for none.
    pub client_ca_pem: Option<String>,
    /// Nobody is served without one.
    pub client_required: bool,
    /// See [`Https::hsts`].
    pub hsts: Option<Duration>,
    /// By the name that the client asks for (`db.example`, `*.db.example`): services that do TLS themselves, and
    /// the port. The connection is handed on as it is.
    pub pass: BTreeMap<String, (ServiceRef, u16)>,
}

/// A certificate that the proxy shows. Which names it is for stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// It and those that lead to a root, as PEM.
    pub chain_pem: String,
    /// Its private key, as PEM.
    pub key_pem: Secret,
    /// Shown only to an authority that checks this name by TLS-ALPN-01 (RFC 8737); else `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_a_log() {
        let certificate = Certificate {
            chain_pem: "chain".to_owned(),
            key_pem: Secret("private".to_owned()),
            challenge: None,
        };
        assert!(!format!("{certificate:?}").contains("private"));
    }

    #[test]
    fn what_says_nothing_is_read_back_as_it_was() {
        let read = |text: &str| serde_json::from_str::<Opening>(text).unwrap();
        assert!(read("{}").is_plain());
        assert_eq!(serde_json::from_str::<Edge>("{}").unwrap(), Edge::default());
    }
}
