//! What keys mean in the model.

use std::time::Duration;

use ondol_compose::KeyUse;
use ondol_model::{
    Bytes, Check, Condition, DeployMode, FailureAction, FileSource, Healthcheck, MountSource,
    PublishedPort, RestartCondition, RestartPolicy, RuntimeKind, Service, Transport, Ulimit,
    UpdateOrder, WatchAction,
};

use crate::support::{assert_round_trip, clean, codes, load_text, project_of, request, service};

/// The service `a` with these keys.
#[track_caller]
fn one(body: &str) -> Service {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!(
        "services:\n  a:\n    image: x\n{body}  b: {{image: x}}\nvolumes: {{v: {{}}}}\nnetworks: {{n: {{}}}}\nsecrets: {{s: {{file: s.txt}}}}\nconfigs: {{c: {{content: hi}}}}\n"
    );
    let loaded = load_text(&text);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
    let project = loaded.project.as_ref().expect("a project");
    assert_round_trip(project, &loaded, &request().env);
    service(project, "a").clone()
}

fn words(text: &str) -> Option<Vec<String>> {
    Some(text.split(' ').map(String::from).collect())
}

fn port(target: u16, published: Option<u16>) -> PublishedPort {
    PublishedPort {
        target,
        published,
        host_ip: None,
        transport: Transport::Tcp,
        app_protocol: None,
    }
}

#[test]
fn ports_in_every_form() {
    let ports = one("ports: [80, \"8080:81\", \"127.0.0.1:53:53/udp\", \"[::1]:82:82\", \"90-91:92-93\", \"127.0.0.1::94\", {target: 95, published: 9500, app_protocol: http}]").ports;
    let on = |ip: &str, port: PublishedPort| PublishedPort {
        host_ip: ip.parse().ok(),
        ..port
    };
    let expected = [
        port(80, None),
        port(81, Some(8080)),
        PublishedPort {
            transport: Transport::Udp,
            ..on("127.0.0.1", port(53, Some(53)))
        },
        on("::1", port(82, Some(82))),
        port(92, Some(90)),
        port(93, Some(91)),
        on("127.0.0.1", port(94, None)),
        PublishedPort {
            app_protocol: Some("http".into()),
            ..port(95, Some(9500))
        },
    ];
    assert_eq!(ports, expected);
}

#[test]
fn ports_that_are_none_are_refused() {
    for bad in [
        "1:99999",
        "a:80",
        "80/sctp",
        "300.1.1.1:80:80",
        "80-90:80-85",
        "90-80",
        "1:2:3:4:5",
        "0",
    ] {
        let loaded = load_text(&format!(
            "services: {{a: {{image: x, ports: [\"{bad}\"]}}}}"
        ));
        assert!(loaded.project.is_none(), "{bad}");
    }
}

#[test]
fn mounts_in_every_form() {
    let mounts = one("volumes:\n  - v:/v\n  - ./d:/d:ro\n  - ~/h:/h\n  - /anon\n  - {type: bind, source: ../up, target: /u}\n  - {type: volume, source: v, target: /s, volume: {subpath: x/y}}\n  - {type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0700}}\ntmpfs: [\"/run:size=1m,mode=1777,ro\"]").mounts;
    let bind = |path: &str, create| MountSource::Bind {
        path: path.into(),
        create,
    };
    let seen: Vec<_> = mounts
        .iter()
        .map(|m| (m.target.as_str(), m.source.clone(), m.read_only))
        .collect();
    assert_eq!(
        seen,
        [
            (
                "/v",
                MountSource::Volume {
                    nocopy: false,
                    name: "v".into(),
                    subpath: None
                },
                false
            ),
            ("/d", bind("/app/d", true), true),
            ("/h", bind("/home/me/h", true), false),
            ("/anon", MountSource::Anonymous, false),
            ("/u", bind("/up", false), false),
            (
                "/s",
                MountSource::Volume {
                    nocopy: false,
                    name: "v".into(),
                    subpath: Some("x/y".into())
                },
                false
            ),
            (
                "/t",
                MountSource::Tmpfs {
                    size: Some(Bytes(64 << 20)),
                    mode: Some(0o700)
                },
                false
            ),
            (
                "/run",
                MountSource::Tmpfs {
                    size: Some(Bytes(1 << 20)),
                    mode: Some(0o1777)
                },
                true
            ),
        ]
    );
}

