use ondol_model::Check;

use super::super::image::{Ask, Image, ImageFile, words};
use super::{Known, Server, probe, script};
use crate::{Before, DataDir, LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["nginx"],
    title: "nginx",
    servers: &["nginx"],
    places: &[],
    packages: &[&["nginx"]],
    versioned: "nginx",
    version_flag: "-v",
    image,
};

/// The image's `/etc/nginx/nginx.conf`, written by us: everything comes from `conf.d`.
const MAIN: &str = "\
user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events {
    worker_connections 1024;
}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log combined;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
";

/// Fills in templates and runs `/docker-entrypoint.d`, as the image's entry point does.
const START_UP: &str = include_str!("nginx.sh");

/// The official image: `nginx -g 'daemon off;'`, a site below `/usr/share/nginx/html`, logs to the output.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let mut image = Image {
        ports: vec![80],
        stop_signal: Some("SIGQUIT".into()),
        users: vec![UserEntry {
            name: "nginx".into(),
            id: 101,
            home: "/nonexistent".into(),
        }],
        data_dirs: [
            "/var/cache/nginx",
            "/var/lib/nginx",
            "/var/log/nginx",
            "/run",
            "/etc/nginx/conf.d",
        ]
        .iter()
        .map(|path| DataDir {
            path: (*path).into(),
            owner: None,
            mode: 0o755,
        })
        .collect(),
        ready: Some(probe(Check::Tcp { port: None })),
        files: vec![
            ImageFile::text("/etc/nginx/nginx.conf", MAIN),
            ImageFile::text("/etc/nginx/conf.d/default.conf", default_site()),
            ImageFile::link("/var/log/nginx/access.log", "/dev/stdout"),
            ImageFile::link("/var/log/nginx/error.log", "/dev/stderr"),
        ],
        ..Image::default()
    };
    if let Some(args) = ask.server_args(&["nginx", "nginx-debug"]) {
        image.before.push(Before {
            argv: script(START_UP, &[]),
            user: None,
            unless_exists: None,
        });
        let mut argv = words(&[&server.name]);
        if !args.iter().any(|arg| arg.contains("daemon")) {
            argv.extend(words(&["-g", "daemon off;"]));
        }
        argv.extend(args);
        image.argv = Some(argv);
    }
    image
}

fn default_site() -> String {
    format!(
        "server {{\n    listen {LISTEN_IP}:{LISTEN_PORT};\n    server_name localhost;\n    location / {{\n        \
         root /usr/share/nginx/html;\n        index index.html index.htm;\n    }}\n    error_page 500 502 503 504 \
         /50x.html;\n}}\n"
    )
}
