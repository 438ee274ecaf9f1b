//! What a base image comes to on this machine: the programs it stands for, and the packages that bring them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Kitchen;
use crate::source::SourceError;
use crate::source::base::{self, Base};
use crate::source::image::{Ask, Image};
use crate::source::image_name::ImageName;
use crate::source::known::{self, Known, Server};
use crate::source::packages::Fetched;
use crate::source::programs::{Program, Programs};

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
        let mut refused = None;
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
                    // What is told is why the usual package cannot be had, not its replacement.
                    Err(error) if here.is_none() && choices.len() > 0 => {
                        refused.get_or_insert(error);
                    }
                    Err(error) => return Err(refused.unwrap_or(error)),
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
}
