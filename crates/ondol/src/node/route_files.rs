//! Files that routes name: keys of tokens, names and passwords. The proxy gets their contents, and gets them again when
//! they change.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ondol_api::{Cause, CauseKind};
use ondol_model::{Guard, Project, ServiceName};
use ondol_proxy::file_problems;

/// Larger files are no lists of keys or names.
const BYTES_MAX: u64 = 1 << 20;

/// The files of all routes, as they were read last.
#[derive(Debug, Default)]
pub(super) struct RouteFiles {
    files: BTreeMap<PathBuf, Seen>,
}

/// One file; without text it cannot be read.
#[derive(Debug)]
struct Seen {
    stamp: Option<(SystemTime, u64)>,
    text: Option<String>,
}

/// What is wrong with the files that a project's routes name.
pub(super) fn causes(project: &Project) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (service, guard) in guards(project) {
        let mut texts = BTreeMap::new();
        let mut problems = Vec::new();
        for path in guard.files() {
            match read(path) {
                Ok(text) => {
                    texts.insert(path.clone(), text);
                }
                Err(error) => problems.push(format!("{}: {error}", path.display())),
            }
        }
        problems.extend(file_problems(guard, &texts));
        causes.extend(problems.into_iter().map(|problem| {
            Cause {
                kind: CauseKind::BadMount,
                at: ["services", service.as_str(), "x-ondol", "route"]
                    .map(str::to_owned)
                    .into(),
                message: format!("a route of {service} lets nobody in by a file: {problem}"),
                hint: Some(
                    "the file must be there, be read by this user, and be as docs/x-ondol.md says"
                        .to_owned(),
                ),
            }
        }));
    }
    causes
}

impl RouteFiles {
    /// Reads what is new or was changed, and forgets what no route names any more. Says whether there was such a thing,
    /// and what is wrong with files that were read now.
    pub(super) fn look<'a>(
        &mut self,
        projects: impl Iterator<Item = &'a Project>,
    ) -> (bool, Vec<String>) {
        let guards: Vec<_> = projects.flat_map(guards).map(|(_, guard)| guard).collect();
        let wanted: Vec<_> = guards.iter().flat_map(|guard| guard.files()).collect();
        let before = self.files.len();
        self.files.retain(|path, _| wanted.contains(&path));
        let mut problems = Vec::new();
        let mut changed = self.files.len() != before;
        for path in wanted {
            let stamp = stamp(path);
            if self.files.get(path).is_some_and(|seen| seen.stamp == stamp) {
                continue;
            }
            let text = read(path);
            if let Err(error) = &text {
                problems.push(format!("{}: {error}", path.display()));
            }
            let text = text.ok();
            self.files.insert(path.clone(), Seen { stamp, text });
            changed = true;
        }
        if changed {
            let texts = self.texts();
            problems.extend(guards.iter().flat_map(|guard| file_problems(guard, &texts)));
        }
        (changed, problems)
    }

    /// Whether there is anything that may change.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Contents by path.
    pub(super) fn texts(&self) -> BTreeMap<PathBuf, String> {
        let text = |(path, seen): (&PathBuf, &Seen)| Some((path.clone(), seen.text.clone()?));
        self.files.iter().filter_map(text).collect()
    }
}

fn guards(project: &Project) -> impl Iterator<Item = (&ServiceName, &Guard)> {
    project.services.iter().flat_map(|(name, service)| {
        let routes = service.routes.iter().map(|route| &route.treatment.guard);
        let guards = routes.chain(service.traffic.guards());
        guards.map(move |guard| (name, guard))
    })
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let known = fs::metadata(path).ok()?;
    Some((known.modified().ok()?, known.len()))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    match text.len() as u64 > BYTES_MAX {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 1 MB",
        )),
        false => Ok(text),
    }
}
