use std::sync::Arc;

use ondol_model::{Digest, Observation, Project, Service, ServiceName, ServiceRef};

use super::Inner;
use crate::Launch;

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
            run(&inner, &project, service, again, &mut doing)
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

/// What to run of a service that was prepared.
pub(super) fn launch(
    inner: &Inner,
    project: &Project,
    service: &Service,
) -> Result<Launch, String> {
    run(inner, project, service, false, &mut |_| {})
}

fn learn(inner: &Inner, id: &ServiceRef, launch: &Launch) {
    if let Some(&port) = launch.ports.first() {
        inner.state().ports.insert(id.clone(), port);
    }
}

fn run(
    _inner: &Inner,
    _project: &Project,
    service: &Service,
    _again: bool,
    _doing: &mut dyn FnMut(String),
) -> Result<Launch, String> {
    let words = [&service.entrypoint, &service.command]
        .into_iter()
        .flatten();
    Ok(Launch {
        argv: words.flatten().cloned().collect(),
        env: service.environment.clone(),
        workdir: service.working_dir.clone().unwrap_or_else(|| "/".into()),
        user: service.user.clone(),
        ports: service.expose.clone(),
        ..Launch::default()
    })
}