#[test]
fn commands_in_every_form() {
    assert_eq!(
        one("command: sh -c 'echo hi'").command,
        Some(vec!["sh".into(), "-c".into(), "echo hi".into()])
    );
    assert_eq!(one("command: [a, 1, true]").command, words("a 1 true"));
    assert_eq!(one("entrypoint: []").entrypoint, Some(vec![]));
    assert_eq!(one("entrypoint: \"\"").entrypoint, Some(vec![]));
    assert_eq!(one("command:").command, None);
}

#[test]
fn restart_in_every_form() {
    let on_failure = |attempts_max| RestartPolicy {
        attempts_max,
        ..RestartPolicy::of(RestartCondition::OnFailure)
    };
    for (text, policy) in [
        ("restart: always", RestartPolicy::ALWAYS),
        ("restart: unless-stopped", RestartPolicy::ALWAYS),
        ("restart: no", RestartPolicy::NEVER),
        ("restart: \"no\"", RestartPolicy::NEVER),
        ("restart: on-failure", on_failure(None)),
        ("restart: on-failure:3", on_failure(Some(3))),
        ("tty: true", RestartPolicy::default()),
        (
            "deploy: {restart_policy: {condition: none}}",
            RestartPolicy::NEVER,
        ),
        ("deploy: {restart_policy: {}}", RestartPolicy::ALWAYS),
        (
            "deploy: {restart_policy: {condition: any, max_attempts: 2, delay: 5s}}",
            RestartPolicy {
                attempts_max: Some(2),
                delay: Duration::from_secs(5),
                ..RestartPolicy::ALWAYS
            },
        ),
        (
            "deploy: {restart_policy: {condition: on-failure, max_attempts: 2, window: 1m}}",
            RestartPolicy {
                window: Some(Duration::from_secs(60)),
                ..on_failure(Some(2))
            },
        ),
    ] {
        assert_eq!(one(text).restart, policy, "{text}");
    }
}

#[test]
fn a_healthcheck_is_a_probe() {
    let check = |text: &str| one(&format!("healthcheck: {text}")).healthcheck;
    let Healthcheck::Check(probe) = check(
        "{test: curl -f localhost, interval: 5s, timeout: 2s, retries: 7, start_period: 1m, start_interval: 1s}",
    ) else {
        panic!()
    };
    assert_eq!(
        probe.check,
        Check::Exec {
            command: vec!["/bin/sh".into(), "-c".into(), "curl -f localhost".into()]
        }
    );
    assert_eq!(
        (probe.interval, probe.timeout, probe.failures_max),
        (Duration::from_secs(5), Duration::from_secs(2), 7)
    );
    assert_eq!(
        (probe.start_period, probe.start_interval),
        (Duration::from_secs(60), Duration::from_secs(1))
    );
    let Healthcheck::Check(probe) = check("{test: [CMD, a, b]}") else {
        panic!()
    };
    assert_eq!(
        probe.check,
        Check::Exec {
            command: vec!["a".into(), "b".into()]
        }
    );
    assert_eq!(
        (probe.interval, probe.timeout, probe.failures_max),
        (Duration::from_secs(30), Duration::from_secs(30), 3)
    );
    assert_eq!(check("{disable: true}"), Healthcheck::Disabled);
    assert_eq!(check("{test: [NONE]}"), Healthcheck::Disabled);
    assert_eq!(check("{test: NONE}"), Healthcheck::Disabled);
    assert_eq!(one("tty: true").healthcheck, Healthcheck::Image);
}

