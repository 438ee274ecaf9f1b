//! `develop.watch`: files that change while a project runs, and what follows.

mod act;
mod rules;
mod sync;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use ondol_api::Client;
use ondol_model::Project;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::failure::Failure;
use super::out::Out;
use rules::Rules;

/// Changes are taken together until none came for so long...
const QUIET: Duration = Duration::from_millis(100);
/// ...or so many did.
const CHANGES_MAX: usize = 10_000;

/// Paths that changed.
pub(crate) type Changes = BTreeSet<PathBuf>;

/// Watches the files of a project's services.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Rules,
    changed: mpsc::Receiver<PathBuf>,
    _watcher: RecommendedWatcher,
    /// Changes that nobody was told of yet.
    seen: Changes,
    /// No change came since this moment: they are told.
    quiet_from: Instant,
}

impl Watch {
    /// Watches everything below the paths of the rules.
    pub(crate) fn start(project: &Project) -> Result<Self, Failure> {
        let rules = Rules::of(project);
        if rules.is_empty() {
            return Err(Failure::invalid("no service has anything to watch")
                .hint("`develop.watch` in the file says which paths, and what a change does"));
        }
        let (sender, changed) = mpsc::channel(CHANGES_MAX);
        let tell = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, notify::EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                // With so many on their way, those that are already there cause the same.
                let _ = sender.try_send(path);
            }
        };
        let refused = |path: &Path, error: notify::Error| {
            let failure = Failure::error(format!("{} cannot be watched: {error}", path.display()));
            match error.kind {
                notify::ErrorKind::MaxFilesWatch => failure.hint(
                    "this machine watches no more folders: raise it with `sysctl fs.inotify.max_user_watches=524288`, \
                     or leave big folders out with `ignore:`",
                ),
                notify::ErrorKind::PathNotFound => {
                    failure.hint("`path:` of `develop.watch` names it; make it, or correct the path")
                }
                _ => failure,
            }
        };
        let mut watcher =
            notify::recommended_watcher(tell).map_err(|error| refused(&project.dir, error))?;
        for path in rules.paths() {
            watcher
                .watch(path, RecursiveMode::Recursive)
                .map_err(|error| refused(path, error))?;
        }
        let seen = rules.initial();
        Ok(Watch {
            rules,
            changed,
            _watcher: watcher,
            seen,
            quiet_from: Instant::now(),
        })
    }

    /// The next changes, taken together. May be dropped and called again: nothing is lost by it.
    pub(crate) async fn next(&mut self) -> Changes {
        while self.seen.len() < CHANGES_MAX {
            let quiet = self.quiet_from;
            tokio::select! {
                () = sleep_until(quiet), if !self.seen.is_empty() => break,
                path = self.changed.recv() => match path {
                    Some(path) => {
                        self.seen.insert(path);
                        self.quiet_from = Instant::now() + QUIET;
                    }
                    // The watcher is held by this value, so it cannot end before it.
                    None => std::future::pending().await,
                },
            }
        }
        std::mem::take(&mut self.seen)
    }

    /// Does what the rules say about these changes.
    pub(crate) async fn act(
        &self,
        changes: Changes,
        project: &Project,
        client: &Client,
        out: &Out,
    ) -> Result<(), Failure> {
        act::act(&self.rules, &changes, project, client, out).await
    }
}
