//! A project that is asked for: looked at first, then kept and begun, or refused with everything that is in its way.

use std::collections::BTreeMap;

use ondol_api::{ApiError, Applied, Cause, ErrorCode, Reply};
use ondol_control::Wish;
use ondol_model::Service;
use ondol_runtime::Obstacle;

use super::answer::answer;
use super::{Node, conflict, holder, reach, route_files};

/// A wish, and what a look at the machine says against it.
pub(super) struct Looked {
    wish: Wish,
    obstacles: Vec<Obstacle>,
    /// Files of routes that cannot be used.
    files: Vec<Cause>,
    by: String,
    reply: Reply<Applied>,
}

impl Node {
    /// Looks whether the machine has what the services need. Files may be slow, so the loop goes on meanwhile.
    pub(super) fn look_first(&mut self, wish: Wish, by: String, reply: Reply<Applied>) {
        let (engine, looked) = (self.engine.clone(), self.looked.clone());
        tokio::task::spawn_blocking(move || {
            let wanted = |service: &Service| is_wanted(&wish, service);
            let obstacles = engine.obstacles(&wish.project, &wanted);
            let files = route_files::causes(&wish.project);
            // A node that leaves has no use for it.
            let _ = looked.blocking_send(Looked {
                wish,
                obstacles,
                files,
                by,
                reply,
            });
        });
    }

    pub(super) fn looked(&mut self, looked: Looked) {
        let Looked {
            wish,
            obstacles,
            files,
            by,
            reply,
        } = looked;
        let obstacles = obstacles.into_iter().map(conflict::of_obstacle);
        let obstacles = obstacles.chain(files).collect();
        answer(reply, self.apply(wish, obstacles, &by));
    }

    /// Keeps a wish and acts on it, unless something is in its way: then nothing is begun and nothing is changed.
    fn apply(&mut self, wish: Wish, obstacles: Vec<Cause>, by: &str) -> Result<Applied, ApiError> {
        let name = wish.project.name.clone();
        if self.discarding.contains(&name) {
            let message = format!("what is left of project `{name}` is being removed");
            return Err(ApiError::new(ErrorCode::Conflict, message).hint("try again in a moment"));
        }
        let causes = self.taken(&wish).into_iter().chain(obstacles).collect();
        if let Some(refused) = ApiError::of_causes(causes) {
            return Err(refused);
        }
        let before = self.kept.get(&name).map(|kept| kept.wish.clone());
        let changed = before.as_ref() != Some(&wish);
        let revision = self.keep(wish, by)?;
        if changed {
            let did = if before.is_some() { "change" } else { "create" };
            self.note_down(by, did, Some(&name));
        }
        Ok(Applied { revision, changed })
    }

    /// Ports and routes that others have. Ports are tried only where no project of ours has them.
    fn taken(&self, wish: &Wish) -> Vec<Cause> {
        let others = self.kept.values().map(|kept| kept.wish.project.as_ref());
        let causes = conflict::find(&wish.project, others);
        if !causes.is_empty() {
            return causes;
        }
        let nothing = BTreeMap::new();
        let known = reach::Known {
            project: &wish.project,
            ports: &BTreeMap::new(),
            addresses: &nothing,
            virtual_port: &|port| port,
        };
        let refused = self.listeners.try_bind(&reach::needs(&[known]));
        let cause = |refused| {
            conflict::of_port(
                &wish.project,
                refused,
                holder::of_port(refused.address.port()),
            )
        };
        refused.iter().map(cause).collect()
    }
}

/// Whether replicas of a service are to run.
fn is_wanted(wish: &Wish, service: &Service) -> bool {
    let count = wish.scale.get(&service.name).copied();
    count.unwrap_or(service.replicas) > 0 && !wish.stopped.contains(&service.name)
}
