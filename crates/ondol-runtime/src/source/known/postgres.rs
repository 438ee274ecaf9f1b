use std::collections::BTreeMap;

use ondol_model::Check;

use super::super::image::{Ask, Image, words};
use super::{Known, Server, path_with, probe, script};
use crate::{Before, DataDir, LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["postgres"],
    title: "postgres",
    servers: &["postgres"],
    places: &["/usr/lib/postgresql/*/bin"],
    packages: &[&["postgresql"]],
    versioned: "postgresql",
    version_flag: "--version",
    image,
};

const HOME: &str = "/var/lib/postgresql";
const DATA: &str = "/var/lib/postgresql/data";
const SOCKETS: &str = "/var/run/postgresql";
/// Makes the database cluster, user and database, and runs `/docker-entrypoint-initdb.d`. Everything is made in a
/// folder beside the data and moved in at the end, so that an end in the middle leaves nothing half made.
const START_UP: &str = include_str!("postgres.sh");

/// The official image: user `postgres`, `PGDATA`, first start by `POSTGRES_*` and their `_FILE` forms.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let data = ask.env("PGDATA").unwrap_or(DATA);
    let mut env = BTreeMap::from([
        ("PGDATA".to_string(), data.to_string()),
        ("PATH".to_string(), path_with(&server.program.dir)),
        ("LANG".to_string(), "C.UTF-8".to_string()),
        ("HOME".to_string(), HOME.to_string()),
    ]);
    if !ask.layered {
        // Tools in the replica, the readiness check among them, find the moved server by these.
        env.insert("PGHOST".into(), LISTEN_IP.into());
        env.insert("PGPORT".into(), LISTEN_PORT.into());
    }
    let owned = |path: &str, mode| DataDir {
        path: path.into(),
        owner: Some("postgres".into()),
        mode,
    };
    let mut image = Image {
        env,
        user: Some("postgres".into()),
        ports: vec![5432],
        stop_signal: Some("SIGINT".into()),
        users: vec![UserEntry {
            name: "postgres".into(),
            id: 999,
            home: HOME.into(),
        }],
        data_dirs: vec![
            owned(HOME, 0o755),
            owned(data, 0o700),
            owned(SOCKETS, 0o775),
        ],
        ready: Some(probe(Check::Exec {
            command: words(&["pg_isready", "-q"]),
        })),
        ..Image::default()
    };
    let Some(args) = ask.server_args(&["postgres"]) else {
        return image;
    };
    image.before.push(Before {
        argv: script(START_UP, &[data, SOCKETS]),
        user: None,
        unless_exists: Some(format!("{data}/PG_VERSION")),
    });
    if let Some(port) = port_of(&args) {
        image.ports = vec![port];
        let command = words(&["pg_isready", "-q", "-p", &port.to_string()]);
        image.ready = Some(probe(Check::Exec { command }));
    }
    let mut argv = words(&["postgres", "-c"]);
    argv.push(format!("listen_addresses={LISTEN_IP}"));
    argv.push("-c".into());
    argv.push(format!("unix_socket_directories={SOCKETS}"));
    if !ask.layered {
        argv.extend(words(&["-p", LISTEN_PORT]));
    }
    argv.extend(args);
    image.argv = Some(argv);
    image
}

/// The port that arguments ask for: `-p 5433`, `-c port=5433`.
fn port_of(args: &[String]) -> Option<u16> {
    args.windows(2).find_map(|pair| match pair[0].as_str() {
        "-p" => pair[1].parse().ok(),
        "-c" => pair[1].strip_prefix("port=")?.parse().ok(),
        _ => None,
    })
}
