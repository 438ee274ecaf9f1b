//! Services to start.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::*;

pub(crate) fn project() -> Arc<Project> {
    let dir = std::env::temp_dir().join("ondol-runtime-sources");
    fs::create_dir_all(&dir).unwrap();
    Arc::new(Project {
        name: "shop".parse().unwrap(),
        dir,
        files: vec![],
        services: Default::default(),
        volumes: Default::default(),
        networks: Default::default(),
        secrets: Default::default(),
        configs: Default::default(),
        edge_port: 8080,
        edge: Default::default(),
        alerts: ondol_model::Alerts::default(),
        requests: Default::default(),
    })
}

pub(crate) fn service(name: &str, command: &[&str]) -> Service {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    Service {
        name: name.parse().unwrap(),
        image: None,
        build: None,
        runtime: RuntimeKind::Process,
        packages: vec![],
        prepare: None,
        entrypoint: None,
        command: Some(command),
        environment: Default::default(),
        working_dir: None,
        user: None,
        hostname: None,
        init: false,
        tty: false,
        stop_signal: None,
        stop_grace: Duration::from_secs(10),
        pre_start: vec![],
        post_start: vec![],
        pre_stop: vec![],
        ulimits: Default::default(),
        mounts: vec![],
        secrets: vec![],
        configs: vec![],
        host_network: false,
        networks: Default::default(),
        ports: vec![],
        expose: vec![],
        port_env: "PORT".into(),
        routes: vec![],
        traffic: Default::default(),
        depends_on: Default::default(),
        healthcheck: Healthcheck::Image,
        probes: Probes::default(),
        restart: RestartPolicy::NEVER,
        mode: DeployMode::Replicated,
        replicas: 1,
        resources: Resources::default(),
        update: Rollout::default(),
        rollback: Rollout::default(),
        placement_constraints: vec![],
        replicas_per_node_max: None,
        watch: vec![],
        logs: LogLimits::default(),
        labels: Default::default(),
        container_name: None,
        attended: false,
        start_dir: None,
        autoscale: None,
        metrics: Default::default(),
    }
}

/// A service that says what it hears at an address, or that it hears nothing.
pub(crate) fn caller(name: &str, address: SocketAddr) -> Service {
    let script = format!(
        "import socket\ntry:\n print(socket.create_connection(('{}',{}),2).recv(100).decode())\n\
         except OSError as e: print('nothing')",
        address.ip(),
        address.port()
    );
    service(name, &["python3", "-c", &script])
}
