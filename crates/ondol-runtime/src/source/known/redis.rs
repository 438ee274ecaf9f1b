use ondol_model::Check;

use super::super::image::{Ask, Image, ImageFile, TOOLS, words};
use super::{Known, Server, probe};
use crate::{DataDir, LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["redis", "valkey/valkey"],
    title: "redis",
    servers: &["valkey-server", "redis-server"],
    places: &[],
    packages: &[&["redis-server"], &["valkey"]],
    versioned: "redis-server",
    version_flag: "--version",
    image,
};

/// The official image: `redis-server` in `/data` as user `redis`, protected mode off, all configuration by arguments.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let args = args(ask);
    let port = args.as_deref().and_then(port_of).unwrap_or(6379);
    let mut image = Image {
        workdir: Some("/data".into()),
        user: Some("redis".into()),
        ports: vec![port],
        users: vec![UserEntry {
            name: "redis".into(),
            id: 999,
            home: "/data".into(),
        }],
        data_dirs: vec![DataDir {
            path: "/data".into(),
            owner: Some("redis".into()),
            mode: 0o755,
        }],
        ready: Some(probe(Check::Tcp { port: Some(port) })),
        ..Image::default()
    };
    let Some(args) = args else {
        return image;
    };
    if !ask.layered {
        find_moved_server(&mut image, server);
    }
    let mut argv = vec![server.name.clone()];
    let mut rest = args.as_slice();
    // The configuration file comes first; arguments after it win.
    if let Some((file, after)) = args.split_first()
        && !file.starts_with('-')
    {
        argv.push(file.clone());
        rest = after;
    }
    argv.extend(words(&["--protected-mode", "no", "--daemonize", "no"]));
    if !ask.layered {
        argv.extend(words(&["--bind", LISTEN_IP]));
        if port_of(rest).is_none() {
            argv.extend(words(&["--port", LISTEN_PORT]));
        }
    }
    argv.extend_from_slice(rest);
    image.argv = Some(argv);
    if ask.layered && !args.iter().any(|arg| arg.starts_with("--tls")) {
        // Connections are accepted while the data is still being loaded; PING says when that is over.
        let test = format!(
            "case \"$(redis-cli -p {port} ping 2>&1)\" in PONG | NOAUTH*) ;; *) exit 1 ;; esac"
        );
        image.ready = Some(probe(Check::Exec {
            command: words(&["/bin/sh", "-c", &test]),
        }));
    }
    image
}

/// Without a network of its own the server listens elsewhere than healthchecks and people say (`redis-cli ping`), and
/// the tool reads no variable that could tell it: a script before it does. A command that names a host means another.
fn find_moved_server(image: &mut Image, server: &Server) {
    let tool = server.name.replace("-server", "-cli");
    let real = server.program.file.with_file_name(&tool);
    let text = format!(
        "#!/bin/sh\nfor word; do\n  case $word in -h | -u | -s) exec '{0}' \"$@\" ;; esac\ndone\nexec '{0}' -h \
         \"$ONDOL_LISTEN_IP\" -p \"$ONDOL_LISTEN_PORT\" \"$@\"\n",
        real.display()
    );
    image.env.insert("ONDOL_LISTEN_IP".into(), LISTEN_IP.into());
    image
        .env
        .insert("ONDOL_LISTEN_PORT".into(), LISTEN_PORT.into());
    image.data_dirs.push(DataDir {
        path: TOOLS.into(),
        owner: None,
        mode: 0o755,
    });
    image
        .files
        .push(ImageFile::program(&format!("{TOOLS}/{tool}"), text));
}

/// Like the image's entry point, a command that begins with a configuration file is arguments too.
fn args(ask: &Ask<'_>) -> Option<Vec<String>> {
    let servers = ["redis-server", "valkey-server"];
    let own_file = ask
        .command
        .filter(|command| command.first().is_some_and(|word| word.ends_with(".conf")));
    ask.server_args(&servers).or_else(|| {
        own_file
            .filter(|_| !ask.own_entrypoint)
            .map(<[String]>::to_vec)
    })
}

fn port_of(args: &[String]) -> Option<u16> {
    let at = args.iter().position(|arg| arg == "--port")?;
    args.get(at + 1)?.parse().ok()
}
