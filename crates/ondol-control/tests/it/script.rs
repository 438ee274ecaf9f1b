//! The language of the examples, one event per line:
//!
//! ```text
//! found                      nothing runs
//! found web-1 run 4 old      a survivor: of the wanted definition, or an `old` one, or what the script started;
//!                            `exit 1` when it ended,
//!                            `starting` when what comes before its process is still being done
//! prepared db / unprepared db no such package / rebuild web
//! started web-1 / unstarted web-1 why not / exited web-1 1 / ok web-1 / fail web-1 GET / 503 / hooked web-1
//! acked web / drained web-1 / machine 2 1g
//! edit web / reprobe web /path / remove web / scale web 3 / stop web / begin web
//! want / restart web / kill web-1 / once web 10001 (alone, fleeting) / forget web-10001 / down
//! another                    the node dies, and another one begins; `found` comes next
//! load web 120 3             the proxy counts 120 requests per second and 3 on their way; the last is now
//! awaited web                a request waits for it
//! +500ms                     time goes on, ticks come when they are due
//! view                       what readers see
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use expect_test::Expect;
use ondol_control::{Action, Command, Control, Event, Machine, Memory, View, Wish};
use ondol_model::*;

mod show;

use show::show;

/// Runs `script` on a project and compares the log of actions.
pub(crate) fn check(project: Project, script: &str, log: Expect) {
    log.assert_eq(&Script::run(project, script).log);
}

/// What such a story comes to, for tests that look at a part of it.
pub(crate) fn told(project: Project, script: &str) -> String {
    Script::run(project, script).log
}

/// A project of these services, by `name` and what is changed from the default service.
pub(crate) fn project(services: Vec<Service>) -> Project {
    Project {
        name: "shop".parse().unwrap(),
        dir: "/shop".into(),
        files: Vec::new(),
        services: services
            .into_iter()
            .map(|service| (service.name.clone(), Arc::new(service)))
            .collect(),
        volumes: BTreeMap::new(),
        networks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        configs: BTreeMap::new(),
        edge_port: 8080,
        edge: Default::default(),
        alerts: ondol_model::Alerts::default(),
        requests: Default::default(),
    }
}

/// A service with nothing but a name and a command.
pub(crate) fn service(name: &str, change: impl FnOnce(&mut Service)) -> Service {
    let json = r#"{"name":"x","image":null,"build":null,"runtime":"auto","packages":[],"prepare":null,
        "entrypoint":null,"command":["run"],"environment":{},"working_dir":null,"user":null,"hostname":null,
        "init":false,"tty":false,"stop_signal":null,"stop_grace":{"secs":10,"nanos":0},"post_start":[],"pre_stop":[],
        "ulimits":{},"mounts":[],"secrets":[],"configs":[],"host_network":false,"networks":{},"ports":[],"expose":[],
        "port_env":"PORT","routes":[],"depends_on":{},"healthcheck":"image",
        "probes":{"startup":null,"ready":null,"live":null},
        "restart":{"condition":"on_failure","attempts_max":null,"window":null,"delay":{"secs":0,"nanos":0}},"mode":"replicated","replicas":1,
        "resources":{"cpu_limit_milli":null,"memory_limit":null,"pids_limit":null,"cpu_reserved_milli":0,
        "memory_reserved":0},
        "update":{"parallelism":1,"delay":{"secs":0,"nanos":0},"order":"start_first","monitor":{"secs":5,"nanos":0},
        "failure_ratio_milli_max":0,"failure_action":"rollback"},
        "rollback":{"parallelism":1,"delay":{"secs":0,"nanos":0},"order":"start_first",
        "monitor":{"secs":5,"nanos":0},"failure_ratio_milli_max":0,"failure_action":"pause"},
        "placement_constraints":[],"replicas_per_node_max":null,"watch":[],
        "logs":{"segment_max":8388608,"segments_max":4},"labels":{},"container_name":null}"#;
    let mut service: Service = serde_json::from_str(json).unwrap();
    service.name = name.parse().unwrap();
    change(&mut service);
    service
}

