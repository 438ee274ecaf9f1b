//! What people ask of the node, answered.

use std::collections::BTreeMap;

use ondol_api::{
    ApiError, ErrorCode, EventState, ExecTarget, NodeStatus, ReplicaState, Reply, Request,
    RevisionState,
};
use ondol_control::{Command, Event, Wish};
use ondol_model::{EventQuery, ProjectName, ReplicaId, ServiceName};
use ondol_store::{AuditEntry, StoreError, StoredEvent};

use super::{Node, cache, logs, routes, usage};

impl Node {
    pub(super) fn answer(&mut self, request: Request) {
        match request {
            Request::Status { reply } => answer(reply, Ok(self.status())),
            Request::Routes { ask, reply } => {
                answer(reply, routes::list(self.listeners.edges(), ask.as_ref()));
            }
            Request::Cache { reply } => {
                let link = self.link.clone();
                tokio::spawn(async move { answer(reply, cache::show(&link).await) });
            }
            Request::Purge { what, by, reply } => {
                self.note_down(&by, &cache::words(&what), None);
                let link = self.link.clone();
                tokio::spawn(async move { answer(reply, cache::purge(&link, what).await) });
            }
            Request::Shutdown { by, reply } => {
                self.note_down(&by, "leave", None);
                self.leaving = true;
                answer(reply, Ok(()));
            }
            Request::Apply { wish, by, reply } => self.look_first(*wish, by, reply),
            Request::Scale {
                project,
                scale,
                by,
                reply,
            } => answer(reply, self.scale(&project, scale, &by)),
            Request::Stop {
                project,
                services,
                stop,
                by,
                reply,
            } => answer(reply, self.stop(&project, services, stop, &by)),
            Request::Do { command, by, reply } => answer(reply, self.command(command, &by)),
            Request::RunOnce {
                service,
                once,
                by,
                reply,
            } => answer(reply, self.run_once(service, once, &by)),
            Request::ExecTarget { replica, reply } => answer(reply, self.exec_target(&replica)),
            Request::Usage { project, reply } => {
                let (state, engine) = (self.state.borrow().clone(), self.engine.clone());
                tokio::spawn(async move {
                    answer(reply, Ok(usage::of(&state, &project, &engine).await))
                });
            }
            Request::Readings { project, reply } => {
                answer(reply, Ok(self.readings_of(&project)));
            }
            Request::Revisions { project, reply } => answer(reply, self.revisions(&project)),
            Request::Events { query, reply } => answer(reply, self.events(&query)),
            Request::Logs { query, lines } => {
                let (state, engine) = (self.state.subscribe(), self.engine.clone());
                let dir_of = move |replica: &ReplicaId| engine.log_dir(replica);
                tokio::task::spawn_blocking(move || logs::send(query, state, dir_of, lines));
            }
            Request::Doctor { reply } => {
                let engine = self.engine.clone();
                // It tries things out, which takes a moment.
                tokio::task::spawn_blocking(move || {
                    let found = engine.doctor().into_iter().map(super::doctor::finding);
                    answer(reply, Ok(found.collect()));
                });
            }
        }
    }

