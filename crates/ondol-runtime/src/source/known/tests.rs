use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::super::image::words;
use super::*;

/// What a well-known image with this environment and command becomes, as text.
fn check(image: &str, env: &[(&str, &str)], command: Option<&[&str]>, expected: &Expect) {
    let mut out = String::new();
    for layered in [true, false] {
        let made = made(image, env, command, layered);
        let _ = writeln!(
            out,
            "{} as {:?} {:?} stop {:?}",
            made.title, made.user, made.ports, made.stop_signal
        );
        let _ = writeln!(out, "  argv {:?}", made.argv);
        let files: Vec<_> = made.files.iter().map(|file| file.path.as_str()).collect();
        let before = made
            .before
            .iter()
            .map(|before| (before.argv[4..].join(" "), before.unless_exists.clone()));
        let _ = writeln!(
            out,
            "  before {:?} files {files:?}",
            before.collect::<Vec<_>>()
        );
        let _ = writeln!(out, "  ready {:?}", made.ready.map(|probe| probe.check));
        for warning in made.warnings {
            let _ = writeln!(out, "  warning {warning}");
        }
    }
    expected.assert_eq(&out);
}

fn made(image: &str, env: &[(&str, &str)], command: Option<&[&str]>, layered: bool) -> Image {
    let name = super::super::image_name::ImageName::parse(image).unwrap();
    let recipe = known(name.well_known()).unwrap();
    let server = Server {
        program: Program {
            dir: "/usr/lib/x/bin".into(),
            file: PathBuf::new(),
            fetched: true,
        },
        name: recipe.servers.last().unwrap().to_string(),
        version: Some("15.2".into()),
        repository: name.well_known().to_string(),
    };
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    let command = command.map(words);
    let ask = Ask {
        env: &env,
        command: command.as_deref(),
        own_entrypoint: false,
        tag: name.tag.as_deref(),
        major: name.major(),
        layered,
    };
    recipe.image(&ask, &server)
}

