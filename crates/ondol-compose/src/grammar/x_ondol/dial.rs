//! `x-ondol.protocol`, `tls` and `proxy_protocol` of a service: how the proxy speaks to it.

use super::super::{BOOL, Object, PATH, Shape, TEXT};
use super::{ours, own};
use crate::grammar::Wrong;
use crate::tree::{Node, Span};

pub(super) static PROTOCOL: Shape = Shape::Choice(&["http1", "http2"]);

pub(super) static PROXY_PROTOCOL: Shape = Shape::Whole { min: 1, max: 2 };

pub(super) static TLS: Shape = Shape::Short(tls, &Shape::Object(&TLS_KEYS));

static TLS_KEYS: Object = ours(&[
    own(
        "ca",
        &PATH,
        "the development authority",
        "Who issues the service's certificate, as PEM.",
    ),
    own(
        "server_name",
        &TEXT,
        "the service's name",
        "The name that the certificate must have.",
    ),
    own(
        "insecure",
        &BOOL,
        "false",
        "Believe any certificate: the connection is encrypted, and nobody knows to whom.",
    ),
]);

/// `tls: true`.
fn tls(text: &str, span: Span) -> Result<Vec<Node>, Wrong> {
    match text {
        "true" => Ok(vec![Node::map_node([], span)]),
        _ => Err(Wrong {
            message: format!("`tls` is `{text}`, which is neither `true` nor a mapping"),
            help: "write `tls: true`, or `tls: {ca: ./ca.pem}`",
        }),
    }
}
