use ondol_model::Check;

use super::super::image::{Ask, Image, words};
use super::{Known, Server, probe};
use crate::{LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["memcached"],
    title: "memcached",
    servers: &["memcached"],
    places: &[],
    packages: &[&["memcached"]],
    versioned: "memcached",
    version_flag: "--version",
    image,
};

/// The official image: `memcached` as user `memcache`, everything by arguments.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let mut image = Image {
        user: Some("memcache".into()),
        ports: vec![11211],
        users: vec![UserEntry {
            name: "memcache".into(),
            id: 11211,
            home: "/nonexistent".into(),
        }],
        ready: Some(probe(Check::Tcp { port: Some(11211) })),
        ..Image::default()
    };
    if let Some(args) = ask.server_args(&["memcached"]) {
        let mut argv = vec![server.name.clone()];
        if !ask.layered {
            argv.extend(words(&["-l", LISTEN_IP, "-p", LISTEN_PORT]));
        }
        argv.extend(args);
        image.argv = Some(argv);
    }
    image
}