#[test]
fn deploy_and_its_older_twins() {
    let new = one(
        "deploy:\n  mode: replicated\n  replicas: 3\n  resources:\n    limits: {cpus: \"0.5\", memory: 512m, pids: 100}\n    reservations: {cpus: 0.25, memory: 64M}\n  placement: {constraints: [node.role == manager], max_replicas_per_node: 2}\n  labels: {l: \"1\"}",
    );
    let old = one("scale: 3\ncpus: 0.5\nmem_limit: 512m\nmem_reservation: 64m\npids_limit: 100");
    assert_eq!(old.replicas, new.replicas);
    assert_eq!(
        ondol_model::Resources {
            cpu_reserved_milli: 250,
            ..old.resources
        },
        new.resources
    );
    assert_eq!(new.resources.cpu_limit_milli, Some(500));
    assert_eq!(new.resources.memory_limit, Some(Bytes(512 << 20)));
    assert_eq!(new.placement_constraints, ["node.role == manager"]);
    assert_eq!(new.replicas_per_node_max, Some(2));
    assert_eq!(new.labels["l"], "1");
    assert_eq!(
        one("pids_limit: -1\nmem_limit: 0").resources,
        ondol_model::Resources::default()
    );
    let both = one("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 1024m}}}");
    assert_eq!(both.resources.memory_limit, Some(Bytes(1 << 30)));
    assert_eq!(one("deploy: {mode: global}").mode, DeployMode::Global);
    assert_eq!(one("deploy: {mode: replicated-job}").mode, DeployMode::Job);
}

#[test]
fn rollouts() {
    let service = one(
        "deploy:\n  update_config: {parallelism: 2, delay: 10s, order: stop-first, monitor: 1m, max_failure_ratio: 0.25, failure_action: pause}\n  rollback_config: {parallelism: 0, failure_action: continue}",
    );
    let update = service.update;
    assert_eq!(
        (update.parallelism, update.delay, update.order),
        (2, Duration::from_secs(10), UpdateOrder::StopFirst)
    );
    assert_eq!(
        (
            update.monitor,
            update.failure_ratio_milli_max,
            update.failure_action
        ),
        (Duration::from_secs(60), 250, FailureAction::Pause)
    );
    assert_eq!(
        (
            service.rollback.parallelism,
            service.rollback.failure_action
        ),
        (0, FailureAction::Continue)
    );
}

#[test]
fn the_rest_of_tier_one() {
    let a = one(
        "depends_on: {b: {condition: service_completed_successfully, restart: true, required: false}}\nnetworks: {n: {aliases: [other]}, default: }\nworking_dir: /w\nuser: \"1000:1000\"\nstop_signal: SIGINT\nstop_grace_period: 1m30s\nulimits: {nofile: {soft: 10, hard: -1}, nproc: 5}\nlogging: {options: {max-size: 1m, max-file: \"3\"}}\nexpose: [3000, \"4000-4001/udp\"]\nhostname: h\ninit: true\ncontainer_name: cn\npost_start: [{command: echo hi, user: root, environment: [A=1]}]\npre_stop: [{command: [bye], working_dir: /x}]",
    );
    let dependency = a.depends_on.values().next().expect("one");
    assert_eq!(
        (
            dependency.condition,
            dependency.required,
            dependency.restart
        ),
        (Condition::Completed, false, true)
    );
    assert_eq!(a.networks.keys().collect::<Vec<_>>(), ["default", "n"]);
    assert_eq!(a.networks["n"], ["other"]);
    assert_eq!(
        (
            a.working_dir.as_deref(),
            a.user.as_deref(),
            a.stop_signal.as_deref()
        ),
        (Some("/w"), Some("1000:1000"), Some("SIGINT"))
    );
    assert_eq!(a.stop_grace, Duration::from_secs(90));
    assert_eq!(a.ulimits["nofile"], Ulimit { soft: 10, hard: -1 });
    assert_eq!(a.ulimits["nproc"], Ulimit { soft: 5, hard: 5 });
    assert_eq!(
        (a.logs.segment_max, a.logs.segments_max),
        (Bytes(1 << 20), 3)
    );
    assert_eq!(a.expose, [3000, 4000, 4001]);
    assert_eq!(
        (a.hostname.as_deref(), a.init, a.container_name.as_deref()),
        (Some("h"), true, Some("cn"))
    );
    assert_eq!(a.post_start[0].command, ["echo", "hi"]);
    assert_eq!(a.pre_stop[0].working_dir.as_deref(), Some("/x"));
}

