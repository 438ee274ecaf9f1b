use super::*;

struct Server {
    place: Place,
    service: Service,
    launch: Launch,
    upper: PathBuf,
}

impl Server {
    fn new(name: &str, image: &str, env: &[(&str, &str)], command: &[&str]) -> Option<Server> {
        if !can_unshare() {
            return None;
        }
        let place = Place::new(name);
        let mut service = service();
        service.image = Some(image.into());
        service.environment = env
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        service.command = (!command.is_empty()).then(|| words(command));
        let launch = match place.prepare(&service) {
            Ok((launch, _)) => launch,
            Err(error) if error.kind == SourceErrorKind::Package => {
                skip(&error.what);
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let upper = place.dir.join("upper");
        fs::create_dir_all(&upper).unwrap();
        Some(Server {
            place,
            service,
            launch,
            upper,
        })
    }

    fn start(&self) -> Running {
        let running = Running::start(&self.launch, &self.upper);
        if let Some(ondol_model::Check::Exec { command }) =
            self.launch.ready.as_ref().map(|probe| &probe.check)
        {
            self.ask(&command.iter().map(String::as_str).collect::<Vec<_>>());
        }
        running
    }

    fn ask(&self, argv: &[&str]) -> String {
        Running::eventually(&self.launch, argv, &self.upper)
    }
}

#[test]
fn redis_asks_for_its_password() {
    let Some(server) = Server::new(
        "redis",
        "redis:7",
        &[],
        &["--port", "16391", "--requirepass", "se cret"],
    ) else {
        return;
    };
    let _running = server.start();
    assert_eq!(
        server.ask(&[
            "redis-cli",
            "-p",
            "16391",
            "--no-auth-warning",
            "-a",
            "se cret",
            "ping"
        ]),
        "PONG\n"
    );
    assert!(
        server.launch.runs.starts_with("redis 7."),
        "{}",
        server.launch.runs
    );
    assert_eq!(server.place.launch(&server.service).unwrap(), server.launch);
}

#[test]
fn postgres_makes_user_and_database_runs_the_scripts_and_keeps_its_data() {
    let env = [
        ("POSTGRES_USER", "al-ice"),
        ("POSTGRES_PASSWORD_FILE", "/run-secret"),
        ("POSTGRES_DB", "my \"db\""),
    ];
    let Some(server) = Server::new("postgres", "postgres:12-alpine", &env, &["-p", "16392"]) else {
        return;
    };
    fs::write(server.upper.join("run-secret"), "p'w\n").unwrap();
    let scripts = server.upper.join("docker-entrypoint-initdb.d");
    fs::create_dir_all(&scripts).unwrap();
    fs::write(
        scripts.join("1.sql"),
        "create table t(v text); insert into t values ('from sql');",
    )
    .unwrap();
    fs::write(scripts.join("2.sh"), "psql -v ON_ERROR_STOP=1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"insert into t values ('from sh')\"").unwrap();
    let url = [
        "env",
        "PGPASSWORD=p'w",
        "psql",
        "-h",
        "127.0.0.1",
        "-p",
        "16392",
        "-U",
        "al-ice",
        "-d",
        "my \"db\"",
        "-Atc",
    ];
    let ask = |sql: &str| server.ask(&[&url[..], &[sql]].concat());
    let start = || Running::start(&server.launch, &server.upper);
    {
        let running = start();
        assert_eq!(
            ask("select string_agg(v, '+') from t"),
            "from sql+from sh\n"
        );
        drop(running);
    }
    let data = server.upper.join("var/lib/postgresql/data");
    assert!(data.join("PG_VERSION").exists() && !data.join(".ondol-new").exists());
    let _ = fs::remove_file(data.join("postmaster.pid"));
    let _again = start();
    assert_eq!(ask("select count(*) from t"), "2\n");
    assert!(
        server.launch.runs.contains("the file asks for 12"),
        "{}",
        server.launch.runs
    );
    assert_eq!(server.launch.stop_signal.as_deref(), Some("SIGINT"));
}

#[test]
fn an_end_in_the_middle_of_the_first_start_is_put_right_by_the_next() {
    let Some(server) = Server::new(
        "pg-cut",
        "postgres",
        &[("POSTGRES_PASSWORD", "x")],
        &["-p", "16393"],
    ) else {
        return;
    };
    let scripts = server.upper.join("docker-entrypoint-initdb.d");
    fs::create_dir_all(&scripts).unwrap();
    fs::write(scripts.join("1.sh"), "exit 7").unwrap();
    for dir in &server.launch.data_dirs {
        let path = server.upper.join(dir.path.trim_start_matches('/'));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(dir.mode)).unwrap();
        std::os::unix::fs::chown(path, Some(999), Some(999)).unwrap();
    }
    let failed = Running::command(&server.launch, &server.launch.before[0].argv, &server.upper)
        .output()
        .unwrap();
    assert!(!failed.status.success());
    let data = server.upper.join("var/lib/postgresql/data");
    assert!(!data.join("PG_VERSION").exists());
    fs::write(scripts.join("1.sh"), "true").unwrap();
    let _running = server.start();
    assert!(data.join("PG_VERSION").exists());
}

#[test]
fn mysql_is_made_by_its_variables() {
    let env = [
        ("MYSQL_ROOT_PASSWORD", "r'oot\\"),
        ("MYSQL_DATABASE", "shop"),
        ("MYSQL_USER", "al"),
        ("MYSQL_PASSWORD", "p\"w"),
    ];
    let Some(server) = Server::new(
        "mysql",
        "mysql:8",
        &env,
        &[
            "--default-authentication-plugin=mysql_native_password",
            "--port=16394",
        ],
    ) else {
        return;
    };
    let scripts = server.upper.join("docker-entrypoint-initdb.d");
    fs::create_dir_all(&scripts).unwrap();
    fs::write(scripts.join("1.sql"), "create table seeded(v int)").unwrap();
    let own = "mysql -uroot -p\"$MYSQL_ROOT_PASSWORD\" \"$MYSQL_DATABASE\" -e 'insert into seeded values (3)'";
    fs::write(scripts.join("2.sh"), own).unwrap();
    let _running = server.start();
    let ask = |user: &str, password: &str, sql: &str| {
        let (user, password) = (format!("-u{user}"), format!("-p{password}"));
        server.ask(&[
            "mariadb",
            "--no-defaults",
            "--protocol=tcp",
            "-h127.0.0.1",
            "-P16394",
            &user,
            &password,
            "-Ne",
            sql,
        ])
    };
    assert_eq!(
        ask("al", "p\"w", "create table shop.t(v int); select 7"),
        "7\n"
    );
    assert_eq!(ask("root", "r'oot\\", "select count(*) from shop.t"), "0\n");
    assert_eq!(ask("al", "p\"w", "select v from shop.seeded"), "3\n");
    assert!(
        server.upper.join("var/lib/mysql/mysql").is_dir()
            && !server.upper.join("var/lib/mysql/.ondol-new").exists()
    );
}

#[test]
fn nginx_serves_filled_templates_and_leaves_its_own_variables_alone() {
    let Some(server) = Server::new("nginx", "nginx:alpine", &[("NAME", "world")], &[]) else {
        return;
    };
    let site = "server { listen 127.0.0.1:16395; location / { default_type text/plain; return 200 \"hello ${NAME} $uri\"; } }";
    for dir in ["etc/nginx/templates", "etc/nginx/conf.d"] {
        fs::create_dir_all(server.upper.join(dir)).unwrap();
    }
    fs::write(
        server
            .upper
            .join("etc/nginx/templates/default.conf.template"),
        site,
    )
    .unwrap();
    let _running = server.start();
    assert_eq!(
        server.ask(&["curl", "-sf", "http://127.0.0.1:16395/x"]),
        "hello world /x"
    );
}

#[test]
fn memcached_and_nats_answer() {
    if let Some(server) = Server::new(
        "memcached",
        "memcached:1.6-alpine",
        &[],
        &["-l", "127.0.0.1", "-p", "16396"],
    ) {
        let _running = server.start();
        let hello = "exec 3<>/dev/tcp/127.0.0.1/16396; printf 'version\\r\\n' >&3; head -1 <&3";
        assert!(server.ask(&["bash", "-c", hello]).starts_with("VERSION 1."));
    }
    if let Some(server) = Server::new(
        "nats",
        "nats:2.10",
        &[],
        &["-a", "127.0.0.1", "-p", "16397", "-js"],
    ) {
        let _running = server.start();
        assert!(
            server
                .ask(&[
                    "bash",
                    "-c",
                    "exec 3<>/dev/tcp/127.0.0.1/16397; head -1 <&3"
                ])
                .starts_with("INFO ")
        );
    }
}

#[test]
fn rabbitmq_has_its_user_and_its_plugins() {
    let env = [
        ("RABBITMQ_DEFAULT_USER", "al"),
        ("RABBITMQ_DEFAULT_PASS", "p'w"),
        ("RABBITMQ_NODE_PORT", "16398"),
        ("RABBITMQ_DIST_PORT", "16399"),
        ("ERL_EPMD_PORT", "16400"),
    ];
    let Some(server) = Server::new("rabbitmq", "rabbitmq:3-management", &env, &[]) else {
        return;
    };
    let _running = server.start();
    let said = server.ask(&["rabbitmqctl", "authenticate_user", "al", "p'w"]);
    assert!(said.contains("Success"), "{said}");
    let plugins = server.ask(&["rabbitmq-plugins", "list", "-e", "-m"]);
    assert!(plugins.contains("rabbitmq_management"), "{plugins}");
    server.ask(&["rabbitmqctl", "stop"]);
    server.ask(&["epmd", "-kill"]);
}
