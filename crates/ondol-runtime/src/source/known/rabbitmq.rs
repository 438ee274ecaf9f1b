use std::collections::BTreeMap;

use ondol_model::Check;

use super::super::image::{Ask, Image, ImageFile, words};
use super::{Known, Server, path_with, probe, script};
use crate::{Before, DataDir, LISTEN_IP, LISTEN_PORT, UserEntry};

pub(super) const KNOWN: Known = Known {
    repositories: &["rabbitmq"],
    title: "rabbitmq",
    servers: &["rabbitmq-server"],
    // Debian's /usr/sbin/rabbitmq-server is a wrapper that changes users and redirects the output.
    places: &["/usr/lib/rabbitmq/bin"],
    packages: &[&["rabbitmq-server"]],
    versioned: "rabbitmq-server",
    // It would start the server.
    version_flag: "",
    image,
};

const HOME: &str = "/var/lib/rabbitmq";
const PLUGINS_PATH: &str = "/etc/rabbitmq/enabled_plugins";
/// As in the image: `guest` may come from other machines too, and the log goes to the output.
const DEFAULTS: &str = "loopback_users.guest = false\nlog.console = true\n";
/// The cookie must be there before the server and its tools, with the variable's value when one is set.
const START_UP: &str = include_str!("rabbitmq.sh");

/// The official image: user `rabbitmq`, first user and virtual host by `RABBITMQ_DEFAULT_*`, which the server reads
/// itself; the `management` tag switches that plugin on.
fn image(ask: &Ask<'_>, server: &Server) -> Image {
    let management = ask.tag.is_some_and(|tag| tag.contains("management"));
    let plugins = if management {
        "rabbitmq_management,rabbitmq_prometheus"
    } else {
        "rabbitmq_prometheus"
    };
    let mut env = BTreeMap::from([
        ("HOME".to_string(), HOME.to_string()),
        ("PATH".to_string(), path_with(&server.program.dir)),
        ("RABBITMQ_LOGS".into(), "-".into()),
        // A host name that everybody can resolve and that stays: the database is named after it.
        ("RABBITMQ_NODENAME".into(), "rabbit@localhost".into()),
        ("ERL_EPMD_ADDRESS".into(), "127.0.0.1".into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("RABBITMQ_PID_FILE".into(), format!("{HOME}/server.pid")),
        // The prepared file must not be written over by a tool; Debian's default is the same path.
        ("RABBITMQ_ENABLED_PLUGINS_FILE".into(), PLUGINS_PATH.into()),
    ]);
    if !ask.layered {
        env.insert("RABBITMQ_NODE_IP_ADDRESS".into(), LISTEN_IP.into());
        env.insert("RABBITMQ_NODE_PORT".into(), LISTEN_PORT.into());
    }
    let mut ports = vec![5672];
    ports.extend(management.then_some(15672));
    let mut image = Image {
        env,
        user: Some("rabbitmq".into()),
        ports,
        users: vec![UserEntry {
            name: "rabbitmq".into(),
            id: 999,
            home: HOME.into(),
        }],
        // The package brings the second one, and only its scripts would give it away; the last one is for the log of
        // upgrades, which always is a file.
        data_dirs: [HOME, "/var/lib/rabbitmq/mnesia", "/var/log/rabbitmq"]
            .map(|path| DataDir {
                path: path.into(),
                owner: Some("rabbitmq".into()),
                mode: 0o755,
            })
            .to_vec(),
        ready: Some(probe(Check::Tcp { port: Some(5672) })),
        files: vec![
            ImageFile::text("/etc/rabbitmq/conf.d/10-ondol.conf", DEFAULTS),
            ImageFile::text(PLUGINS_PATH, format!("[{plugins}].\n")),
        ],
        ..Image::default()
    };
    if let Some(args) = ask.server_args(&["rabbitmq-server"]) {
        image.before.push(Before {
            argv: script(START_UP, &[HOME]),
            user: None,
            unless_exists: None,
        });
        image.argv = Some([words(&["rabbitmq-server"]), args].concat());
    }
    image
}
