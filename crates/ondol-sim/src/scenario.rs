use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{
    Bytes, Check, Condition, Dependency, DeployMode, FailureAction, Healthcheck, Hook, HttpCheck,
    LogLimits, Mount, MountSource, PreStart, Probe, Probes, Project, Resources, RestartPolicy,
    Rollout, RuntimeKind, Service, ServiceName, UpdateOrder,
};

use crate::load::autoscale;
use crate::rng::Luck;

/// Variable by which a definition says what its processes are like.
pub(crate) const TEMPER: &str = "TEMPER";
/// Variable that makes definitions differ.
pub(crate) const EDITION: &str = "EDITION";

/// What the processes of a definition are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// They come up, and do their work.
    Good,
    /// They end with 1 soon after their start.
    Crashes,
    /// They run and never answer a probe.
    Deaf,
    /// They cannot even be prepared.
    Unpreparable,
}

impl Temper {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Temper::Good => "good",
            Temper::Crashes => "crashes",
            Temper::Deaf => "deaf",
            Temper::Unpreparable => "unpreparable",
        }
    }

    pub(crate) fn of(service: &Service) -> Self {
        match service.environment.get(TEMPER).map(String::as_str) {
            Some("crashes") => Temper::Crashes,
            Some("deaf") => Temper::Deaf,
            Some("unpreparable") => Temper::Unpreparable,
            _ => Temper::Good,
        }
    }
}

/// The application of this seed: two to four services of every kind, each depending on some of those before it.
pub(crate) fn project(luck: Luck) -> Option<Project> {
    let mut services: BTreeMap<ServiceName, Arc<Service>> = BTreeMap::new();
    for index in 0..luck.of(1).between(2, 4) {
        let mut service = service(&format!("s{index}"), luck.of(100 + index))?;
        let luck = luck.of(200 + index);
        for (at, (name, other)) in services.iter().enumerate() {
            if luck.of(at as u64).once_in(2) {
                let job = other.mode == DeployMode::Job;
                let dependency = dependency(luck.of(10 + at as u64), job);
                service.depends_on.insert(name.clone(), dependency);
            }
        }
        services.insert(service.name.clone(), Arc::new(service));
    }
    Some(Project {
        name: "sim".parse().ok()?,
        dir: PathBuf::from("/sim"),
        files: Vec::new(),
        services,
        volumes: BTreeMap::new(),
        networks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        configs: BTreeMap::new(),
        edge_port: 8080,
        edge: Default::default(),
        alerts: ondol_model::Alerts::default(),
        requests: Default::default(),
    })
}

fn dependency(luck: Luck, job: bool) -> Dependency {
    Dependency {
        condition: match luck.of(1).below(3) {
            _ if job => Condition::Completed,
            0 => Condition::Started,
            _ => Condition::Healthy,
        },
        required: !luck.of(2).once_in(5),
        restart: luck.of(3).once_in(4),
    }
}

fn service(name: &str, luck: Luck) -> Option<Service> {
    let job = luck.of(1).once_in(8);
    let keeps_data = luck.of(2).once_in(6);
    let hook = |thing| luck.of(thing).once_in(6).then(hook).into_iter().collect();
    let mut service = plain(name)?;
    service.image = keeps_data.then(|| "database".to_owned());
    service.mounts = keeps_data.then(data).into_iter().collect();
    service.mode = if job {
        DeployMode::Job
    } else {
        DeployMode::Replicated
    };
    service.replicas = luck.of(3).between(1, 3) as u32;
    service.expose = luck.of(4).once_in(2).then_some(80).into_iter().collect();
    service.stop_grace = Duration::from_millis(luck.of(5).between(100, 10_000));
    service.pre_start = luck
        .of(14)
        .once_in(5)
        .then(|| pre_start(luck.of(15)))
        .into_iter()
        .collect();
    service.post_start = hook(6);
    service.pre_stop = hook(7);
    service.resources = Resources {
        cpu_reserved_milli: luck.of(8).between(0, 4) as u32 * 250,
        memory_reserved: Bytes(luck.of(9).between(0, 4) << 26),
        ..Resources::default()
    };
    service.restart = match luck.of(10).below(8) {
        0 => RestartPolicy::NEVER,
        1 => RestartPolicy {
            attempts_max: Some(3),
            delay: Duration::from_millis(luck.of(16).below(3) * 700),
            ..RestartPolicy::default()
        },
        2..5 => RestartPolicy::ALWAYS,
        _ => RestartPolicy::default(),
    };
    service.update = rollout(luck.of(11));
    service.rollback = Rollout {
        failure_action: FailureAction::Pause,
        ..rollout(luck.of(12))
    };
    if !job && luck.of(17).once_in(4) {
        service.autoscale = Some(autoscale(luck.of(18)));
    }
    if !job {
        ask(&mut service, luck.of(13));
    }
    Some(service)
}

