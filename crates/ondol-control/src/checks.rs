use std::time::Duration;

use ondol_model::{Check, Healthcheck, Prepared, Probe, Service, Transport};

/// A service with ports but no check at all is ready when one of them accepts; if none ever does, it is taken as
/// ready after this time, because it may listen somewhere else or not at all.
pub(crate) const PORT_PATIENCE: Duration = Duration::from_secs(10);

const PORT_PACE: Duration = Duration::from_millis(50);
const PORT_TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked of a replica: the file's word, else its image's, else its port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) startup: Option<Probe>,
    pub(crate) ready: Option<Probe>,
    pub(crate) live: Option<Probe>,
    pub(crate) from: ReadyFrom,
    /// TCP ports the service is known to have; the first is what a check without a port means.
    pub(crate) ports: Vec<u16>,
}

/// Where the readiness check comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadyFrom {
    /// There is none: a replica is ready when it runs.
    Nothing,
    /// `x-ondol.probes.ready`.
    Probes,
    /// `healthcheck:`, of the file or the image. Compose has no liveness of its own, so this stands for both.
    Healthcheck,
    /// Its ports are known: one must accept a connection once.
    Port,
}

impl Checks {
    pub(crate) fn of(service: &Service, prepared: &Prepared) -> Self {
        let ports = tcp_ports(service, prepared);
        let probes = &service.probes;
        let (ready, from) = match (&probes.ready, &service.healthcheck) {
            (Some(probe), _) => (Some(probe.clone()), ReadyFrom::Probes),
            (None, Healthcheck::Check(probe)) => (Some(probe.clone()), ReadyFrom::Healthcheck),
            (None, Healthcheck::Disabled) => (None, ReadyFrom::Nothing),
            (None, Healthcheck::Image) => match (&prepared.ready, ports.first()) {
                (Some(probe), _) if probes.startup.is_none() && probes.live.is_none() => {
                    (Some(probe.clone()), ReadyFrom::Healthcheck)
                }
                (None, Some(_)) if probes.startup.is_none() => {
                    (Some(port_probe()), ReadyFrom::Port)
                }
                _ => (None, ReadyFrom::Nothing),
            },
        };
        Checks {
            startup: probes.startup.clone(),
            ready,
            live: probes.live.clone(),
            from,
            ports,
        }
    }
}

/// Only the image knows how to ask this service whether it is ready.
pub(crate) fn only_image_knows(service: &Service, prepared: &Prepared) -> bool {
    service.probes.ready.is_none()
        && service.healthcheck == Healthcheck::Image
        && prepared.ready.is_some()
}

/// Its TCP ports, those named outright first.
pub(crate) fn tcp_ports(service: &Service, prepared: &Prepared) -> Vec<u16> {
    let published = service
        .ports
        .iter()
        .filter(|port| port.transport == Transport::Tcp)
        .map(|port| port.target);
    let mut ports: Vec<u16> = Vec::new();
    for port in service
        .expose
        .iter()
        .copied()
        .chain(published)
        .chain(prepared.ports.iter().copied())
    {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// What a check expects, for people.
pub(crate) fn expected(check: &Check) -> String {
    match check {
        Check::Http(http) => format!("GET {} answers with 200 to 399", http.path),
        Check::Tcp { port: Some(port) } => format!("port {port} accepts a connection"),
        Check::Tcp { port: None } => "its first port accepts a connection".to_owned(),
        Check::Exec { command } => format!("`{}` exits with 0", command.join(" ")),
        Check::LogLine { contains } => format!("a log line contains `{contains}`"),
    }
}

fn port_probe() -> Probe {
    Probe {
        start_interval: PORT_PACE,
        timeout: PORT_TIMEOUT,
        start_period: PORT_PATIENCE,
        ..Probe::new(Check::Tcp { port: None })
    }
}
