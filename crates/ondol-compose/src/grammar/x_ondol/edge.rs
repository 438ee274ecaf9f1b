//! `x-ondol.edge`: how clients from outside connect.

use super::super::{BOOL, DURATION, Object, PATH, PORT, Shape, TEXT};
use super::{ours, own};
use crate::grammar::Wrong;
use crate::tree::{Node, Span};

pub(super) static EDGE: Object = ours(&[
    own(
        "port",
        &PORT,
        "8080",
        "Port of the machine on which the routes of all services are served.",
    ),
    own(
        "proxy_protocol",
        &BOOL,
        "false",
        "A balancer stands before the edge and begins every connection with a PROXY header, version 1 or 2. Who connects without one is refused.",
    ),
    own(
        "https",
        &HTTPS,
        "",
        "The same routes by TLS, with HTTP/2. Short: the port.",
    ),
]);

static HTTPS: Shape = Shape::Short(
    https,
    &Shape::Object(&Object {
        required: &["port"],
        ..ours(&[
            own("port", &PORT, "", "Port of the machine for TLS."),
            own(
                "certificates",
                &Shape::List(&CERTIFICATE),
                "[]",
                "Certificates in files. They are read again when the files change, and used from the next connection on.",
            ),
            own(
                "issue",
                &Shape::Choice(&["development", "acme", "nobody"]),
                "development",
                "Who issues certificates for the hosts of routes that none of those files is for. `development` is an authority of this machine, which `ondol trust` makes browsers believe.",
            ),
            own(
                "acme",
                &ACME,
                "",
                "A public authority (RFC 8555). It checks the hosts at port 80 (HTTP-01) or 443 (TLS-ALPN-01), which must lead here.",
            ),
            own(
                "redirect",
                &BOOL,
                "false",
                "Requests without TLS are sent here (308).",
            ),
            own(
                "hsts",
                &DURATION,
                "",
                "How long browsers are told to use nothing but TLS (RFC 6797).",
            ),
            own("clients", &CLIENTS, "", "Certificates of clients."),
        ])
    }),
);

static CERTIFICATE: Shape = Shape::Object(&Object {
    required: &["cert", "key"],
    ..ours(&[
        own(
            "cert",
            &PATH,
            "",
            "The certificate and those that lead to a root, as PEM.",
        ),
        own("key", &PATH, "", "Its private key, as PEM."),
    ])
});

static ACME: Shape = Shape::Object(&ours(&[
    own(
        "directory",
        &TEXT,
        "Let's Encrypt",
        "Address of the authority's directory.",
    ),
    own(
        "email",
        &TEXT,
        "",
        "Where the authority writes to when something is wrong.",
    ),
    own(
        "ca",
        &PATH,
        "those of the machine",
        "Certificates that the directory itself is checked with, as PEM.",
    ),
]));

static CLIENTS: Shape = Shape::Object(&Object {
    required: &["ca"],
    ..ours(&[
        own("ca", &PATH, "", "Who issues them, as PEM."),
        own(
            "required",
            &BOOL,
            "true",
            "Nobody is served without one. The subject reaches services as `X-Client-Subject`.",
        ),
    ])
});

/// `https: 8443`.
fn https(text: &str, span: Span) -> Result<Vec<Node>, Wrong> {
    Ok(vec![Node::map_node(
        [("port", Node::text_node(text, span))],
        span,
    )])
}
