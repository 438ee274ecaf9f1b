use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ondol_model::{Digest, Exit};

use super::super::context::{self, Entry, Owner};
use super::super::dockerfile::Run;
use super::{Cooked, Kitchen, LAYER_FORMAT, SourceError, SourceErrorKind};
use crate::Bake;

/// Lines of a failed command that are shown.
const TAIL_LINES: usize = 20;
const TAIL_LINE_CHARS: usize = 300;
const SAY_EVERY: Duration = Duration::from_millis(200);
/// Folders in the skeleton.
const SKELETON_MAX: usize = 20_000;

impl Kitchen<'_> {
    /// Runs a line in the sandbox; what it writes becomes part of `layer`.
    pub(super) fn bake(
        &mut self,
        run: &Run,
        argv: &[String],
        line: u32,
        layer: &Path,
        before: &Cooked,
    ) -> Result<(), SourceError> {
        let mut argv = argv.to_vec();
        if !self.caller.is_root
            && !run.script.is_empty()
            && let Some(script) = argv.last_mut()
        {
            // Only one user exists there, who owns everything already.
            script.insert_str(0, "chown() { :; }; chgrp() { :; }; ");
        }
        let mut env = before.ground.image.env.clone();
        env.extend(self.caller.env.clone());
        env.extend(caches());
        env.extend(run.env.clone());
        let mut lower = before.all_layers();
        let config = self.config_layer()?;
        lower.extend(config);
        home(layer)?;
        let command = first_line(&run.text);
        let what = format!("{}:{line} {command}", file_name(&self.dockerfile));
        (self.say)(what.clone());
        let mut tail = Tail::new(what);
        let bake = Bake {
            argv: &argv,
            env: &env,
            workdir: &run.workdir,
            user: run.user.as_deref(),
            users: &before.users,
            lower: &lower,
            upper: layer,
        };
        let say = &mut *self.say;
        let exit = self.oven.bake(&bake, &mut |line| tail.take(line, say));
        clear(layer);
        match exit {
            Ok(exit) if exit.is_success() => Ok(()),
            Ok(exit) => Err(failed(&command, &exit.to_string(), &tail.lines)),
            Err(why) => Err(failed(&command, &why, &tail.lines)),
        }
    }

    /// Runs a command of our own over a stage; its exit code.
    pub(super) fn bake_quietly(
        &self,
        argv: &[String],
        upper: &Path,
        from: &Cooked,
    ) -> Result<i32, SourceError> {
        let env = BTreeMap::from([(
            "PATH".to_string(),
            super::super::programs::STANDARD.join(":"),
        )]);
        let lower = from.all_layers();
        let bake = Bake {
            argv,
            env: &env,
            workdir: "/",
            user: None,
            users: &from.users,
            lower: &lower,
            upper,
        };
        match self.oven.bake(&bake, &mut |_| {}) {
            Ok(Exit::Code(code)) => Ok(code),
            Ok(exit) => Err(failed(
                "copying between stages",
                &exit.to_string(),
                &VecDeque::new(),
            )),
            Err(why) => Err(failed("copying between stages", &why, &VecDeque::new())),
        }
    }

    /// The caller's configuration of package managers, seen while preparing and never kept.
    fn config_layer(&self) -> Result<Option<PathBuf>, SourceError> {
        let files = self.caller.config_files();
        if files.is_empty() {
            return Ok(None);
        }
        let dir = self.store.scratch("config")?;
        for (from, to) in files {
            let entry = Entry {
                host: from,
                relative: to.file_name().unwrap_or_default().into(),
            };
            let below = to.parent().unwrap_or(Path::new(""));
            context::copy(&[entry], &dir, below, Owner::Ours, Some(0o600))?;
        }
        Ok(Some(dir))
    }

    /// Folders of the machine that commonly are written to, owned by us. In a user namespace a folder of root's
    /// cannot be copied up by an overlay; with these below every layer none has to be.
    pub(super) fn skeleton(&self) -> Result<PathBuf, SourceError> {
        let mut folders = Vec::new();
        for (top, depth) in [
            ("usr", 2),
            ("usr/local", 6),
            ("etc", 2),
            ("var", 3),
            ("opt", 2),
            ("srv", 1),
        ] {
            collect(Path::new(top), depth, &mut folders);
        }
        folders.push("root".into());
        folders.sort();
        folders.dedup();
        folders.truncate(SKELETON_MAX);
        let digest = Digest::of(&serde_json::to_vec(&(LAYER_FORMAT, &folders)).unwrap_or_default());
        self.store.layer(&digest, |layer| {
            folders.iter().try_for_each(|path| {
                context::folder_below(layer, path)
                    .map(drop)
                    .map_err(|error| SourceError::io(path.display(), &error))
            })
        })
    }
}

