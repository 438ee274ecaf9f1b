//! Compose files from the disk to a project.

mod checks;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ondol_api::{Cause, CauseKind};
use ondol_compose::{Diagnostic, Loaded, ReadError, Request, Severity, Source};
use ondol_model::{Digest, FileSource, Project, ProjectName};

use super::args::ProjectArgs;
use super::failure::{Failure, INVALID};
use super::out::Out;

/// Names that a Compose file has when nobody names it; the first wins.
pub(crate) const FILE_NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Largest secret or config; Docker's bound is half of it.
const GRANTED_BYTES_MAX: u64 = 1 << 20;

/// The machine's files.
struct Disk;

impl Source for Disk {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| refused(&error))?;
        file.take(bytes_max)
            .read_to_end(&mut bytes)
            .map_err(|error| refused(&error))?;
        Ok(bytes)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

fn refused(error: &io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        io::ErrorKind::IsADirectory => ReadError::Folder,
        _ => ReadError::Other(error.to_string()),
    }
}

/// Loads what `args` name. Everything there is to say about the files is in the result.
pub(crate) fn load(args: &ProjectArgs, services: &[String]) -> Result<Loaded, Failure> {
    let dir = std::env::current_dir()
        .map_err(|error| Failure::error(format!("this folder cannot be read: {error}")))?;
    let request = Request {
        files: args
            .files
            .iter()
            .map(|file| in_folder(&dir, file))
            .collect::<Result<_, _>>()?,
        dir,
        project_name: args.project_name.clone(),
        project_dir: args.project_directory.clone(),
        profiles: args.profiles.clone(),
        services: services.to_vec(),
        env_files: args.env_files.clone(),
        env: environment(),
        checks: checks::CHECKS,
    };
    Ok(ondol_compose::load(&request, &Disk))
}

/// Loads what `args` name, says what is wrong with it, and goes on only with a project.
pub(crate) fn project(
    args: &ProjectArgs,
    services: &[String],
    out: &Out,
) -> Result<Project, Failure> {
    Ok(with_files(args, services, out)?.0)
}

/// The same, and the files it was read from, to say more about them.
pub(crate) fn with_files(
    args: &ProjectArgs,
    services: &[String],
    out: &Out,
) -> Result<(Project, Loaded), Failure> {
    let mut loaded = load(args, services)?;
    if !loaded.diagnostics.is_empty() {
        say(&loaded, out)?;
    }
    let project = loaded.project.take();
    Ok((project.ok_or_else(|| Failure::said(INVALID))?, loaded))
}

/// The name of the project that the files describe, for verbs that want nothing else of them: warnings were said
/// by `up`.
pub(crate) fn name(args: &ProjectArgs, out: &Out) -> Result<ProjectName, Failure> {
    let loaded = load(args, &[])?;
    match &loaded.project {
        Some(project) => Ok(project.name.clone()),
        None => {
            say(&loaded, out)?;
            Err(Failure::said(INVALID))
        }
    }
}

/// Names the content of each secret and config that is a file, so that a changed one replaces those who read it.
pub(crate) fn name_contents(
    project: &mut Project,
    loaded: &Loaded,
    out: &Out,
) -> Result<(), Failure> {
    let mut unreadable = Vec::new();
    for (kind, files) in [
        ("secret", &mut project.secrets),
        ("config", &mut project.configs),
    ] {
        for (key, file) in files {
            let FileSource::Path(path) = &file.source else {
                continue;
            };
            match read_whole(path) {
                Ok(content) => file.digest = Some(Digest::of(&content)),
                Err(error) => unreadable.push(Cause {
                    kind: CauseKind::BadMount,
                    at: vec![format!("{kind}s"), key.clone()],
                    message: format!("{kind} `{key}`: {} cannot be read: {error}", path.display()),
                    hint: Some("write the file, or correct its path".to_owned()),
                }),
            }
        }
    }
    match unreadable.is_empty() {
        true => Ok(()),
        false => Err(refuse(loaded, unreadable, out)),
    }
}

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(GRANTED_BYTES_MAX + 1)
        .read_to_end(&mut content)?;
    match content.len() as u64 > GRANTED_BYTES_MAX {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(content),
    }
}

/// Everything that is wrong with the files.
pub(crate) fn say(loaded: &Loaded, out: &Out) -> Result<(), Failure> {
    if !out.json {
        out.say(loaded.render(out.talks_in_colour()).trim_end());
        return Ok(());
    }
    say_json(&loaded.diagnostics, out)
}

/// What keeps the files from being used on this machine, each drawn at its line.
pub(crate) fn refuse(loaded: &Loaded, causes: Vec<Cause>, out: &Out) -> Failure {
    let diagnostic = |cause: Cause| Diagnostic {
        severity: Severity::Error,
        code: cause.kind.word(),
        message: cause.message,
        place: loaded.place(&cause.at),
        label: None,
        related: Vec::new(),
        help: cause.hint,
    };
    let mut diagnostics: Vec<_> = causes.into_iter().map(diagnostic).collect();
    diagnostics.sort_by_key(|said| said.place.as_ref().map(|p| (p.file.clone(), p.start)));
    if out.json {
        return match say_json(&diagnostics, out) {
            Ok(()) => Failure::said(INVALID),
            Err(failure) => failure,
        };
    }
    out.say(loaded.draw(&diagnostics, out.talks_in_colour()).trim_end());
    Failure::said(INVALID)
}

fn say_json(diagnostics: &[Diagnostic], out: &Out) -> Result<(), Failure> {
    for diagnostic in diagnostics {
        let line = serde_json::to_string(diagnostic);
        out.say(line.map_err(|error| Failure::error(error.to_string()))?);
    }
    Ok(())
}

/// Whether a Compose file is here or above, for one who names none.
pub(crate) fn is_here(args: &ProjectArgs) -> bool {
    let here = std::env::current_dir();
    !args.files.is_empty()
        || here.is_ok_and(|here| here.ancestors().any(|dir| file_in(dir).is_some()))
}

/// Whether `text`, typed where a service may stand, means a folder or file instead.
pub(crate) fn is_path(text: &str, args: &ProjectArgs) -> bool {
    let path = Path::new(text);
    let named = text.contains('/') || matches!(text, "." | "..");
    let yaml = path
        .extension()
        .is_some_and(|end| end == "yaml" || end == "yml");
    named || yaml || (file_in(path).is_some() && !is_here(args))
}

/// The file that `path` means: itself, or the Compose file in it.
fn in_folder(dir: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let path = dir.join(path);
    if !path.is_dir() {
        return Ok(path);
    }
    file_in(&path).ok_or_else(|| {
        let message = format!("there is no Compose file in {}", path.display());
        Failure::invalid(message).hint(format!("`ondol init {}` writes one", path.display()))
    })
}

fn file_in(dir: &Path) -> Option<PathBuf> {
    let mut paths = FILE_NAMES.iter().map(|name| dir.join(name));
    paths.find(|path| path.is_file())
}

/// What is not UTF-8 cannot be written in a Compose file, so nothing can ask for it.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}