pub(crate) fn after(service: &mut Service, name: &str, condition: Condition) {
    let dependency = Dependency {
        condition,
        required: true,
        restart: false,
    };
    service.depends_on.insert(name.parse().unwrap(), dependency);
}

pub(crate) fn http(path: &str) -> Probe {
    Probe::new(Check::Http(HttpCheck {
        path: path.to_owned(),
        port: None,
        headers: Vec::new(),
    }))
}

/// A control core that a script is talking to.
pub(crate) struct Script {
    pub(crate) control: Control,
    pub(crate) log: String,
    pub(crate) now: Time,
    wish: Wish,
    /// Which start each replica is in, and which table version was published.
    runs: BTreeMap<ReplicaId, RunId>,
    /// What each was started from.
    definitions: BTreeMap<ReplicaId, Digest>,
    tables: BTreeMap<ServiceName, u64>,
    /// What is to be remembered for another node.
    memories: BTreeMap<ServiceRef, Memory>,
    image: Prepared,
}

impl Script {
    pub(crate) fn run(project: Project, script: &str) -> Script {
        let mut this = Script {
            control: Control::new(machine()),
            log: String::new(),
            now: Time::ZERO,
            wish: Wish {
                project: Arc::new(project),
                scale: BTreeMap::new(),
                stopped: BTreeSet::new(),
            },
            runs: BTreeMap::new(),
            definitions: BTreeMap::new(),
            tables: BTreeMap::new(),
            memories: BTreeMap::new(),
            image: Prepared::default(),
        };
        this.send(Event::Want(this.wish.clone()));
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            this.line(line);
        }
        this
    }

    /// Changes what is wanted and says so.
    fn edit(&mut self, change: impl FnOnce(&mut Project)) {
        let mut project = (*self.wish.project).clone();
        change(&mut project);
        self.wish.project = Arc::new(project);
        self.send(Event::Want(self.wish.clone()));
    }

    fn edit_service(&mut self, name: &str, change: impl FnOnce(&mut Service)) {
        self.edit(|project| {
            let service = project.services.get_mut(&name.parse().unwrap()).unwrap();
            change(Arc::make_mut(service));
        });
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.log, "> {line}");
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (what, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "view" => self.show(),
            "want" => self.send(Event::Want(self.wish.clone())),
            "found" => self.found(rest),
            "another" => self.another_node(),
            "edit" => self.edit_service(what, |service| {
                let version = service.environment.entry("VERSION".to_owned());
                version.or_default().push('I');
            }),
            "reprobe" => self.edit_service(what, |service| service.probes.ready = Some(http(more))),
            "remove" => self.edit(|project| {
                project.services.remove(&what.parse().unwrap());
            }),
            "scale" => {
                let count = more.parse().unwrap();
                self.wish.scale.insert(what.parse().unwrap(), count);
                self.send(Event::Want(self.wish.clone()));
            }
            "stop" => {
                self.wish.stopped.insert(what.parse().unwrap());
                self.send(Event::Want(self.wish.clone()));
            }
            "begin" => {
                self.wish.stopped.remove(&what.parse().unwrap());
                self.send(Event::Want(self.wish.clone()));
            }
            "restart" | "rebuild" | "kill" | "once" | "forget" | "down" => {
                self.command(verb, what, more);
            }
            _ if verb.starts_with('+') => self.wait(verb),
            _ => self.see(verb, what, more),
        }
    }

    fn wait(&mut self, span: &str) {
        let digits = span.trim_matches(|c: char| !c.is_ascii_digit());
        let number: u64 = digits.parse().unwrap();
        let span = match span.ends_with("ms") {
            true => Duration::from_millis(number),
            false => Duration::from_secs(number),
        };
        let until = self.now + span;
        for _ in 0..1000 {
            match self.control.poll_timeout() {
                Some(at) if at <= until => {
                    self.now = self.now.max(at);
                    self.send(Event::Tick);
                }
                _ => break,
            }
        }
        self.now = until;
        self.send(Event::Tick);
    }

    fn command(&mut self, verb: &str, what: &str, more: &str) {
        let project = self.wish.project.name.clone();
        let services = || {
            what.split(',')
                .filter(|s| !s.is_empty())
                .map(|s| s.parse().unwrap())
        };
        let command = match verb {
            "restart" => Command::Restart {
                project,
                services: services().collect(),
            },
            "rebuild" => Command::Rebuild {
                project,
                services: services().collect(),
            },
            "once" => Command::RunOnce {
                project,
                service: what.parse().unwrap(),
                number: more.split(' ').next().unwrap().parse().unwrap(),
                once: Box::new(OneOff {
                    command: vec!["sh".to_owned()],
                    alone: more.ends_with("alone"),
                    fleeting: more.ends_with("fleeting"),
                    ..OneOff::default()
                }),
            },
            "kill" => Command::Kill { replica: id(what) },
            "forget" => Command::Forget { replica: id(what) },
            _ => Command::Down {
                project,
                volumes: what == "-v",
            },
        };
        self.send(Event::Asked(command));
    }

    /// The node dies, and the next one hears what is wanted and what was remembered.
    fn another_node(&mut self) {
        self.control = Control::new(machine());
        self.send(Event::Want(self.wish.clone()));
        self.send(Event::Remembered(self.memories.clone()));
    }

    fn found(&mut self, rest: &str) {
        let mut inventory = Inventory::default();
        for word in rest.split(", ").filter(|word| !word.is_empty()) {
            let mut words = word.split(' ');
            let replica = id(words.next().unwrap());
            let words: Vec<&str> = words.collect();
            let known = self.definitions.get(&replica).cloned();
            let definition = known.or_else(|| self.wish.project.definition(&replica.service));
            let definition = definition.filter(|_| !words.contains(&"old"));
            // The start that the script knows, or one that it never saw.
            let unseen = RunId(100 + u64::from(replica.number));
            let run = *self.runs.entry(replica.clone()).or_insert(unseen);
            inventory.run_max = inventory.run_max.max(run);
            inventory.survivors.push(Survivor {
                run,
                definition: definition.unwrap_or_else(|| Digest::of(b"old")),
                pid: 100 + replica.number,
                ip: ip(replica.number),
                moved_ports: BTreeMap::new(),
                prepared: self.image.clone(),
                starting: words.contains(&"starting"),
                exit: words
                    .iter()
                    .position(|word| *word == "exit")
                    .map(|at| Exit::Code(words[at + 1].parse().unwrap())),
                replica,
            });
        }
        self.send(Event::Found(inventory));
    }

    fn see(&mut self, verb: &str, what: &str, more: &str) {
        let service_ref = || ServiceRef {
            project: "shop".parse().unwrap(),
            service: what.parse().unwrap(),
        };
        let definition = || {
            self.wish
                .project
                .definition(&what.parse().unwrap())
                .unwrap()
        };
        let seen = match verb {
            "prepared" => Observation::Prepared {
                service: service_ref(),
                definition: definition(),
                prepared: Prepared {
                    ports: more
                        .split(' ')
                        .filter_map(|word| word.parse().ok())
                        .collect(),
                    ready: more.contains("check").then(|| http("/image")),
                    ..Prepared::default()
                },
            },
            "unprepared" => Observation::PrepareFailed {
                service: service_ref(),
                definition: definition(),
                why: more.to_owned(),
            },
            "acked" => Observation::Acknowledged {
                service: service_ref(),
                version: self.table(what),
            },
            "awaited" => Observation::Awaited {
                service: service_ref(),
            },
            "load" => {
                let mut numbers = more.split(' ').map(|word| word.parse::<f64>().unwrap());
                let requests = numbers.next().unwrap();
                Observation::Measured {
                    service: service_ref(),
                    reading: Box::new(LoadReading {
                        traffic: Some(TrafficReading {
                            at: self.now,
                            requests,
                            in_flight: numbers.next().unwrap_or_default() as u64,
                            waiting: 0,
                            p95: None,
                            last: (requests > 0.0).then_some(self.now),
                        }),
                        ..LoadReading::default()
                    }),
                }
            }
            "machine" => Observation::Machine(Capacity {
                cpu_milli: what.parse::<u32>().unwrap() * 1000,
                memory: more.parse().unwrap(),
            }),
            _ => self.see_process(verb, id(what), more),
        };
        self.send(Event::Saw(seen));
    }

    fn table(&self, service: &str) -> u64 {
        let service: ServiceName = service.parse().unwrap();
        self.tables.get(&service).copied().unwrap_or_default()
    }

    fn see_process(&self, verb: &str, replica: ReplicaId, more: &str) -> Observation {
        // A word about a replica that was never started is about no start.
        let run = self.runs.get(&replica).copied().unwrap_or_default();
        let result = |ok: bool| ProbeResult {
            ok,
            saw: if more.is_empty() {
                "GET / 200".to_owned()
            } else {
                more.to_owned()
            },
        };
        match verb {
            "started" => Observation::Started {
                pid: replica.number,
                ip: ip(replica.number),
                replica,
                run,
                moved_ports: BTreeMap::new(),
            },
            "exited" => Observation::Exited {
                replica,
                run,
                exit: match more {
                    "oom" => Exit::OutOfMemory,
                    code => Exit::Code(code.parse().unwrap()),
                },
            },
            "unstarted" => Observation::Exited {
                replica,
                run,
                exit: Exit::NotStarted(more.to_owned()),
            },
            "listens" => Observation::Listening {
                replica,
                run,
                ports: vec![more.parse().unwrap()],
            },
            "drained" => Observation::Drained { replica, run },
            "hooked" | "unhooked" => Observation::HookEnded {
                replica,
                run,
                result: result(verb == "hooked"),
            },
            _ => Observation::Probed {
                replica,
                run,
                kind: match verb {
                    "startup-ok" | "startup-fail" => ProbeKind::Startup,
                    "live-ok" | "live-fail" => ProbeKind::Live,
                    "ok" | "fail" => ProbeKind::Ready,
                    other => panic!("no such line: {other}"),
                },
                result: result(verb.ends_with("ok")),
            },
        }
    }

    pub(crate) fn send(&mut self, event: Event) {
        self.control.handle(event, self.now);
        while let Some(action) = self.control.poll_action() {
            if let Action::Start(run) = &action {
                self.runs.insert(run.replica.clone(), run.run);
                self.definitions
                    .insert(run.replica.clone(), run.definition.clone());
            }
            if let Action::Remember { service, memory } = &action {
                self.memories.insert(service.clone(), memory.clone());
            }
            if let Action::Publish(table) = &action {
                self.tables
                    .insert(table.service.service.clone(), table.version);
            }
            let line = format!("  {}\n", show(&action));
            // Rounds that find nothing new are told once.
            if !matches!(action, Action::Measure { .. }) || !self.log.ends_with(&line) {
                self.log.push_str(&line);
            }
        }
    }

    fn show(&mut self) {
        let view: &View = self.control.view();
        for project in view.projects.values() {
            let settled = if project.settled {
                "settled"
            } else {
                "not settled"
            };
            let _ = writeln!(self.log, "  {}: {settled}", project.name);
            for service in project.services.values() {
                let _ = write!(
                    self.log,
                    "  {} {} {}/{}",
                    service.name, service.phase, service.ready, service.wanted
                );
                if let Some(words) = &service.waits_for {
                    let _ = write!(self.log, ", {words}");
                }
                if let Some(words) = &service.failed {
                    let _ = write!(self.log, "; failed: {words}");
                }
                let _ = writeln!(self.log);
            }
        }
    }
}

fn machine() -> Machine {
    Machine {
        capacity: Capacity {
            cpu_milli: 4000,
            memory: Bytes(4 << 30),
        },
        attributes: BTreeMap::from([("node.role".to_owned(), "manager".to_owned())]),
    }
}

fn id(text: &str) -> ReplicaId {
    let (service, number) = text.rsplit_once('-').unwrap();
    ReplicaId {
        project: "shop".parse().unwrap(),
        service: service.parse().unwrap(),
        number: number.parse().unwrap(),
    }
}

fn ip(number: u32) -> std::net::IpAddr {
    std::net::Ipv4Addr::from(0x0a4d_0000 + number).into()
}
