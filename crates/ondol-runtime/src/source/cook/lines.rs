//! RUN lines: what they do to the image's system is followed, what is left of them runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Cooked, Kitchen, copy};
use crate::source::context::{self, Context, Owner};
use crate::source::dockerfile::{Run, Stage, StepKind};
use crate::source::follow::{Followed, follow};
use crate::source::{SourceError, SourceErrorKind, store};

/// What each RUN line does to the image's system, by its place among the steps; else the line that nobody can
/// follow, and why.
pub(crate) fn follow_all(stage: &Stage) -> Result<BTreeMap<usize, Followed>, (u32, SourceError)> {
    let mut all = BTreeMap::new();
    for (at, step) in stage.steps.iter().enumerate() {
        let StepKind::Run(run) = &step.kind else {
            continue;
        };
        let is_package_manager = matches!(
            run.argv[0].as_str(),
            "apt-get" | "apt" | "apk" | "yum" | "dnf"
        );
        let followed = if !run.script.is_empty() {
            follow(&run.script)
        } else if is_package_manager {
            follow(&run.argv.join(" "))
        } else {
            continue;
        };
        if let Some(unknown) = followed.unknown.first() {
            let error = SourceError::new(
                SourceErrorKind::Dockerfile,
                format!("this line cannot be followed without an image: {unknown}"),
                "x-ondol.prepare replaces all RUN lines; x-ondol.packages names what they install",
            );
            return Err((step.line, error));
        }
        all.insert(at, followed);
    }
    Ok(all)
}

impl Kitchen<'_> {
    /// Runs one line: in the sandbox, or where there is none, on the machine when it is harmless there.
    pub(super) fn run(
        &mut self,
        run: &Run,
        line: u32,
        followed: Option<&Followed>,
        layer: &Path,
        before: &Cooked,
        context: &Context,
    ) -> Result<(), SourceError> {
        let mut argv = run.argv.clone();
        if let Some(followed) = followed {
            let Some(script) = &followed.script else {
                return Ok(());
            };
            if let Some(last) = argv.last_mut().filter(|_| !run.script.is_empty()) {
                last.clone_from(script);
            }
        }
        let bound = self.bind(run, layer, context)?;
        let result = if self.layered {
            self.bake(run, &argv, line, layer, before)
        } else {
            self.run_here(run, &argv, layer, before)
        };
        for path in bound {
            // A file of the context that was shown for this line only.
            let _ = fs::remove_file(path);
        }
        result
    }

    /// Shows files for `RUN --mount=type=bind`.
    fn bind(
        &self,
        run: &Run,
        layer: &Path,
        context: &Context,
    ) -> Result<Vec<PathBuf>, SourceError> {
        let mut bound = Vec::new();
        for (source, target) in &run.binds {
            for found in context.matches(source).map_err(copy::no_file)? {
                let entries = context.entries(&found)?;
                let target = if found.is_dir {
                    store::in_layer(target)
                } else {
                    store::in_layer(target)
                        .parent()
                        .unwrap_or(Path::new(""))
                        .to_path_buf()
                };
                let fresh = entries
                    .iter()
                    .filter(|entry| !layer.join(&target).join(&entry.relative).exists());
                bound.extend(
                    fresh
                        .filter(|entry| !entry.host.is_dir())
                        .map(|entry| layer.join(&target).join(&entry.relative)),
                );
                context::copy(&entries, layer, &target, Owner::Ours, None)?;
            }
        }
        Ok(bound)
    }
}
