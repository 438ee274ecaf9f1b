//! What keeps services from being run here, known before anything is prepared or started, all of it at once.
//! Pure: the machine is seen through [`Machine`].

use std::path::{Path, PathBuf};

use ondol_model::{FileSource, Mount, MountSource, Project, RuntimeKind, Service};

use super::base;
use super::image_name::ImageName;
use super::origin::Origin;
use super::{SourceError, SourceErrorKind};

mod build;
mod machine;
mod program;

pub(crate) use machine::ThisMachine;

/// One thing of a project's files that keeps it from being run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is about.
    pub kind: ObstacleKind,
    /// The keys that lead to it in the file; an entry of a list goes by its `target` or `source`.
    pub at: Vec<String>,
    /// What happened and what was expected.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// What an [`Obstacle`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObstacleKind {
    /// A program that is nowhere, or that cannot be executed.
    Program,
    /// A file, folder or volume that is not there or cannot be read.
    Mount,
    /// Sources or a Dockerfile that cannot be followed.
    Build,
    /// An image that no process stands for, or nothing to run at all.
    Nothing,
}

/// What stands at a path of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Folder,
    /// `runs`: it may be executed.
    File {
        runs: bool,
    },
    /// A socket or a device.
    Special,
    /// This user may not read it, for this reason.
    Closed(String),
    /// Nothing; a folder could be made there, or not for this reason.
    Missing {
        cannot_make: Option<String>,
    },
}

/// What is looked up.
pub(crate) trait Machine {
    fn path(&self, path: &Path) -> Seen;
    /// Whether a program of this name is in one of these folders or where programs usually are.
    fn has_program(&self, name: &str, folders: &[PathBuf]) -> bool;
    /// The folder of an external volume.
    fn volume(&self, name_on_machine: &str) -> PathBuf;
    fn origin(&self, service: &Service) -> Result<Origin, SourceError>;
}

/// Everything that keeps the `wanted` services of a project from being run.
pub(crate) fn obstacles(
    project: &Project,
    wanted: &dyn Fn(&Service) -> bool,
    machine: &dyn Machine,
) -> Vec<Obstacle> {
    let services = project.services.values().filter(|service| wanted(service));
    let mut found: Vec<Obstacle> = Vec::new();
    for service in services {
        let look = Look {
            project,
            service,
            machine,
        };
        // Two services may have the same external volume or secret.
        let fresh = look.all().into_iter();
        let fresh: Vec<_> = fresh.filter(|fresh| !found.contains(fresh)).collect();
        found.extend(fresh);
    }
    found
}

/// A look at one service.
struct Look<'a> {
    project: &'a Project,
    service: &'a Service,
    machine: &'a dyn Machine,
}

