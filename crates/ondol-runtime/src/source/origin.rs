use std::fs;
use std::path::PathBuf;

use ondol_model::{Build, RuntimeKind, Service};

use super::base;
use super::image_name::ImageName;
use super::{SourceError, SourceErrorKind};

/// Where the process of a service comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `build:` with a Dockerfile that is followed.
    Dockerfile {
        build: Build,
        path: PathBuf,
        text: String,
    },
    /// `build:` whose command is run in its sources.
    Sources { build: Build },
    /// `image:` that is known.
    Image { name: String },
    /// A command of the machine; in the project's folder.
    Command,
}

const DOCKERFILE_BYTES_MAX: u64 = super::dockerfile::TEXT_BYTES_MAX as u64;

/// Decides; reads the Dockerfile when there is one.
pub(crate) fn origin(service: &Service) -> Result<Origin, SourceError> {
    if service.runtime == RuntimeKind::Container {
        return Err(SourceError::new(
            SourceErrorKind::NothingToRun,
            format!(
                "{} asks for a container engine (x-ondol.runtime: container)",
                service.name
            ),
            "services run as processes; leave runtime out, or run this one with docker compose",
        ));
    }
    let words = [&service.entrypoint, &service.command];
    let has_command = words.into_iter().flatten().any(|words| !words.is_empty());
    let sources = service.runtime == RuntimeKind::Process && has_command;
    if let Some(build) = &service.build {
        if sources {
            return Ok(Origin::Sources {
                build: build.clone(),
            });
        }
        return from_build(build, has_command);
    }
    match &service.image {
        Some(name) if base::base(&ImageName::parse(name)?).is_some() && !sources => {
            Ok(Origin::Image { name: name.clone() })
        }
        Some(_) if has_command => Ok(Origin::Command),
        Some(name) => Err(base::unknown(name)),
        None if has_command => Ok(Origin::Command),
        None => Err(SourceError::new(
            SourceErrorKind::NothingToRun,
            format!(
                "{} says nothing to run: it has neither image:, build: nor command:",
                service.name
            ),
            "add one of them",
        )),
    }
}

fn from_build(build: &Build, has_command: bool) -> Result<Origin, SourceError> {
    if let Some(text) = &build.dockerfile_inline {
        let path = build.context.join("dockerfile_inline");
        return Ok(Origin::Dockerfile {
            build: build.clone(),
            path,
            text: text.clone(),
        });
    }
    let named = build.dockerfile.clone();
    let path = build
        .context
        .join(named.as_deref().unwrap_or("Dockerfile".as_ref()));
    let read = fs::metadata(&path).and_then(|meta| {
        if meta.len() > DOCKERFILE_BYTES_MAX || !meta.is_file() {
            return Err(std::io::Error::other("it is not a file of at most 1 MiB"));
        }
        fs::read(&path)
    });
    match read {
        Ok(text) => Ok(Origin::Dockerfile {
            build: build.clone(),
            path,
            text: String::from_utf8_lossy(&text).into_owned(),
        }),
        Err(_) if has_command && named.is_none() && build.context.is_dir() => Ok(Origin::Sources {
            build: build.clone(),
        }),
        Err(error) => Err(SourceError::new(
            SourceErrorKind::Dockerfile,
            match error.kind() {
                std::io::ErrorKind::NotFound => format!("{} does not exist", path.display()),
                _ => format!("{} cannot be read: {error}", path.display()),
            },
            "build: names a folder with a Dockerfile; without one, say command: what to run there",
        )),
    }
}
