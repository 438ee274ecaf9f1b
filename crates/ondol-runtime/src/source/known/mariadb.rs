use std::collections::BTreeMap;

use ondol_model::Check;

use super::super::image::{Ask, Image, ImageFile, words};
use super::{Known, Server, path_with, probe, script};
use crate::{Before, DataDir, LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["mariadb", "mysql", "mysql/mysql-server"],
    title: "mariadb",
    servers: &["mariadbd"],
    places: &[],
    packages: &[&["mariadb-server"]],
    versioned: "mariadb-server",
    version_flag: "--version",
    image,
};

const DATA: &str = "/var/lib/mysql";
const RUN: &str = "/run/mysqld";
/// Makes the database files, users and database, and runs `/docker-entrypoint-initdb.d`; like PostgreSQL's, whole or
/// not at all.
const START_UP: &str = include_str!("mariadb.sh");

/// The official images of MariaDB and MySQL: user `mysql`, first start by `MARIADB_*` or `MYSQL_*` and their `_FILE`
/// forms. Debian has MariaDB for both.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let socket = format!("{RUN}/mysqld.sock");
    let owned = |path: &str| DataDir {
        path: path.into(),
        owner: Some("mysql".into()),
        mode: 0o755,
    };
    let mut image = Image {
        env: BTreeMap::from([
            ("PATH".to_string(), path_with(&server.program.dir)),
            ("HOME".to_string(), DATA.to_string()),
            // Where the clients look, the readiness check and the file's own healthchecks among them.
            ("MYSQL_UNIX_PORT".to_string(), socket.clone()),
        ]),
        user: Some("mysql".into()),
        ports: vec![3306],
        users: vec![UserEntry {
            name: "mysql".into(),
            id: 999,
            home: DATA.into(),
        }],
        data_dirs: vec![owned(DATA), owned(RUN)],
        // A bare connection counts as an error of that client; ping says yes even without a password.
        ready: Some(probe(Check::Exec {
            command: words(&["mariadb-admin", "--no-defaults", "ping", "--silent"]),
        })),
        // Made by update-alternatives, which is not run; the user's files in conf.d are read by it.
        files: vec![ImageFile::link(
            "/etc/mysql/my.cnf",
            "/etc/mysql/mariadb.cnf",
        )],
        ..Image::default()
    };
    let is_mysql = server.repository != "mariadb";
    if is_mysql {
        image.warnings.push(format!(
            "{} runs as MariaDB{}, which the distribution has in its place. Use a container engine if the \
             difference matters",
            server.repository,
            server.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default(),
        ));
    }
    let Some(args) = ask.server_args(&["mysqld", "mariadbd"]) else {
        return image;
    };
    if let Some(port) = args
        .iter()
        .find_map(|arg| arg.strip_prefix("--port=")?.parse().ok())
    {
        image.ports = vec![port];
    }
    image.before.push(Before {
        argv: script(START_UP, &[DATA, RUN]),
        user: None,
        unless_exists: Some(format!("{DATA}/mysql")),
    });
    let mut argv = words(&["mariadbd"]);
    // Files below these are the user's; Debian's own defaults are not the image's.
    argv.push(format!("--datadir={DATA}"));
    argv.push(format!("--socket={socket}"));
    argv.push(format!("--pid-file={RUN}/mysqld.pid"));
    argv.push(format!("--bind-address={LISTEN_IP}"));
    argv.push("--skip-name-resolve".into());
    if !ask.layered {
        argv.push(format!("--port={LISTEN_PORT}"));
    }
    argv.extend(
        args.into_iter()
            .map(|arg| if is_mysql { loose(&arg) } else { arg }),
    );
    image.argv = Some(argv);
    image
}

/// An option that MariaDB may not know is only warned about by it: `--default-authentication-plugin=...`.
fn loose(arg: &str) -> String {
    match arg.strip_prefix("--") {
        Some(option)
            if !option.starts_with("loose")
                && option != "defaults-file"
                && !option.starts_with("defaults-") =>
        {
            format!("--loose-{option}")
        }
        _ => arg.to_string(),
    }
}
