//! Makes a service's layers: packages, the files of its image, and what its Dockerfile's lines do, in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ondol_model::Digest;

use super::caller::Caller;
use super::context::{self, Context};
use super::dockerfile::{Recipe, Step, StepKind};
use super::follow::Followed;
use super::image::{Content, ImageFile};
use super::packages::Depot;
use super::store::{self, Store};
use super::{SourceError, SourceErrorKind};
use crate::{Oven, UserEntry};

mod bake;
mod copy;
mod digest;
mod ground;
mod host;
mod lines;

pub(crate) use ground::Ground;
pub(crate) use host::{library_path, search_path};
pub(crate) use lines::follow_all;

/// Bumped when layers are made in another way, so that old ones are not taken for new ones.
const LAYER_FORMAT: u32 = 1;
/// Layers of one stage; further lines share the last one.
const GROUPS_MAX: usize = 24;

/// Everything that is at hand.
pub(crate) struct Kitchen<'a> {
    pub(crate) store: Store,
    pub(crate) depot: Depot,
    pub(crate) caller: &'a Caller,
    pub(crate) oven: &'a dyn Oven,
    pub(crate) layered: bool,
    /// `x-ondol.packages`.
    pub(crate) packages: &'a [String],
    /// For diagnostics.
    pub(crate) dockerfile: PathBuf,
    pub(crate) say: &'a mut dyn FnMut(String),
}

/// A stage whose lines were done.
#[derive(Clone, Debug)]
pub(crate) struct Cooked {
    pub(crate) ground: Ground,
    /// What its lines made, topmost first; above those of the ground.
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) users: Vec<UserEntry>,
    /// Names the content of it all.
    digest: Digest,
}

impl Cooked {
    /// All layers, topmost first.
    pub(crate) fn all_layers(&self) -> Vec<PathBuf> {
        [self.layers.clone(), self.ground.layers.clone()].concat()
    }
}

impl Kitchen<'_> {
    /// Files of an image as a layer, so that mounts and the lines of a Dockerfile go over them.
    pub(crate) fn files_layer(&self, files: &[ImageFile]) -> Result<PathBuf, SourceError> {
        let digest = Digest::of(&serde_json::to_vec(&(LAYER_FORMAT, files)).unwrap_or_default());
        self.store.layer(&digest, |dir| {
            files.iter().try_for_each(|file| write_file(dir, file))
        })
    }

    /// Does the lines of stage `at`, and of those that it copies from.
    pub(crate) fn cook(
        &mut self,
        recipe: &Recipe,
        at: usize,
        context: &Context,
        done: &mut BTreeMap<usize, Cooked>,
    ) -> Result<Cooked, SourceError> {
        if let Some(cooked) = done.get(&at) {
            return Ok(cooked.clone());
        }
        let stage = recipe.stages.get(at).ok_or_else(|| {
            SourceError::new(
                SourceErrorKind::Dockerfile,
                "there is no such stage",
                "name a stage of the file",
            )
        })?;
        let followed =
            lines::follow_all(stage).map_err(|(line, error)| error.at(&self.dockerfile, line))?;
        let packages: Vec<String> = followed
            .values()
            .flat_map(|followed| followed.packages.clone())
            .collect();
        let ground = self.ground(&stage.base, &packages).map_err(|error| {
            if error.at.is_none() {
                error.at(&self.dockerfile, stage.line)
            } else {
                error
            }
        })?;
        let mut users = ground.image.users.clone();
        users.extend(
            followed
                .values()
                .flat_map(|followed| followed.users.clone()),
        );
        let seed = (
            LAYER_FORMAT,
            &stage.base,
            &ground.layers,
            &ground.image.env,
            &ground.image.title,
            self.layered,
        );
        let mut cooked = Cooked {
            digest: Digest::of(&serde_json::to_vec(&seed).unwrap_or_default()),
            ground,
            layers: Vec::new(),
            users,
        };
        if !self.caller.is_root && self.layered && !stage.steps.is_empty() {
            let skeleton = self.skeleton()?;
            cooked.ground.layers.push(skeleton);
        }
        for group in groups(&stage.steps, self.layered) {
            self.cook_group(recipe, group, &followed, context, &mut cooked, done)?;
        }
        done.insert(at, cooked.clone());
        Ok(cooked)
    }

    fn cook_group(
        &mut self,
        recipe: &Recipe,
        group: Vec<(usize, &Step)>,
        followed: &BTreeMap<usize, Followed>,
        context: &Context,
        cooked: &mut Cooked,
        done: &mut BTreeMap<usize, Cooked>,
    ) -> Result<(), SourceError> {
        for (_, step) in &group {
            if let StepKind::Copy(copy) = &step.kind
                && let super::dockerfile::CopyFrom::Stage(from) = copy.from
            {
                self.cook(recipe, from, context, done)?;
            }
        }
        let digest = self.group_digest(&group, context, cooked, done)?;
        let dockerfile = self.dockerfile.clone();
        let store = self.store.clone();
        let before = cooked.clone();
        let layer = store.layer(&digest, |layer| {
            for (at, step) in group {
                let result = match &step.kind {
                    StepKind::Folder(path) => store::folder(layer, path).map(drop),
                    StepKind::Copy(copy) => self.copy(copy, layer, &before, context, done),
                    StepKind::Run(run) => {
                        self.run(run, step.line, followed.get(&at), layer, &before, context)
                    }
                };
                result.map_err(|error| {
                    if error.at.is_none() {
                        error.at(&dockerfile, step.line)
                    } else {
                        error
                    }
                })?;
            }
            Ok(())
        })?;
        cooked.digest = digest;
        cooked.layers.insert(0, layer);
        Ok(())
    }
}

fn write_file(layer: &Path, file: &ImageFile) -> Result<(), SourceError> {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let refused = |error: std::io::Error| SourceError::io(&file.path, &error);
    let inside = store::in_layer(&file.path);
    let dir =
        context::folder_below(layer, inside.parent().unwrap_or(Path::new(""))).map_err(refused)?;
    let target = dir.join(inside.file_name().unwrap_or_default());
    match &file.content {
        Content::Text { text, mode } => {
            let text = text.replace(crate::LISTEN_IP, "0.0.0.0");
            fs::write(&target, text.replace(crate::LISTEN_PORT, "80")).map_err(refused)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(*mode)).map_err(refused)
        }
        Content::Link { target: to } => symlink(to, &target).map_err(refused),
    }
}

/// Lines that share a layer: copies, then what runs on them. A later copy begins a new one, so that a change of
/// sources does not install dependencies again. Without layers everything is one tree.
fn groups(steps: &[Step], layered: bool) -> Vec<Vec<(usize, &Step)>> {
    let mut groups: Vec<Vec<(usize, &Step)>> = Vec::new();
    let mut ran = false;
    for (at, step) in steps.iter().enumerate() {
        let begins =
            matches!(step.kind, StepKind::Copy(_)) && ran && layered && groups.len() < GROUPS_MAX;
        if groups.is_empty() || begins {
            groups.push(Vec::new());
            ran = false;
        }
        ran |= matches!(step.kind, StepKind::Run(_));
        if let Some(group) = groups.last_mut() {
            group.push((at, step));
        }
    }
    groups
}