#[test]
fn hooks_before_the_start_run_once_or_for_each_replica() {
    let text = "services:\n  a:\n    image: i\n    pre_start:\n      - {command: ./migrate up, user: root, working_dir: /w, environment: [A=1], privileged: true}\n      - {command: [seed], per_replica: true, image: busybox}\n";
    let loaded = load_text(text);
    let usage = |path: &str| {
        let of = |key: &&ondol_compose::KeyReport| key.path == path;
        loaded.keys.iter().find(of).expect("it is told").usage
    };
    assert_eq!(usage("services.a.pre_start"), KeyUse::ActedOn);
    assert_eq!(usage("services.a.pre_start[1].image"), KeyUse::EngineOnly);
    let project = clean(loaded);
    let a = project.services.values().next().expect("one");
    let [migrate, seed] = &a.pre_start[..] else {
        panic!("{:?}", a.pre_start);
    };
    assert_eq!(migrate.hook.command, ["./migrate", "up"]);
    assert_eq!(
        (
            migrate.hook.user.as_deref(),
            migrate.hook.working_dir.as_deref()
        ),
        (Some("root"), Some("/w"))
    );
    assert_eq!(migrate.hook.environment["A"], "1");
    assert_eq!(
        (migrate.hook.privileged, migrate.per_replica),
        (true, false)
    );
    assert_eq!((seed.hook.privileged, seed.per_replica), (false, true));
}

#[test]
fn secrets_and_configs_are_files() {
    let a = one(
        "secrets:\n  - s\n  - {source: s, target: other, uid: \"103\", gid: \"104\", mode: 0400}\nconfigs:\n  - c\n  - {source: c, target: /etc/c.conf}",
    );
    let secrets: Vec<_> = a
        .secrets
        .iter()
        .map(|f| (f.target.as_str(), f.mode, f.uid))
        .collect();
    assert_eq!(
        secrets,
        [
            ("/run/secrets/s", 0o444, None),
            ("/run/secrets/other", 0o400, Some(103))
        ]
    );
    let configs: Vec<_> = a.configs.iter().map(|f| f.target.as_str()).collect();
    assert_eq!(configs, ["/c", "/etc/c.conf"]);
    let project = project_of(
        "services: {a: {image: x}}\nsecrets: {e: {external: true, name: real}, f: {file: ./f}}\n",
    );
    assert_eq!(project.secrets["e"].source, FileSource::External);
    assert_eq!(project.secrets["e"].name.as_deref(), Some("real"));
    assert_eq!(
        project.secrets["f"].source,
        FileSource::Path("/app/f".into())
    );
}

#[test]
fn watch_rules() {
    let a = one(
        "develop:\n  watch:\n    - {path: ./src, action: sync, target: /src, ignore: [node_modules/], initial_sync: true}\n    - {path: package.json, action: rebuild}\n    - {path: conf, action: sync+exec, target: /conf, exec: {command: reload now}}",
    );
    let rules: Vec<_> = a
        .watch
        .iter()
        .map(|rule| (rule.path.to_str(), rule.action))
        .collect();
    assert_eq!(
        rules,
        [
            (Some("/app/src"), WatchAction::Sync),
            (Some("/app/package.json"), WatchAction::Rebuild),
            (Some("/app/conf"), WatchAction::SyncExec)
        ]
    );
    assert!(a.watch[0].initial_sync);
    assert_eq!(a.watch[2].exec, ["reload", "now"]);
    let loaded =
        load_text("services: {a: {image: x, develop: {watch: [{path: ., action: sync}]}}}");
    assert_eq!(codes(&loaded), ["missing-key"]);
}

