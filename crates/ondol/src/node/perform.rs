//! What the control core decided, done by the engines. Nothing here waits.

use ondol_control::{Action, Note};
use ondol_model::ProjectName;

use super::measure::Ask;
use super::{Node, tail};

impl Node {
    /// Performs everything that was decided, and writes down why.
    pub(super) fn perform_all(&mut self) {
        let (mut notes, mut asks) = (Vec::new(), Vec::new());
        while let Some(action) = self.control.poll_action() {
            match action {
                Action::Note(note) => notes.push(note),
                Action::Measure {
                    service,
                    replicas,
                    queries,
                } => asks.push(Ask {
                    service,
                    replicas,
                    queries,
                }),
                action => self.perform(action),
            }
        }
        self.measure(asks);
        self.write_down(&notes);
    }

    fn perform(&mut self, action: Action) {
        let engine = &self.engine;
        match action {
            Action::Prepare {
                project,
                service,
                definition,
                again,
            } => engine.prepare(project, service, definition, again),
            Action::Start(run) => engine.start(*run),
            Action::Probe {
                replica,
                run,
                kind,
                check,
                port,
                timeout,
            } => {
                engine.probe(replica, run, kind, check, port, timeout);
            }
            Action::Hook {
                replica,
                run,
                when: _,
                hook,
                timeout,
            } => engine.hook(replica, run, hook, timeout),
            Action::Publish(table) => self.link.publish(table),
            Action::AwaitDrained { replica, run } => self.link.await_drained(replica, run),
            Action::Signal {
                replica,
                run,
                signal,
            } => engine.signal(&replica, run, &signal),
            Action::Kill { replica, run } => engine.kill(replica, run),
            Action::Discard { replica, volumes } => engine.discard(replica, volumes),
            Action::DiscardProject { project, volumes } => self.discard(project, volumes),
            Action::Remember { service, memory } => {
                if let Err(error) = self.store.remember(&service, &memory) {
                    self.complain(&format!(
                        "what was decided about {service} could not be kept: {error}"
                    ));
                }
            }
            // They are done together.
            Action::Note(_) | Action::Measure { .. } => {}
        }
    }

    /// Until it is done the project is shown as leaving: who waits for its end can rely on it.
    fn discard(&mut self, project: ProjectName, volumes: bool) {
        self.discarding.insert(project.clone());
        let (engine, discarded) = (self.engine.clone(), self.discarded.clone());
        tokio::spawn(async move {
            engine.discard_project(project.clone(), volumes).await;
            // The node has left when nobody hears it.
            let _ = discarded.send(project).await;
        });
    }

    pub(super) fn write_down(&mut self, notes: &[Note]) {
        if notes.is_empty() {
            return;
        }
        let now_unix_ms = self.clock.unix_ms(self.clock.now());
        if let Some(observing) = &self.telemetry {
            let events = notes.iter().map(|note| tail::decision(note, now_unix_ms));
            observing.telemetry.events(events.collect());
        }
        match self.store.add_events(notes, now_unix_ms) {
            Ok(newest) => drop(self.newest_event.send_replace(newest)),
            // Explanations must not stop what they explain.
            Err(error) => self.complain(&format!(
                "{} decisions could not be written down: {error}",
                notes.len()
            )),
        }
    }
}
