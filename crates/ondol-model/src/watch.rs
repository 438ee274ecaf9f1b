use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One entry of `develop.watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRule {
    /// Absolute file or folder that is watched.
    pub path: PathBuf,
    /// Patterns below `path` that are not (Dockerignore syntax).
    pub ignore: Vec<String>,
    /// Patterns below `path` that alone are, when not empty.
    pub include: Vec<String>,
    /// What a change does.
    pub action: WatchAction,
    /// Where synchronised files go in the service's sight.
    pub target: Option<String>,
    /// Program that `sync+exec` runs.
    pub exec: Vec<String>,
    /// Synchronise everything when watching begins.
    pub initial_sync: bool,
}

/// `develop.watch[].action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchAction {
    /// Prepare again and replace.
    Rebuild,
    /// Start the process again.
    Restart,
    /// Copy the changed files.
    Sync,
    /// Copy, then start the process again.
    SyncRestart,
    /// Copy, then run a program in the replica.
    SyncExec,
}