#[test]
fn networks_and_modes() {
    assert!(one("network_mode: host").host_network);
    let none = load_text("services: {a: {image: x, network_mode: none}}");
    assert_eq!(codes(&none), ["not-acted-on"]);
    let none = none.project.expect("a project");
    assert!(service(&none, "a").networks.is_empty());
    assert_eq!(one("network_mode: bridge").networks.len(), 1);
    let project = project_of(
        "services: {a: {image: x}, b: {image: x, networks: [n]}}\nnetworks: {n: {internal: true, external: {name: real}}}\n",
    );
    assert!(project.networks.contains_key("default"));
    assert!(project.networks["n"].internal && project.networks["n"].external);
    assert_eq!(project.networks["n"].name.as_deref(), Some("real"));
}

#[test]
fn our_own_keys() {
    let text = "x-ondol: {edge: {port: 9000}}\nservices:\n  a:\n    image: x\n    expose: [1]\n    x-ondol:\n      runtime: process\n      packages: [ffmpeg]\n      prepare: npm ci\n      port: 3000\n      port_env: LISTEN\n      route: Shop.example/api\n      routes: [/x, {path: /y, strip: true, port: 81}]\n      probes:\n        startup: {log: ready to serve}\n        ready: {http: {path: /h, port: 81, headers: {A: b}}, interval: 1s, timeout: 2s, failures: 4, successes: 2, start_period: 3s}\n        live: {tcp: true}\n";
    let loaded = load_text(text);
    let project = loaded.project.as_ref().expect("a project");
    assert_round_trip(project, &loaded, &request().env);
    assert_eq!(project.edge_port, 9000);
    let a = service(project, "a");
    assert_eq!(
        (a.runtime, a.port_env.as_str()),
        (RuntimeKind::Process, "LISTEN")
    );
    assert_eq!(
        (a.packages.as_slice(), a.prepare.as_deref()),
        (&["ffmpeg".to_owned()][..], Some(&["npm ci".to_owned()][..]))
    );
    assert_eq!(a.expose, [3000, 1]);
    let routes: Vec<_> = a
        .routes
        .iter()
        .map(|r| (r.host.as_deref(), r.path.as_str(), r.strip, r.port))
        .collect();
    assert_eq!(
        routes,
        [
            (Some("shop.example"), "/api", false, None),
            (None, "/x", false, None),
            (None, "/y", true, Some(81))
        ]
    );
    let ready = a.probes.ready.as_ref().expect("a probe");
    let Check::Http(http) = &ready.check else {
        panic!("{ready:?}")
    };
    assert_eq!(
        (http.path.as_str(), http.port, http.headers.len()),
        ("/h", Some(81), 1)
    );
    assert_eq!(
        (
            ready.interval,
            ready.timeout,
            ready.failures_max,
            ready.successes_min
        ),
        (Duration::from_secs(1), Duration::from_secs(2), 4, 2)
    );
    let live = a.probes.live.as_ref().expect("a probe");
    assert_eq!(
        (&live.check, live.interval),
        (&Check::Tcp { port: None }, Duration::from_secs(10))
    );
    let startup = a.probes.startup.as_ref().expect("a probe");
    assert_eq!(
        startup.check,
        Check::LogLine {
            contains: "ready to serve".into()
        }
    );
}

#[test]
fn keys_that_are_not_acted_on_are_kept_in_the_resolved_file() {
    let loaded = load_text(
        "services: {a: {image: x, cap_add: [A], blkio_config: {weight: 300}, gpus: all, extra_hosts: [\"h:1.2.3.4\"]}}\nx-mine: {deep: [1, a, null]}\n",
    );
    let json = loaded.resolved.to_json();
    let a = &json["services"]["a"];
    assert_eq!(
        (&a["cap_add"][0], &a["blkio_config"]["weight"], &a["gpus"],),
        (&"A".into(), &300.into(), &"all".into())
    );
    assert_eq!(json["x-mine"], serde_json::json!({"deep": [1, "a", null]}));
    assert_round_trip(
        loaded.project.as_ref().expect("a project"),
        &loaded,
        &request().env,
    );
}