fn collect(path: &Path, depth: u32, folders: &mut Vec<PathBuf>) {
    let here = Path::new("/").join(path);
    if !here.is_dir() || here.is_symlink() || folders.len() > SKELETON_MAX {
        return;
    }
    folders.push(path.to_path_buf());
    if depth > 0 {
        for entry in fs::read_dir(here).into_iter().flatten().flatten() {
            collect(&path.join(entry.file_name()), depth - 1, folders);
        }
    }
}

/// Where package managers put what need not be kept: a replica's `/tmp`.
fn caches() -> BTreeMap<String, String> {
    [
        ("HOME", "/root"),
        ("XDG_CACHE_HOME", "/tmp/cache"),
        ("npm_config_cache", "/tmp/cache/npm"),
        ("npm_config_update_notifier", "false"),
        ("PIP_CACHE_DIR", "/tmp/cache/pip"),
        ("PIP_BREAK_SYSTEM_PACKAGES", "1"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("GOCACHE", "/tmp/cache/go"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ]
    .iter()
    .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
    .collect()
}

/// Removes what a start makes anew anyway, downloads in `/tmp` above all.
fn clear(layer: &Path) {
    for dir in ["dev", "proc", "run", "sys", "tmp", "var/tmp", "var/cache"] {
        // What stays is hidden in a replica: it has these of its own.
        let _ = super::super::store::remove_all(&layer.join(dir));
    }
}

/// The home of root in its sight is its own.
fn home(layer: &Path) -> Result<(), SourceError> {
    let home = layer.join("root");
    if home.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&home)
        .map_err(|error| SourceError::io("/root", &error))
}

fn failed(command: &str, how: &str, tail: &VecDeque<String>) -> SourceError {
    let mut what = format!("`{command}` failed: {how}");
    for line in tail {
        what.push_str("\n  | ");
        what.push_str(line);
    }
    SourceError::new(
        SourceErrorKind::Prepare,
        what,
        "correct the line, say the commands in x-ondol.prepare, or name what is missing in x-ondol.packages",
    )
}

pub(super) fn first_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 80 {
        line = line.chars().take(79).chain(['…']).collect();
    }
    line
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The last lines of an output, and word of it now and then.
pub(super) struct Tail {
    what: String,
    pub(super) lines: VecDeque<String>,
    said: Option<std::time::Instant>,
}

impl Tail {
    pub(super) fn new(what: String) -> Self {
        Tail {
            what,
            lines: VecDeque::new(),
            said: None,
        }
    }

    pub(super) fn take(&mut self, line: &str, say: &mut dyn FnMut(String)) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        let line: String = line
            .chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .take(TAIL_LINE_CHARS)
            .collect();
        let now = crate::clock::now();
        if self
            .said
            .is_none_or(|said| now.duration_since(said) >= SAY_EVERY)
        {
            self.said = Some(now);
            say(format!("{}: {line}", self.what));
        }
        self.lines.push_back(line);
    }
}

/// Used by the lines that run without a sandbox.
pub(super) fn failure(command: &str, how: &str, tail: &Tail) -> SourceError {
    failed(command, how, &tail.lines)
}

/// The environment that package managers get.
pub(super) fn shared_env(kitchen: &Kitchen<'_>) -> BTreeMap<String, String> {
    let mut env = kitchen.caller.env.clone();
    env.insert("PIP_BREAK_SYSTEM_PACKAGES".into(), "1".into());
    env
}
