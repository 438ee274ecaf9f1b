//! From what a file means to what a shim is told: no process is started here.

mod env;
pub(super) mod moved;
pub(super) mod room;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use ondol_model::{Hook, ReplicaId, Run, RunId, Service};

use super::Inner;
use crate::launch::{LISTEN_IP, LISTEN_PORT};
use crate::sandbox::Sandbox;
use crate::spec::{Command, Facts, LogBounds, Preliminary, Spec, Task};
use crate::{Launch, UserEntry};

/// The name of a start's control groups: those of the start before may still be going.
pub(super) fn group_name(replica: &ReplicaId, run: RunId) -> String {
    let ReplicaId {
        project,
        service,
        number,
    } = replica;
    format!("{project}.{service}-{number}.{}", run.0)
}

/// What a replica calls its machine.
pub(super) fn hostname(run: &Run) -> String {
    let own = format!("{}-{}", run.replica.service, run.replica.number);
    run.service.hostname.clone().unwrap_or(own)
}

/// A user as it is known where the process runs. Without a sandbox that is the machine, which lacks the users of
/// images, and where only root may be somebody else: everybody else's services are the person's own processes.
pub(super) fn here(inner: &Inner, user: String, of_image: &[UserEntry]) -> Option<String> {
    if inner.config.sandbox != Sandbox::None {
        return Some(user);
    }
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let known = crate::identity::find(&user, Path::new("/")).is_ok();
    let entry = of_image.iter().find(|entry| entry.name == user && !known);
    Some(entry.map_or(user, |entry| format!("{0}:{0}", entry.id)))
}

/// All that the shim is told. The error says for people what cannot be.
pub(super) fn plan(inner: &Inner, run: &Run, launch: &Launch) -> Result<Spec, String> {
    let service = &run.service;
    let apart = inner.config.sandbox != Sandbox::None;
    let place = Place::find(inner, run, launch)?;
    let command = |argv: &[String], user: &Option<String>| Command {
        argv: argv.to_vec(),
        workdir: launch.workdir.clone(),
        user: user
            .clone()
            .or_else(|| launch.user.clone())
            .and_then(|user| here(inner, user, &launch.users)),
        attended: false,
        privileged: false,
    };
    let of_image = launch.before.iter().map(|before| Preliminary {
        command: command(&before.argv, &before.user),
        // Of a well-known image it is a whole script, which says itself what is wrong.
        name: format!("what comes before {}", launch.runs),
        env: BTreeMap::new(),
        unless_exists: before.unless_exists.clone(),
    });
    let steps = service.pre_start.iter();
    // Compose runs these before the image's own entrypoint, which is what makes a database's first files.
    let before = steps
        .filter(|step| step.per_replica || run.initiates)
        .map(|step| pre_start(&step.hook, command(&step.hook.command, &step.hook.user)))
        .chain(of_image);
    let mut task = Task {
        run: run.run.0,
        main: main(service, command(&launch.argv, &None)),
        before: before.collect(),
        env: env::env(inner, run, launch, &place),
        ulimits: service.ulimits.clone(),
        logs: log_bounds(service),
        cgroup: inner.ground.plan(
            &group_name(&run.replica, run.run),
            (&service.resources).into(),
        ),
        room: None,
    };
    place.fill_in(&mut task);
    let mut moved_paths = Vec::new();
    if apart {
        task.room = Some(room::room(inner, run, launch, &place)?);
    } else {
        moved_paths = moved::move_into_reach(inner, run, launch, &place, &mut task)?;
    }
    if let Some(room) = &mut task.room {
        for file in &mut room.files {
            if let crate::spec::FileContent::Text(text) = &mut file.content {
                *text = place.filled(text);
            }
        }
    }
    Ok(Spec {
        facts: Facts {
            replica: run.replica.clone(),
            run: run.run,
            definition: run.definition.clone(),
            prepared: launch.prepared(),
            ip: place.ip,
            moved_ports: place.moved_ports,
            moved_paths,
            world: inner.shared.world().map(crate::world::World::id),
            host_network: service.host_network,
        },
        task,
    })
}

fn main(service: &Service, command: Command) -> Command {
    Command {
        attended: service.attended,
        workdir: service.start_dir.clone().unwrap_or(command.workdir),
        ..command
    }
}

fn pre_start(hook: &Hook, command: Command) -> Preliminary {
    let workdir = hook.working_dir.clone();
    Preliminary {
        name: format!("its pre_start step `{}`", hook.command.join(" ")),
        env: hook.environment.clone(),
        unless_exists: None,
        command: Command {
            workdir: workdir.unwrap_or(command.workdir),
            privileged: hook.privileged,
            ..command
        },
    }
}

fn log_bounds(service: &Service) -> LogBounds {
    LogBounds {
        segment_bytes_max: service.logs.segment_max.0.max(64 << 10),
        segments_max: service.logs.segments_max.max(1),
    }
}

/// Where a replica listens.
#[derive(Clone, Debug)]
struct Place {
    ip: IpAddr,
    /// What it binds.
    listen_ip: IpAddr,
    /// Its main port, as it is told.
    port: Option<u16>,
    moved_ports: BTreeMap<u16, SocketAddr>,
}

impl Place {
    fn find(inner: &Inner, run: &Run, launch: &Launch) -> Result<Place, String> {
        let service = &run.service;
        let declared = launch
            .ports
            .iter()
            .chain(&service.expose)
            .copied()
            .chain(service.ports.iter().map(|port| port.target))
            .next();
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let sandbox = inner.config.sandbox;
        if service.host_network {
            return Ok(Place {
                ip: Ipv4Addr::LOCALHOST.into(),
                listen_ip: any,
                port: declared,
                moved_ports: BTreeMap::new(),
            });
        }
        let network = sandbox.subnets(inner.config.subnets).replicas;
        let ip = inner
            .state()
            .addresses
            .of(&run.replica, network)
            .ok_or_else(|| format!("all addresses of {network}/16 are taken"))?;
        if sandbox != Sandbox::None {
            return Ok(Place {
                ip: ip.into(),
                listen_ip: any,
                port: declared,
                moved_ports: BTreeMap::new(),
            });
        }
        let free = crate::net::free_port(ip.into())
            .map_err(|error| format!("no free port on {ip}: {error}"))?;
        let moved = declared.map(|port| (port, SocketAddr::new(ip.into(), free)));
        Ok(Place {
            ip: ip.into(),
            listen_ip: ip.into(),
            port: Some(free),
            moved_ports: moved.into_iter().collect(),
        })
    }

    /// Replaces the words that stand for the address and port to listen on.
    fn filled(&self, text: &str) -> String {
        if !text.contains("${ONDOL_") {
            return text.to_owned();
        }
        let port = self.port.map_or(String::new(), |port| port.to_string());
        text.replace(LISTEN_IP, &self.listen_ip.to_string())
            .replace(LISTEN_PORT, &port)
    }

    fn fill_in(&self, task: &mut Task) {
        let before = task.before.iter_mut().map(|before| &mut before.command);
        for command in before.chain([&mut task.main]) {
            for word in &mut command.argv {
                *word = self.filled(word);
            }
        }
        for value in task.env.values_mut() {
            *value = self.filled(value);
        }
    }
}