#[test]
fn a_service_that_another_tool_provides_is_left_out_and_nobody_waits_for_it() {
    let loaded = load_text(
        "services:\n  db: {provider: {type: cloud}}\n  web: {image: x, depends_on: [db]}\n",
    );
    assert_eq!(codes(&loaded), ["not-acted-on"]);
    let project = loaded.project.expect("a project");
    assert_eq!(project.services.len(), 1);
    assert!(service(&project, "web").depends_on.is_empty());
}

#[test]
fn a_port_range_to_choose_from_takes_its_first_and_says_so() {
    let loaded = load_text("services: {a: {image: x, ports: [\"3000-3005:80\"]}}");
    assert_eq!(codes(&loaded), ["not-acted-on"]);
    assert_eq!(
        loaded
            .project
            .expect("a project")
            .services
            .values()
            .next()
            .map(|s| s.ports.clone()),
        Some(vec![port(80, Some(3000))])
    );
}

#[test]
fn the_edge_and_how_a_service_is_spoken_to() {
    let text = "x-ondol:\n  edge:\n    proxy_protocol: true\n    https:\n      port: 8443\n      certificates: [{cert: ./a.pem, key: ./a.key}]\n      acme: {email: me@shop.example}\n      redirect: true\n      hsts: 24h\n      clients: {ca: ./ca.pem, required: false}\nservices:\n  a:\n    image: x\n    x-ondol:\n      protocol: http2\n      tls: {ca: ./ca.pem, server_name: inner}\n      proxy_protocol: 2\n      routes: [{host: db.example, passthrough: true}]\n  b:\n    image: x\n    x-ondol: {tls: true}\n";
    let loaded = load_text(text);
    let project = loaded.project.as_ref().expect("a project");
    assert_round_trip(project, &loaded, &request().env);
    let https = project.edge.https.as_ref().expect("https");
    assert!(project.edge.proxy_protocol && https.redirect);
    assert_eq!(https.hsts, Some(Duration::from_secs(86_400)));
    assert!(
        https.certificates[0].cert.is_absolute() && https.certificates[0].key.ends_with("a.key")
    );
    let ondol_model::Issue::Acme(acme) = &https.issue else {
        panic!("{https:?}")
    };
    assert!(acme.directory.contains("letsencrypt") && acme.email.is_some());
    assert!(!https.clients.as_ref().expect("clients").required);
    let dial = &service(project, "a").traffic.dial;
    assert!(dial.http2 && dial.proxy_protocol == Some(2));
    let tls = dial.tls.as_ref().expect("tls");
    assert_eq!(tls.server_name.as_deref(), Some("inner"));
    assert!(service(project, "a").routes[0].passthrough);
    assert_eq!(
        service(project, "b").traffic.dial.tls,
        Some(Default::default())
    );
    let short = project_of("x-ondol: {edge: {https: 8443}}\nservices: {a: {image: x}}\n");
    assert_eq!(short.edge.https.expect("https").port, 8443);
}

#[test]
fn what_an_edge_cannot_be_is_told() {
    for (edge, why) in [
        ("{port: 8443, https: 8443}", "with and without TLS"),
        ("{https: {redirect: true}}", "port"),
        (
            "{https: {port: 1, issue: nobody, acme: {}}}",
            "says another",
        ),
        ("{https: {port: 1, certificates: [{cert: a}]}}", "key"),
    ] {
        let text = format!("x-ondol: {{edge: {edge}}}\nservices: {{a: {{image: x}}}}\n");
        let told = load_text(&text).render(false);
        assert!(told.contains(why), "{told}");
    }
    let text = "services: {a: {image: x, x-ondol: {route: {path: /x, passthrough: true}}}}\n";
    assert!(load_text(text).render(false).contains("not a host alone"));
}