    fn status(&self) -> NodeStatus {
        let replicas: usize = self
            .state
            .borrow()
            .projects
            .values()
            .flat_map(|p| &p.services)
            .map(|s| s.replicas.len())
            .sum();
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_unix_ms: self.clock.unix_ms(ondol_model::Time::from_secs(1)),
            ephemeral: self.ephemeral,
            sandbox: self.sandbox,
            state_dir: self.state_dir.clone(),
            telemetry: self.telemetry_addresses(),
            projects: u32::try_from(self.kept.len()).unwrap_or(u32::MAX),
            replicas: u32::try_from(replicas).unwrap_or(u32::MAX),
        }
    }

    fn scale(
        &mut self,
        project: &ProjectName,
        scale: BTreeMap<ServiceName, Option<u32>>,
        by: &str,
    ) -> Result<(), ApiError> {
        let mut wish = self.wish(project)?;
        let words: Vec<_> = scale
            .iter()
            .map(|(service, count)| match count {
                Some(count) => format!("{service} to {count}"),
                None => format!("{service} as its file says"),
            })
            .collect();
        for (service, count) in scale {
            match count {
                Some(count) => wish.scale.insert(service, count),
                None => wish.scale.remove(&service),
            };
        }
        self.keep(wish, by)?;
        self.note_down(by, &format!("scale {}", words.join(", ")), Some(project));
        Ok(())
    }

    fn stop(
        &mut self,
        project: &ProjectName,
        services: Vec<ServiceName>,
        stop: bool,
        by: &str,
    ) -> Result<(), ApiError> {
        let mut wish = self.wish(project)?;
        let named = if services.is_empty() {
            wish.project.services.keys().cloned().collect()
        } else {
            services
        };
        let words: Vec<_> = named.iter().map(ServiceName::as_str).collect();
        let did = format!(
            "{} {}",
            if stop { "stop" } else { "start" },
            words.join(", ")
        );
        for service in named {
            if stop {
                wish.stopped.insert(service)
            } else {
                wish.stopped.remove(&service)
            };
        }
        self.keep(wish, by)?;
        self.note_down(by, &did, Some(project));
        Ok(())
    }

    fn command(&mut self, command: Command, by: &str) -> Result<(), ApiError> {
        let (did, project) = describe(&command);
        if let Command::Down { project, .. } = &command {
            self.leave_project(project)?;
        }
        self.note_down(by, &did, Some(&project));
        self.change(Event::Asked(command));
        Ok(())
    }

    fn exec_target(&self, replica: &ReplicaId) -> Result<ExecTarget, ApiError> {
        let target = self.engine.exec_target(replica).ok_or_else(|| {
            ApiError::new(ErrorCode::Conflict, format!("{replica} does not run now"))
                .hint(format!("`ondol why {}` says why", replica.service))
        })?;
        let enter = serde_json::to_value(&target)
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        Ok(ExecTarget {
            replica: replica.to_string(),
            pid: target.pid,
            enter,
        })
    }

    fn revisions(&self, project: &ProjectName) -> Result<Vec<RevisionState>, ApiError> {
        let revisions = self
            .store
            .revisions(project)
            .map_err(|error| storage(&error))?;
        let shown = revisions.into_iter().map(|revision| RevisionState {
            number: revision.number,
            digest: revision.digest,
            made_unix_ms: revision.made_unix_ms,
            made_by: revision.made_by,
            current: revision.current,
        });
        Ok(shown.collect())
    }

    fn events(&self, query: &EventQuery) -> Result<Vec<EventState>, ApiError> {
        let events = self.store.events(query).map_err(|error| storage(&error))?;
        Ok(events.into_iter().map(event).collect())
    }

    pub(super) fn wish(&self, project: &ProjectName) -> Result<Wish, ApiError> {
        let kept = self.kept.get(project).map(|kept| kept.wish.clone());
        kept.ok_or_else(|| {
            ApiError::new(
                ErrorCode::Conflict,
                format!("project `{project}` is being taken down"),
            )
        })
    }

    pub(super) fn note_down(&mut self, who: &str, did: &str, project: Option<&ProjectName>) {
        let entry = AuditEntry {
            at_unix_ms: self.clock.unix_ms(self.clock.now()),
            who: who.to_owned(),
            did: did.to_owned(),
            project: project.cloned(),
        };
        if let Err(error) = self.store.record(&entry) {
            self.complain(&format!(
                "who asked for `{did}` could not be written down: {error}"
            ));
        }
    }
}

pub(super) fn answer<T>(reply: Reply<T>, result: Result<T, ApiError>) {
    // Nobody waits for it any more when that fails.
    let _ = reply.send(result);
}

pub(super) fn storage(error: &StoreError) -> ApiError {
    ApiError::new(ErrorCode::Storage, error.to_string()).hint(error.hint())
}

fn event(stored: StoredEvent) -> EventState {
    EventState {
        id: stored.id,
        at_unix_ms: stored.at_unix_ms,
        kind: stored.note.kind,
        project: stored.note.service.project,
        service: stored.note.service.service,
        replica: stored.note.replica.as_ref().map(ReplicaState::name_of),
        why: stored.note.why,
    }
}

fn describe(command: &Command) -> (String, ProjectName) {
    let named = |what: &str, services: &[ServiceName]| {
        let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
        format!(
            "{what} {}",
            if names.is_empty() {
                "everything".to_owned()
            } else {
                names.join(", ")
            }
        )
    };
    match command {
        Command::Restart { project, services } => (named("restart", services), project.clone()),
        Command::Rebuild { project, services } => (named("rebuild", services), project.clone()),
        Command::Kill { replica } => (
            format!("kill {}", ReplicaState::name_of(replica)),
            replica.project.clone(),
        ),
        Command::RunOnce {
            project, service, ..
        } => (format!("run {service}"), project.clone()),
        Command::Forget { replica } => (
            format!("forget {}", ReplicaState::name_of(replica)),
            replica.project.clone(),
        ),
        Command::Down {
            project,
            volumes: true,
        } => ("down, with its volumes".to_owned(), project.clone()),
        Command::Down {
            project,
            volumes: false,
        } => ("down".to_owned(), project.clone()),
    }
}
