use std::sync::Arc;

use ondol_model::{Digest, Observation, Project, Service, ServiceName, ServiceRef};

use super::Inner;
use super::oven::RoomOven;
use crate::sandbox::Sandbox;
use crate::source::{self, SourceError, SourceErrorKind};
use crate::{Launch, PrepareRequest};

/// Prepares a service and says what it does meanwhile.
pub(super) async fn prepare(
    inner: Arc<Inner>,
    project: Arc<Project>,
    service: ServiceName,
    definition: Digest,
    again: bool,
) {
    let id = ServiceRef {
        project: project.name.clone(),
        service: service.clone(),
    };
    let worker = {
        let (inner, id, definition) = (inner.clone(), id.clone(), definition.clone());
        tokio::task::spawn_blocking(move || {
            expect(&inner, &project);
            let service = project
                .services
                .get(&service)
                .ok_or_else(|| format!("the project has no service {service}"))?;
            let mut doing = |doing: String| {
                // Words for people: better one less than a prepare that waits for a reader.
                let _ = inner.observations.try_send(Observation::Preparing {
                    service: id.clone(),
                    definition: definition.clone(),
                    doing,
                });
            };
            run(&inner, &project, service, again, |request| {
                source::prepare(request, &mut doing)
            })
        })
    };
    let prepared = worker
        .await
        .unwrap_or_else(|_| Err("preparing was given up".to_owned()));
    let word = match prepared {
        Ok(launch) => {
            learn(&inner, &id, &launch);
            Observation::Prepared {
                service: id,
                definition,
                prepared: launch.prepared(),
            }
        }
        Err(why) => Observation::PrepareFailed {
            service: id,
            definition,
            why,
        },
    };
    inner.observe(word).await;
}

/// What to run of a service. One that was not prepared, or whose files are gone, is prepared now: a start must not
/// fail because a folder that can be made again was removed.
pub(super) fn launch(
    inner: &Inner,
    project: &Project,
    service: &Service,
) -> Result<Launch, String> {
    run(
        inner,
        project,
        service,
        false,
        |request| match source::launch(request) {
            Err(error) if matches!(error.kind, SourceErrorKind::NotPrepared) => {
                source::prepare(request, &mut |_| {})
            }
            other => other,
        },
    )
}

/// Learns the ports of services that were not prepared yet: one that starts before them is told where they will be.
fn expect(inner: &Inner, project: &Project) {
    let layered = inner.config.sandbox != Sandbox::None;
    for service in project.services.values() {
        let id = ServiceRef {
            project: project.name.clone(),
            service: service.name.clone(),
        };
        if inner.state().ports.contains_key(&id) {
            continue;
        }
        if let Some(port) = source::expected_port(service, layered) {
            inner.state().ports.entry(id).or_insert(port);
        }
    }
}

fn learn(inner: &Inner, id: &ServiceRef, launch: &Launch) {
    if let Some(&port) = launch.ports.first() {
        inner.state().ports.insert(id.clone(), port);
    }
}

fn run(
    inner: &Inner,
    project: &Project,
    service: &Service,
    again: bool,
    door: impl FnOnce(&PrepareRequest<'_>) -> Result<Launch, SourceError>,
) -> Result<Launch, String> {
    let oven = RoomOven { inner };
    let request = PrepareRequest {
        project,
        service,
        state_dir: inner.paths.state_dir(),
        layered: inner.config.sandbox != Sandbox::None,
        again,
        oven: &oven,
    };
    door(&request).map_err(|error| error.to_string())
}