/// Gives it probes of some kind, or none.
pub(crate) fn ask(service: &mut Service, luck: Luck) {
    service.probes = Probes::default();
    service.healthcheck = Healthcheck::Image;
    match luck.of(1).below(6) {
        0 => service.healthcheck = Healthcheck::Disabled,
        1 => {}
        2 => service.healthcheck = Healthcheck::Check(probe(luck.of(2))),
        _ => {
            service.probes.ready = Some(probe(luck.of(3)));
            service.probes.live = luck.of(4).once_in(3).then(|| probe(luck.of(5)));
            service.probes.startup = luck.of(6).once_in(3).then(|| Probe {
                failures_max: 1000,
                ..probe(luck.of(7))
            });
        }
    }
}

fn probe(luck: Luck) -> Probe {
    Probe {
        interval: Duration::from_millis(luck.of(1).between(500, 10_000)),
        start_interval: Duration::from_millis(luck.of(2).between(50, 500)),
        start_period: Duration::from_millis(luck.of(3).below(3) * 1000),
        timeout: Duration::from_millis(luck.of(4).between(100, 2000)),
        failures_max: luck.of(5).between(1, 3) as u32,
        successes_min: luck.of(6).between(1, 2) as u32,
        ..Probe::new(Check::Http(HttpCheck {
            path: "/".to_owned(),
            port: Some(80),
            headers: Vec::new(),
        }))
    }
}

fn rollout(luck: Luck) -> Rollout {
    Rollout {
        parallelism: luck.of(1).below(3) as u32,
        delay: Duration::from_millis(luck.of(2).below(3) * 500),
        order: match luck.of(3).once_in(3) {
            true => UpdateOrder::StopFirst,
            false => UpdateOrder::StartFirst,
        },
        monitor: Duration::from_millis(luck.of(4).between(0, 5000)),
        failure_ratio_milli_max: luck.of(5).below(3) as u32 * 300,
        failure_action: match luck.of(6).below(4) {
            0 => FailureAction::Pause,
            1 => FailureAction::Continue,
            _ => FailureAction::Rollback,
        },
    }
}

fn pre_start(luck: Luck) -> PreStart {
    PreStart {
        hook: hook(),
        per_replica: luck.once_in(3),
    }
}

fn hook() -> Hook {
    Hook {
        privileged: false,
        command: vec!["hook".to_owned()],
        user: None,
        working_dir: None,
        environment: BTreeMap::new(),
    }
}

fn data() -> Mount {
    Mount {
        source: MountSource::Volume {
            name: "data".to_owned(),
            subpath: None,
            nocopy: false,
        },
        target: "/data".to_owned(),
        read_only: false,
    }
}

/// A service that says nothing about itself.
fn plain(name: &str) -> Option<Service> {
    Some(Service {
        name: name.parse().ok()?,
        image: None,
        build: None,
        runtime: RuntimeKind::Auto,
        packages: Vec::new(),
        prepare: None,
        entrypoint: None,
        command: None,
        environment: BTreeMap::new(),
        working_dir: None,
        user: None,
        hostname: None,
        init: false,
        tty: false,
        stop_signal: None,
        stop_grace: Duration::from_secs(10),
        pre_start: Vec::new(),
        post_start: Vec::new(),
        pre_stop: Vec::new(),
        ulimits: BTreeMap::new(),
        mounts: Vec::new(),
        secrets: Vec::new(),
        configs: Vec::new(),
        host_network: false,
        networks: BTreeMap::new(),
        ports: Vec::new(),
        expose: Vec::new(),
        port_env: "PORT".to_owned(),
        routes: Vec::new(),
        traffic: ondol_model::Traffic::default(),
        depends_on: BTreeMap::new(),
        healthcheck: Healthcheck::Image,
        probes: Probes::default(),
        restart: RestartPolicy::default(),
        mode: DeployMode::Replicated,
        replicas: 1,
        resources: Resources::default(),
        update: Rollout::default(),
        rollback: Rollout::default(),
        placement_constraints: Vec::new(),
        replicas_per_node_max: None,
        watch: Vec::new(),
        logs: LogLimits::default(),
        labels: BTreeMap::new(),
        container_name: None,
        attended: false,
        start_dir: None,
        autoscale: None,
        metrics: Default::default(),
    })
}
