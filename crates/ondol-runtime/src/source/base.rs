//! Base images of languages and distributions: which programs stand for them, and the packages that bring those.

use std::collections::BTreeMap;

use super::image::{Image, ImageFile, words};
use super::image_name::ImageName;
use super::known::{self, Known};
use super::programs::{Programs, major_of};
use super::{SourceError, SourceErrorKind};
use crate::UserEntry;

mod table;

/// What a `FROM` or `image:` begins with.
pub(crate) enum Base {
    /// A distribution, or nothing: the machine's own root stands for it.
    Plain,
    Language(&'static Language),
    Known(&'static Known),
}

/// A base image that stands for programs.
pub(crate) struct Language {
    /// Repositories that are this; `*` at the end matches any rest.
    repositories: &'static [&'static str],
    /// The programs that must be there; the first one's version is the language's.
    pub(crate) programs: &'static [&'static str],
    /// Packages that bring them; empty when the distribution has none.
    pub(crate) packages: &'static [&'static str],
    version_flag: &'static str,
    /// The image's CMD.
    cmd: &'static [&'static str],
    entrypoint: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// Folders that go before the usual `PATH`.
    path: &'static [&'static str],
    /// Names below `/usr/local/bin` for programs that Debian calls otherwise.
    links: &'static [(&'static str, &'static str)],
    user: Option<(&'static str, u32, &'static str)>,
}

/// What an image name means here; `None` when it is not known.
pub(crate) fn base(image: &ImageName) -> Option<Base> {
    let full = match &image.registry {
        Some(registry) => format!("{registry}/{}", image.repository),
        None => image.repository.clone(),
    };
    let name = image.well_known();
    let matches = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => full.starts_with(prefix),
        None => *pattern == name || *pattern == full,
    };
    if let Some(known) = known::known(name) {
        return Some(Base::Known(known));
    }
    if let Some(language) = table::LANGUAGES
        .iter()
        .find(|language| language.repositories.iter().any(&matches))
    {
        return Some(Base::Language(language));
    }
    table::PLAIN.iter().any(matches).then_some(Base::Plain)
}

/// Whether an image brings nothing but a distribution.
pub(crate) fn is_plain(image: &ImageName) -> bool {
    matches!(base(image), Some(Base::Plain))
}

/// Whether the packages of a language bring a program that the machine lacks.
pub(crate) fn brings(program: &str) -> bool {
    language_of(program).is_some_and(|language| !language.packages.is_empty())
}

/// The image that stands for a program: `node` for `npm`, `python` for `pip`.
pub(crate) fn program_image(program: &str) -> Option<&'static str> {
    language_of(program)?.repositories.first().copied()
}

fn language_of(program: &str) -> Option<&'static Language> {
    table::LANGUAGES.iter().find(|language| {
        language.programs.contains(&program)
            || language.links.iter().any(|(link, _)| *link == program)
    })
}

/// The error for an image that is not known.
pub(crate) fn unknown(image: &str) -> SourceError {
    SourceError::new(
        SourceErrorKind::UnknownImage,
        format!(
            "there is no process for the image {image}: it is neither a well-known service ({}) nor the base image \
             of a language or distribution that Ondol knows",
            known::names()
        ),
        "give it a command: and x-ondol: {runtime: process, packages: [...]} to run a program of this machine or of \
         the distribution, build: with a Dockerfile, or a container engine (x-ondol: {runtime: container})",
    )
}

impl Language {
    /// The packages to fetch: none when the machine has all programs.
    pub(crate) fn needs(&self, programs: &Programs) -> Vec<String> {
        let all = self
            .programs
            .iter()
            .all(|program| programs.find(&[program], &[]).is_some());
        if all {
            Vec::new()
        } else {
            words(self.packages)
        }
    }

