//! Whether a Dockerfile can be followed, as far as its text tells.

use std::collections::BTreeSet;
use std::path::Path;

use ondol_model::Build;

use super::{Look, Obstacle, ObstacleKind};
use crate::source::SourceError;
use crate::source::base;
use crate::source::cook;
use crate::source::dockerfile::{self, CopyFrom, Recipe, Stage, StepKind};
use crate::source::image_name::ImageName;
use crate::source::ready;

impl Look<'_> {
    pub(super) fn dockerfile(&self, build: &Build, path: &Path, text: &str) -> Vec<Obstacle> {
        if let Some(gone) = self.context(&build.context) {
            return vec![gone];
        }
        let own_prepare = self.service.prepare.is_some();
        let (mut recipe, findings) = dockerfile::read(text, &build.args, build.target.as_deref());
        let said = |line: u32, what: &str, help: &str| Obstacle {
            kind: ObstacleKind::Build,
            at: self.at(["build"]),
            what: format!("{}:{line}: {what}", path.display()),
            help: help.to_owned(),
        };
        let fatal = findings
            .iter()
            .filter(|finding| ready::is_fatal(finding, own_prepare));
        let mut found: Vec<Obstacle> = fatal.map(|f| said(f.line, &f.what, &f.help)).collect();
        if let Some(commands) = &self.service.prepare {
            ready::replace_runs(&mut recipe, commands);
        }
        for stage in needed(&recipe) {
            found.extend(wrong_in(stage).map(|(line, error)| said(line, &error.what, &error.help)));
        }
        found
    }
}

/// The stages that the last one is made from, itself among them.
fn needed(recipe: &Recipe) -> impl Iterator<Item = &Stage> {
    let mut needed = BTreeSet::new();
    let mut pending: Vec<usize> = recipe.stages.len().checked_sub(1).into_iter().collect();
    while let Some(at) = pending.pop() {
        let Some(stage) = recipe.stages.get(at).filter(|_| needed.insert(at)) else {
            continue;
        };
        pending.extend(stage.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Copy(copy) => match copy.from {
                CopyFrom::Stage(from) => Some(from),
                CopyFrom::Context => None,
            },
            _ => None,
        }));
    }
    needed.into_iter().filter_map(|at| recipe.stages.get(at))
}

fn wrong_in(stage: &Stage) -> Option<(u32, SourceError)> {
    let known = ImageName::parse(&stage.base).and_then(|name| match base::base(&name) {
        Some(_) => Ok(()),
        None => Err(base::unknown(&stage.base)),
    });
    known
        .err()
        .map(|error| (stage.line, error))
        .or_else(|| cook::follow_all(stage).err())
}