impl Look<'_> {
    fn all(&self) -> Vec<Obstacle> {
        let mut found = self.process();
        found.extend(self.service.mounts.iter().filter_map(|m| self.mount(m)));
        found.extend(self.granted());
        found
    }

    fn at<const N: usize>(&self, below: [&str; N]) -> Vec<String> {
        let own = ["services", self.service.name.as_str()];
        own.into_iter().chain(below).map(str::to_owned).collect()
    }

    fn process(&self) -> Vec<Obstacle> {
        match self.machine.origin(self.service) {
            Err(error) => vec![self.no_origin(error)],
            Ok(Origin::Dockerfile { build, path, text }) => self.dockerfile(&build, &path, &text),
            Ok(Origin::Sources { build }) => {
                let context = self.context(&build.context);
                let missing = || self.program(Some(&build.context));
                context.or_else(missing).into_iter().collect()
            }
            Ok(Origin::Image { name }) => self.image(&name),
            Ok(Origin::Command) => self.program(Some(&self.project.dir)).into_iter().collect(),
        }
    }

    /// A distribution's image brings no program that the machine does not have; the others do.
    fn image(&self, name: &str) -> Vec<Obstacle> {
        let image = ImageName::parse(name).ok();
        let plain = image.is_some_and(|image| base::is_plain(&image));
        let missing = plain.then(|| self.program(None)).flatten();
        missing.into_iter().collect()
    }

    fn no_origin(&self, error: SourceError) -> Obstacle {
        let (kind, at) = match error.kind {
            SourceErrorKind::UnknownImage => (ObstacleKind::Nothing, self.at(["image"])),
            SourceErrorKind::Dockerfile => {
                let context = self.service.build.as_ref().map(|build| &build.context);
                if let Some(gone) = context.and_then(|context| self.context(context)) {
                    return gone;
                }
                (ObstacleKind::Build, self.at(["build", "dockerfile"]))
            }
            _ if self.service.runtime == RuntimeKind::Container => {
                (ObstacleKind::Nothing, self.at(["x-ondol", "runtime"]))
            }
            _ => (ObstacleKind::Nothing, self.at([])),
        };
        Obstacle {
            kind,
            at,
            what: error.what,
            help: error.help,
        }
    }

    fn context(&self, dir: &Path) -> Option<Obstacle> {
        let why = match self.machine.path(dir) {
            Seen::Folder => return None,
            Seen::Missing { .. } => "does not exist".to_owned(),
            Seen::Closed(why) => format!("cannot be read: {why}"),
            Seen::File { .. } | Seen::Special => "is no folder".to_owned(),
        };
        Some(Obstacle {
            kind: ObstacleKind::Build,
            at: self.at(["build", "context"]),
            what: format!("the build context {} {why}", dir.display()),
            help: "build: (or build.context:) names a folder relative to the Compose file".into(),
        })
    }

    fn mount(&self, mount: &Mount) -> Option<Obstacle> {
        let (at, what, help) = match &mount.source {
            MountSource::Bind { path, create } => {
                let (what, help) = self.bind(path, *create)?;
                (self.at(["volumes", &mount.target]), what, help)
            }
            MountSource::Volume { name, .. } => {
                let volume = self.project.volumes.get(name).filter(|v| v.external)?;
                let own = volume.name.as_deref().unwrap_or(name);
                let dir = self.machine.volume(own);
                if self.machine.path(&dir) == Seen::Folder {
                    return None;
                }
                let what = format!("the volume {own} is external and does not exist");
                let help = format!(
                    "make it: mkdir -p {}; or let Ondol make one: remove external: true",
                    dir.display()
                );
                (vec!["volumes".to_owned(), name.clone()], what, help)
            }
            MountSource::Anonymous | MountSource::Tmpfs { .. } => return None,
        };
        Some(Obstacle {
            kind: ObstacleKind::Mount,
            at,
            what,
            help,
        })
    }

    /// What is wrong with a folder or file of the machine that is to be shown, and what to do.
    fn bind(&self, path: &Path, create: bool) -> Option<(String, String)> {
        let shown = path.display();
        match self.machine.path(path) {
            Seen::Folder | Seen::File { .. } | Seen::Special => None,
            Seen::Closed(why) => Some((
                format!("{shown} cannot be read: {why}"),
                "let this user read it (chmod, chown), or start Ondol as a user who may".into(),
            )),
            Seen::Missing { .. } if !create => Some((
                format!("{shown} does not exist"),
                "make it, or let Ondol make the folder: bind: {create_host_path: true}".into(),
            )),
            Seen::Missing { cannot_make } => Some((
                format!(
                    "{shown} does not exist, and cannot be made: {}",
                    cannot_make?
                ),
                "make it, or correct the path".into(),
            )),
        }
    }

    fn granted(&self) -> Vec<Obstacle> {
        let (project, service) = (self.project, self.service);
        let secrets = service.secrets.iter();
        let secrets = secrets.map(|file| ("secret", &project.secrets, &file.source));
        let configs = service.configs.iter();
        let configs = configs.map(|file| ("config", &project.configs, &file.source));
        let mut found = Vec::new();
        for (kind, stored, name) in secrets.chain(configs) {
            let (what, help) = match stored.get(name).map(|stored| &stored.source) {
                Some(FileSource::Path(path)) => match self.machine.path(path) {
                    Seen::File { .. } => continue,
                    Seen::Missing { .. } => (
                        format!("the {kind} {name}: {} does not exist", path.display()),
                        "write the file, or correct its path",
                    ),
                    Seen::Closed(why) => (
                        format!(
                            "the {kind} {name}: {} cannot be read: {why}",
                            path.display()
                        ),
                        "let this user read it",
                    ),
                    Seen::Folder | Seen::Special => (
                        format!("the {kind} {name}: {} is no file", path.display()),
                        "name a file",
                    ),
                },
                Some(FileSource::External) => (
                    format!(
                        "the {kind} {name} is external, and nothing outside of this file provides it"
                    ),
                    "give it a `file:` or an `environment:`",
                ),
                Some(FileSource::Content(_)) | None => continue,
            };
            found.push(Obstacle {
                kind: ObstacleKind::Mount,
                at: vec![format!("{kind}s"), name.clone()],
                what,
                help: help.into(),
            });
        }
        found
    }
}

#[cfg(test)]
mod tests;