#[test]
fn redis_with_arguments() {
    check(
        "redis:7-alpine",
        &[],
        Some(&["redis-server", "--requirepass", "s p"]),
        &expect![[r#"
        redis 15.2 (Debian; the file asks for 7) as Some("redis") [6379] stop None
          argv Some(["redis-server", "--protected-mode", "no", "--daemonize", "no", "--requirepass", "s p"])
          before [] files []
          ready Some(Exec { command: ["/bin/sh", "-c", "case \"$(redis-cli -p 6379 ping 2>&1)\" in PONG | NOAUTH*) ;; *) exit 1 ;; esac"] })
          warning the file asks for redis:7-alpine; redis 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
        redis 15.2 (Debian; the file asks for 7) as Some("redis") [6379] stop None
          argv Some(["redis-server", "--protected-mode", "no", "--daemonize", "no", "--bind", "${ONDOL_LISTEN_IP}", "--port", "${ONDOL_LISTEN_PORT}", "--requirepass", "s p"])
          before [] files ["/opt/ondol/bin/redis-cli"]
          ready Some(Tcp { port: Some(6379) })
          warning the file asks for redis:7-alpine; redis 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
    "#]],
    );
    check(
        "redis",
        &[],
        Some(&["/etc/redis.conf", "--port", "7000"]),
        &expect![[r#"
            redis 15.2 (Debian) as Some("redis") [7000] stop None
              argv Some(["redis-server", "/etc/redis.conf", "--protected-mode", "no", "--daemonize", "no", "--port", "7000"])
              before [] files []
              ready Some(Exec { command: ["/bin/sh", "-c", "case \"$(redis-cli -p 7000 ping 2>&1)\" in PONG | NOAUTH*) ;; *) exit 1 ;; esac"] })
            redis 15.2 (Debian) as Some("redis") [7000] stop None
              argv Some(["redis-server", "/etc/redis.conf", "--protected-mode", "no", "--daemonize", "no", "--bind", "${ONDOL_LISTEN_IP}", "--port", "7000"])
              before [] files ["/opt/ondol/bin/redis-cli"]
              ready Some(Tcp { port: Some(7000) })
        "#]],
    );
}

#[test]
fn postgres_with_its_data_elsewhere() {
    check(
        "postgres:15",
        &[("PGDATA", "/data/pg")],
        Some(&["-c", "max_connections=200"]),
        &expect![[r#"
        postgres 15.2 (Debian) as Some("postgres") [5432] stop Some("SIGINT")
          argv Some(["postgres", "-c", "listen_addresses=${ONDOL_LISTEN_IP}", "-c", "unix_socket_directories=/var/run/postgresql", "-c", "max_connections=200"])
          before [("/data/pg /var/run/postgresql", Some("/data/pg/PG_VERSION"))] files []
          ready Some(Exec { command: ["pg_isready", "-q"] })
        postgres 15.2 (Debian) as Some("postgres") [5432] stop Some("SIGINT")
          argv Some(["postgres", "-c", "listen_addresses=${ONDOL_LISTEN_IP}", "-c", "unix_socket_directories=/var/run/postgresql", "-p", "${ONDOL_LISTEN_PORT}", "-c", "max_connections=200"])
          before [("/data/pg /var/run/postgresql", Some("/data/pg/PG_VERSION"))] files []
          ready Some(Exec { command: ["pg_isready", "-q"] })
    "#]],
    );
}

#[test]
fn mysql_runs_as_mariadb_with_options_that_it_may_not_know() {
    check(
        "mysql:8",
        &[],
        Some(&["--default-authentication-plugin=mysql_native_password"]),
        &expect![[r#"
        mariadb 15.2 (Debian) as Some("mysql") [3306] stop None
          argv Some(["mariadbd", "--datadir=/var/lib/mysql", "--socket=/run/mysqld/mysqld.sock", "--pid-file=/run/mysqld/mysqld.pid", "--bind-address=${ONDOL_LISTEN_IP}", "--skip-name-resolve", "--loose-default-authentication-plugin=mysql_native_password"])
          before [("/var/lib/mysql /run/mysqld", Some("/var/lib/mysql/mysql"))] files ["/etc/mysql/my.cnf"]
          ready Some(Exec { command: ["mariadb-admin", "--no-defaults", "ping", "--silent"] })
          warning mysql runs as MariaDB 15.2, which the distribution has in its place. Use a container engine if the difference matters
        mariadb 15.2 (Debian) as Some("mysql") [3306] stop None
          argv Some(["mariadbd", "--datadir=/var/lib/mysql", "--socket=/run/mysqld/mysqld.sock", "--pid-file=/run/mysqld/mysqld.pid", "--bind-address=${ONDOL_LISTEN_IP}", "--skip-name-resolve", "--port=${ONDOL_LISTEN_PORT}", "--loose-default-authentication-plugin=mysql_native_password"])
          before [("/var/lib/mysql /run/mysqld", Some("/var/lib/mysql/mysql"))] files ["/etc/mysql/my.cnf"]
          ready Some(Exec { command: ["mariadb-admin", "--no-defaults", "ping", "--silent"] })
          warning mysql runs as MariaDB 15.2, which the distribution has in its place. Use a container engine if the difference matters
    "#]],
    );
}

#[test]
fn rabbitmq_with_management_nats_nginx_and_memcached() {
    check(
        "rabbitmq:3-management",
        &[],
        None,
        &expect![[r#"
        rabbitmq 15.2 (Debian; the file asks for 3) as Some("rabbitmq") [5672, 15672] stop None
          argv Some(["rabbitmq-server"])
          before [("/var/lib/rabbitmq", None)] files ["/etc/rabbitmq/conf.d/10-ondol.conf", "/etc/rabbitmq/enabled_plugins"]
          ready Some(Tcp { port: Some(5672) })
          warning the file asks for rabbitmq:3-management; rabbitmq 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
        rabbitmq 15.2 (Debian; the file asks for 3) as Some("rabbitmq") [5672, 15672] stop None
          argv Some(["rabbitmq-server"])
          before [("/var/lib/rabbitmq", None)] files ["/etc/rabbitmq/conf.d/10-ondol.conf", "/etc/rabbitmq/enabled_plugins"]
          ready Some(Tcp { port: Some(5672) })
          warning the file asks for rabbitmq:3-management; rabbitmq 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
    "#]],
    );
    check(
        "nats:2",
        &[],
        Some(&["-js"]),
        &expect![[r#"
        nats 15.2 (Debian; the file asks for 2) as None [4222] stop None
          argv Some(["nats-server", "-js"])
          before [] files []
          ready Some(Tcp { port: Some(4222) })
          warning the file asks for nats:2; nats 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
        nats 15.2 (Debian; the file asks for 2) as None [4222] stop None
          argv Some(["nats-server", "-a", "${ONDOL_LISTEN_IP}", "-p", "${ONDOL_LISTEN_PORT}", "-js"])
          before [] files []
          ready Some(Tcp { port: Some(4222) })
          warning the file asks for nats:2; nats 15.2 runs, which is what the distribution has. Use a container engine if the difference matters
    "#]],
    );
    check(
        "nginx",
        &[],
        None,
        &expect![[r#"
        nginx 15.2 (Debian) as None [80] stop Some("SIGQUIT")
          argv Some(["nginx", "-g", "daemon off;"])
          before [("", None)] files ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/default.conf", "/var/log/nginx/access.log", "/var/log/nginx/error.log"]
          ready Some(Tcp { port: None })
        nginx 15.2 (Debian) as None [80] stop Some("SIGQUIT")
          argv Some(["nginx", "-g", "daemon off;"])
          before [("", None)] files ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d/default.conf", "/var/log/nginx/access.log", "/var/log/nginx/error.log"]
          ready Some(Tcp { port: None })
    "#]],
    );
    check(
        "memcached",
        &[],
        Some(&["-m", "64"]),
        &expect![[r#"
        memcached 15.2 (Debian) as Some("memcache") [11211] stop None
          argv Some(["memcached", "-m", "64"])
          before [] files []
          ready Some(Tcp { port: Some(11211) })
        memcached 15.2 (Debian) as Some("memcache") [11211] stop None
          argv Some(["memcached", "-l", "${ONDOL_LISTEN_IP}", "-p", "${ONDOL_LISTEN_PORT}", "-m", "64"])
          before [] files []
          ready Some(Tcp { port: Some(11211) })
    "#]],
    );
}

#[test]
fn another_command_is_run_as_it_is_and_nothing_is_initialised() {
    for image in [
        "redis",
        "postgres",
        "mariadb",
        "rabbitmq",
        "nginx",
        "nats",
        "memcached",
    ] {
        let made = made(image, &[], Some(&["sh", "-c", "echo hi"]), true);
        assert_eq!((made.argv, made.before), (None, Vec::new()), "{image}");
    }
}
