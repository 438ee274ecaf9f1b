//! Makes a service's layers: packages, the files of its image, and what its Dockerfile's lines do, in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ondol_model::Digest;
use serde::{Deserialize, Serialize};

use super::base::{self, Base};
use super::caller::Caller;
use super::context::{self, Context, Owner};
use super::dockerfile::{Recipe, Run, Stage, Step, StepKind};
use super::follow::{Followed, follow};
use super::image::{Ask, Content, Image, ImageFile};
use super::image_name::ImageName;
use super::known::{self, Known, Server};
use super::packages::{Depot, Fetched};
use super::programs::{Program, Programs};
use super::store::{self, Store};
use super::{SourceError, SourceErrorKind};
use crate::{Oven, UserEntry};

mod bake;
mod copy;
mod digest;
mod host;

pub(crate) use host::search_path;

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

/// What a base image comes to on this machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ground {
    /// Trees of packages and of the image's own files, topmost first.
    pub(crate) layers: Vec<PathBuf>,
    /// A well-known server, by its repository.
    pub(crate) server: Option<ServerFound>,
    /// What any other base image gives.
    pub(crate) image: Image,
    /// The image's name, as written.
    pub(crate) name: Option<String>,
}

/// A well-known image's server, as it was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerFound {
    pub(crate) repository: String,
    pub(crate) dir: String,
    pub(crate) file: PathBuf,
    pub(crate) fetched: bool,
    pub(crate) version: Option<String>,
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

impl ServerFound {
    /// What the well-known image gives for this environment and command.
    pub(crate) fn image(
        &self,
        name: &ImageName,
        env: &BTreeMap<String, String>,
        command: Option<&[String]>,
        own_entrypoint: bool,
        layered: bool,
    ) -> Image {
        let Some(known) = known::known(&self.repository) else {
            return Image::default();
        };
        let server = Server {
            program: Program {
                dir: self.dir.clone(),
                file: self.file.clone(),
                fetched: self.fetched,
            },
            name: self
                .file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            version: self.version.clone(),
            repository: self.repository.clone(),
        };
        let (tag, major) = (name.tag.as_deref(), name.major());
        known.image(
            &Ask {
                env,
                command,
                own_entrypoint,
                tag,
                major,
                layered,
            },
            &server,
        )
    }
}

impl Cooked {
    /// All layers, topmost first.
    pub(crate) fn all_layers(&self) -> Vec<PathBuf> {
        [self.layers.clone(), self.ground.layers.clone()].concat()
    }
}

impl Kitchen<'_> {
    /// The base image `name` with these packages besides its own.
    pub(crate) fn ground(
        &mut self,
        name: &str,
        packages: &[String],
    ) -> Result<Ground, SourceError> {
        let image = ImageName::parse(name)?;
        let base = base::base(&image).ok_or_else(|| base::unknown(name))?;
        let mut wanted: Vec<String> = [packages, self.packages].concat();
        wanted.sort();
        wanted.dedup();
        match base {
            Base::Plain => {
                let fetched = self.fetch(&wanted)?;
                Ok(Ground {
                    layers: fetched.tree.into_iter().collect(),
                    ..Ground::default()
                })
            }
            Base::Language(language) => {
                let before = self.programs(&Fetched::default());
                wanted.extend(language.needs(&before));
                let fetched = self.fetch(&wanted)?;
                let programs = self.programs(&fetched);
                let found = language.image(&image, &programs)?;
                let mut layers: Vec<PathBuf> = fetched.tree.into_iter().collect();
                if !found.files.is_empty() {
                    layers.insert(0, self.files_layer(&found.files)?);
                }
                Ok(Ground {
                    layers,
                    image: found,
                    ..Ground::default()
                })
            }
            Base::Known(known) => self.known_ground(known, &image, &wanted),
        }
        .map(|ground| Ground {
            name: Some(name.to_string()),
            ..ground
        })
    }

    fn known_ground(
        &mut self,
        known: &Known,
        image: &ImageName,
        wanted: &[String],
    ) -> Result<Ground, SourceError> {
        let here = self
            .programs(&Fetched::default())
            .find(known.servers, known.places);
        let mut choices = known.packages.iter();
        let mut fetched = Fetched::default();
        if here.is_none() || !wanted.is_empty() {
            loop {
                let own: &[&str] = match here {
                    Some(_) => &[],
                    None => choices.next().copied().unwrap_or_default(),
                };
                let names: Vec<String> = own
                    .iter()
                    .map(ToString::to_string)
                    .chain(wanted.iter().cloned())
                    .collect();
                match self.fetch(&names) {
                    Ok(done) => {
                        fetched = done;
                        break;
                    }
                    Err(_) if here.is_none() && choices.len() > 0 => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let programs = self.programs(&fetched);
        let found = programs
            .find(known.servers, known.places)
            .ok_or_else(|| known.missing())?;
        let version = programs.version(&found, known.versioned, known.version_flag);
        let Program {
            dir,
            file,
            fetched: from_tree,
        } = found;
        let server = ServerFound {
            repository: image.well_known().to_string(),
            dir,
            file,
            fetched: from_tree,
            version,
        };
        let mut layers: Vec<PathBuf> = fetched.tree.into_iter().collect();
        let files = server
            .image(image, &BTreeMap::new(), None, false, self.layered)
            .files;
        if self.layered && !files.is_empty() {
            layers.insert(0, self.files_layer(&files)?);
        }
        Ok(Ground {
            layers,
            server: Some(server),
            ..Ground::default()
        })
    }

    fn fetch(&mut self, names: &[String]) -> Result<Fetched, SourceError> {
        if names.is_empty() {
            return Ok(Fetched::default());
        }
        self.depot.fetch(names, self.say)
    }

    fn programs(&self, fetched: &Fetched) -> Programs {
        Programs {
            trees: fetched.tree.iter().cloned().collect(),
            versions: fetched.versions.clone(),
            path: self.caller.path.clone(),
        }
    }

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
        let followed = self.follow_all(stage)?;
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

    /// What each RUN line does to the image's system, by line.
    fn follow_all(&mut self, stage: &Stage) -> Result<BTreeMap<usize, Followed>, SourceError> {
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
                return Err(SourceError::new(
                    SourceErrorKind::Dockerfile,
                    format!("this line cannot be followed without an image: {unknown}"),
                    "x-ondol.prepare replaces all RUN lines; x-ondol.packages names what they install",
                )
                .at(&self.dockerfile, step.line));
            }
            all.insert(at, followed);
        }
        Ok(all)
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

    /// Runs one line: in the sandbox, or where there is none, on the machine when it is harmless there.
    fn run(
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
