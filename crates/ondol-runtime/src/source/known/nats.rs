use ondol_model::Check;

use super::super::image::{Ask, Image, ImageFile, words};
use super::{Known, Server, probe};
use crate::{DataDir, LISTEN_IP, LISTEN_PORT};

pub(super) const KNOWN: Known = Known {
    repositories: &["nats"],
    title: "nats",
    servers: &["nats-server"],
    places: &[],
    packages: &[&["nats-server"]],
    versioned: "nats-server",
    version_flag: "--version",
    image,
};

const CONFIG_PATH: &str = "/etc/nats/nats-server.conf";
/// The image's default: clients, monitoring and routes on their usual ports.
const CONFIG: &str = "\
client_advertise: \"\"
http: 0.0.0.0:8222
cluster { name: ondol, listen: 0.0.0.0:6222 }
";

/// The official image: `nats-server` with its default configuration, or only with the arguments that are given.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let mut image = Image {
        ports: vec![4222],
        ready: Some(probe(Check::Tcp { port: Some(4222) })),
        data_dirs: vec![DataDir {
            path: "/data".into(),
            owner: None,
            mode: 0o755,
        }],
        ..Image::default()
    };
    let Some(args) = ask.server_args(&["nats-server"]) else {
        return image;
    };
    let mut argv = vec![server.name.clone()];
    if !ask.layered {
        argv.extend(words(&["-a", LISTEN_IP, "-p", LISTEN_PORT]));
    } else if args.is_empty() {
        image.ports = vec![4222, 8222, 6222];
        image.files.push(ImageFile::text(CONFIG_PATH, CONFIG));
        argv.extend(words(&["--config", CONFIG_PATH]));
    }
    argv.extend(args);
    image.argv = Some(argv);
    image
}