    /// The image as it is with the programs that were found.
    pub(crate) fn image(
        &self,
        name: &ImageName,
        programs: &Programs,
    ) -> Result<Image, SourceError> {
        let tag = name.tag.as_deref().unwrap_or_default();
        if self.programs == ["php"] && (tag.contains("apache") || tag.contains("fpm")) {
            return Err(SourceError::new(
                SourceErrorKind::UnknownImage,
                format!("php:{tag} brings a web server of its own, for which there is no process"),
                "give it a command: such as php -S 0.0.0.0:80, or use a container engine",
            ));
        }
        let mut image = Image {
            cmd: Some(words(self.cmd)),
            entrypoint: (!self.entrypoint.is_empty()).then(|| words(self.entrypoint)),
            env: self
                .env
                .iter()
                .map(|(key, value)| ((*key).to_string(), (*value).to_string()))
                .collect::<BTreeMap<_, _>>(),
            ..Image::default()
        };
        let mut dirs = words(self.path);
        for (at, program) in self.programs.iter().enumerate() {
            let found = programs
                .find(&[program], &[])
                .ok_or_else(|| self.missing(name, program))?;
            if !super::programs::STANDARD.contains(&found.dir.as_str())
                && !dirs.contains(&found.dir)
            {
                dirs.push(found.dir.clone());
            }
            for (link, _) in self.links.iter().filter(|(_, target)| target == program) {
                image.files.push(ImageFile::link(
                    &format!("/usr/local/bin/{link}"),
                    format!("{}/{program}", found.dir),
                ));
            }
            if at == 0 {
                let package = self.packages.first().copied().unwrap_or_default();
                let version = programs.version(&found, package, self.version_flag);
                describe(&mut image, program, version, name, found.fetched);
            }
        }
        dirs.extend(words(&super::programs::STANDARD));
        image.env.insert("PATH".into(), dirs.join(":"));
        if let Some((name, id, home)) = self.user {
            image.users.push(UserEntry {
                name: name.into(),
                id,
                home: home.into(),
            });
        }
        Ok(image)
    }

    fn missing(&self, image: &ImageName, program: &str) -> SourceError {
        let packages = if self.packages.is_empty() {
            "the distribution has no package for it".to_string()
        } else {
            format!("the packages {} do not bring it", self.packages.join(" "))
        };
        SourceError::new(
            SourceErrorKind::Package,
            format!(
                "{} stands for the program {program}, which this machine does not have; {packages}",
                image.repository
            ),
            format!(
                "install {program} so that it is on PATH, name packages in x-ondol.packages, or run the service in a \
                 container engine (x-ondol: {{runtime: container}})"
            ),
        )
    }
}

fn describe(
    image: &mut Image,
    program: &str,
    version: Option<String>,
    name: &ImageName,
    fetched: bool,
) {
    let Some(version) = version else {
        image.title = program.to_string();
        return;
    };
    let origin = if fetched { "Debian" } else { "this machine's" };
    image.title = format!("{program} {version}, {origin}");
    if let (Some(asked), Some(got)) = (name.major(), major_of(&version))
        && asked != got
    {
        image.title = format!("{program} {version}, {origin}; the file asks for {asked}");
        image.warnings.push(format!(
            "{}:{} asks for version {asked}; {program} {version} runs. Install version {asked} and put it first on \
             PATH, or use a container engine, if the difference matters",
            name.repository,
            name.tag.as_deref().unwrap_or_default(),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(text: &str) -> String {
        match base(&ImageName::parse(text).unwrap()) {
            Some(Base::Plain) => "plain".into(),
            Some(Base::Language(language)) => language.programs.join(" "),
            Some(Base::Known(known)) => known.servers.join(" "),
            None => "unknown".into(),
        }
    }

    #[test]
    fn base_images_are_known_by_name() {
        for (image, base) in [
            ("node:20-alpine", "node npm"),
            ("python:3.11-slim", "python3 pip3"),
            ("public.ecr.aws/docker/library/node:18", "node npm"),
            ("gcr.io/distroless/nodejs20-debian12", "node"),
            ("gcr.io/distroless/static:nonroot", "plain"),
            ("eclipse-temurin:17-jdk", "java"),
            ("alpine:3.19", "plain"),
            ("scratch", "plain"),
            ("nginx:alpine", "nginx"),
            ("mcr.microsoft.com/dotnet/sdk:8.0", "dotnet"),
            ("acme/web:1", "unknown"),
        ] {
            assert_eq!(base_of(image), base, "{image}");
        }
    }

    #[test]
    fn a_program_that_nobody_has_is_named() {
        let name = ImageName::parse("mcr.microsoft.com/dotnet/sdk:8.0").unwrap();
        let Some(Base::Language(language)) = base(&name) else {
            panic!("not known");
        };
        let error = language.missing(&name, "dotnet");
        assert!(
            error
                .what
                .contains("dotnet/sdk stands for the program dotnet"),
            "{error}"
        );
    }
}
