//! Whether a service's own command can be found.

use std::path::{Component, Path, PathBuf};

use super::{Look, Obstacle, ObstacleKind, Seen};
use crate::source::base;
use crate::source::ready::SOURCES;

impl Look<'_> {
    /// The program of `command:` or `entrypoint:` that is nowhere. `context` is the folder that is shown as the
    /// service's sources. Nothing is missing that packages, `prepare`, a mount or a language's image may bring.
    pub(super) fn program(&self, context: Option<&Path>) -> Option<Obstacle> {
        let service = self.service;
        let own = [
            ("entrypoint", &service.entrypoint),
            ("command", &service.command),
        ];
        let words = |(key, words): (&'static str, &Option<Vec<String>>)| {
            Some((key, words.as_ref()?.first()?.clone()))
        };
        let Some((key, program)) = own.into_iter().find_map(words) else {
            return Some(Obstacle {
                kind: ObstacleKind::Nothing,
                at: self.at(["image"]),
                what: format!(
                    "{} says nothing to run: its image has no command",
                    service.name
                ),
                help: "add command: to it".into(),
            });
        };
        let prepared = service
            .prepare
            .as_ref()
            .is_some_and(|lines| !lines.is_empty());
        if prepared || !service.packages.is_empty() {
            return None;
        }
        let (what, help) = match program.contains('/') {
            true => self.by_path(&program, context)?,
            false => self.by_name(&program)?,
        };
        Some(Obstacle {
            kind: ObstacleKind::Program,
            at: self.at([key]),
            what,
            help,
        })
    }

    fn by_name(&self, program: &str) -> Option<(String, String)> {
        if base::brings(program) {
            return None;
        }
        let path = self.service.environment.get("PATH");
        let folders: Vec<PathBuf> = path
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default();
        let mounted = folders.iter().any(|dir| self.is_mounted(dir));
        if mounted || self.machine.has_program(program, &folders) {
            return None;
        }
        Some((
            format!("the program `{program}` is not on this machine"),
            "name the Debian package that has it in x-ondol.packages, install it, or correct the command".into(),
        ))
    }

    fn by_path(&self, program: &str, context: Option<&Path>) -> Option<(String, String)> {
        let workdir = self.service.working_dir.as_deref().unwrap_or(SOURCES);
        let seen_at = plain(&Path::new("/").join(workdir).join(program));
        if self.is_mounted(&seen_at) {
            return None;
        }
        let host = match (context, seen_at.strip_prefix(workdir)) {
            (Some(dir), Ok(rest)) => dir.join(rest),
            // A relative path in an image is where only the image's files say.
            (None, _) if !program.starts_with('/') => return None,
            _ => seen_at,
        };
        let shown = host.display();
        match self.machine.path(&host) {
            Seen::File { runs: true } | Seen::Special => None,
            Seen::File { runs: false } => Some((
                format!("{shown} cannot be executed: it has no permission to"),
                format!("chmod +x {shown}; or name its interpreter: sh {program}"),
            )),
            Seen::Folder => Some((
                format!("{shown} is a folder, and a program was expected"),
                "correct the command".into(),
            )),
            Seen::Closed(why) => Some((
                format!("{shown} cannot be read: {why}"),
                "let this user read it".into(),
            )),
            Seen::Missing { .. } => Some((
                format!("the program {shown} does not exist"),
                "build it first (x-ondol.prepare does that at each change), or correct the command"
                    .into(),
            )),
        }
    }

    /// Whether a mount, secret or config decides what is there.
    fn is_mounted(&self, path: &Path) -> bool {
        let service = self.service;
        let mounts = service.mounts.iter().map(|mount| &mount.target);
        let secrets = service.secrets.iter().map(|file| &file.target);
        let configs = service.configs.iter().map(|file| &file.target);
        mounts
            .chain(secrets)
            .chain(configs)
            .any(|target| path.starts_with(target))
    }
}

/// Without `.` and `..`; nothing is above the root.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
