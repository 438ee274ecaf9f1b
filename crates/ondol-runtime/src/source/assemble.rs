use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ondol_model::Healthcheck;

use super::caller::Caller;
use super::dockerfile::command_words;
use super::image::{Content, Image, TOOLS};
use super::image_name::ImageName;
use super::programs::{Programs, STANDARD};
use super::ready::Ready;
use super::{SourceError, SourceErrorKind};
use crate::{DataDir, Launch, LaunchFile, Layers, PrepareRequest};

/// Words of a command that are shown.
const SHOWN_CHARS: usize = 60;

/// Joins what was prepared with what the service itself says. Also gives back what a person should know.
pub(crate) fn assemble(
    request: &PrepareRequest<'_>,
    ready: &Ready,
    caller: &Caller,
) -> Result<(Launch, Vec<String>), SourceError> {
    let (service, settings) = (request.service, &ready.settings);
    let mut env = settings.env.clone();
    env.extend(service.environment.clone());
    let (image, argv) = words(request, ready, &env)?;
    let mut all_env = image.env.clone();
    all_env.extend(env);
    let layers = ready.all_layers();
    if !request.layered {
        run_in_place(&mut all_env, &layers, &image);
    } else if ready.context.is_some() {
        all_env
            .entry("PATH".into())
            .or_insert_with(|| path_of(caller));
    }
    let context_dir = ready.context.as_ref().map(|context| context.target.clone());
    let first = |choices: [&Option<String>; 4]| choices.into_iter().find_map(Clone::clone);
    let launch = Launch {
        runs: runs(&image, &argv),
        argv: in_place(request, ready, argv),
        env: all_env,
        workdir: first([
            &service.working_dir,
            &settings.workdir,
            &context_dir,
            &image.workdir,
        ])
        .unwrap_or_else(|| "/".into()),
        user: first([&service.user, &settings.user, &image.user, &None]),
        layers: Layers { lower: layers },
        context: ready.context.clone(),
        ports: ports(&settings.expose, &image.ports),
        ready: match &settings.healthcheck {
            Healthcheck::Check(probe) => Some(probe.clone()),
            Healthcheck::Disabled => None,
            Healthcheck::Image => image.ready.clone(),
        },
        stop_signal: settings.stop_signal.clone().or(image.stop_signal),
        users: {
            let others = image
                .users
                .iter()
                .filter(|user| !ready.users.contains(user));
            ready.users.iter().chain(others).cloned().collect()
        },
        data_dirs: data_dirs(image.data_dirs, service.user.is_some()),
        files: files_in_place(request, &image.files),
        before: image.before,
    };
    let warnings = [ready.warnings.clone(), image.warnings].concat();
    Ok((launch, warnings))
}

/// The image for this service's command, and the whole command.
fn words(
    request: &PrepareRequest<'_>,
    ready: &Ready,
    env: &BTreeMap<String, String>,
) -> Result<(Image, Vec<String>), SourceError> {
    let (service, settings) = (request.service, &ready.settings);
    let entrypoint = service
        .entrypoint
        .as_deref()
        .or(settings.entrypoint.as_deref());
    let own_cmd = settings
        .cmd
        .as_deref()
        .filter(|_| service.entrypoint.is_none());
    let command = service.command.as_deref().or(own_cmd);
    let image = image_of(request, ready, env, command, entrypoint.is_some());
    let argv = image.argv.clone().unwrap_or_else(|| {
        // An ENTRYPOINT of the Dockerfile drops the CMD of its base image.
        let image_cmd = image
            .cmd
            .as_deref()
            .filter(|_| settings.entrypoint.is_none());
        command_words(image.entrypoint.as_deref(), image_cmd, entrypoint, command)
    });
    if argv.first().is_none_or(String::is_empty) {
        return Err(SourceError::new(
            SourceErrorKind::NothingToRun,
            format!(
                "{} says nothing to run: neither its image or Dockerfile nor the file has a command",
                service.name
            ),
            "add command: to it, or CMD to its Dockerfile",
        ));
    }
    Ok((image, argv))
}

/// Whoever the file makes the user owns the data.
fn data_dirs(dirs: Vec<DataDir>, own_user: bool) -> Vec<DataDir> {
    let given = |dir| {
        if own_user {
            DataDir { owner: None, ..dir }
        } else {
            dir
        }
    };
    dirs.into_iter().map(given).collect()
}

/// What the base image gives for this command.
fn image_of(
    request: &PrepareRequest<'_>,
    ready: &Ready,
    env: &BTreeMap<String, String>,
    command: Option<&[String]>,
    own_entrypoint: bool,
) -> Image {
    let Some(found) = &ready.ground.server else {
        return ready.ground.image.clone();
    };
    let Some(name) = ready
        .ground
        .name
        .as_deref()
        .and_then(|name| ImageName::parse(name).ok())
    else {
        return ready.ground.image.clone();
    };
    found.image(&name, env, command, own_entrypoint, request.layered)
}

fn ports(exposed: &[u16], image: &[u16]) -> Vec<u16> {
    let mut ports = exposed.to_vec();
    ports.extend(image.iter().filter(|port| !exposed.contains(port)));
    ports
}

/// For people: `postgres 15.14 (Debian)`, `node server.js (node 20.1, this machine's)`.
fn runs(image: &Image, argv: &[String]) -> String {
    if image.argv.is_some() {
        return image.title.clone();
    }
    let words = match argv {
        [shell, flag, script, ..] if flag == "-c" && shell.ends_with("sh") => script.clone(),
        words => words.join(" "),
    };
    let mut words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > SHOWN_CHARS {
        words = words.chars().take(SHOWN_CHARS - 1).chain(['…']).collect();
    }
    if image.title.is_empty() {
        words
    } else {
        format!("{words} ({})", image.title)
    }
}

fn path_of(caller: &Caller) -> String {
    let own = caller
        .path
        .iter()
        .map(|dir| dir.to_string_lossy().into_owned());
    let own = own.filter(|dir| dir.starts_with('/') && !STANDARD.contains(&dir.as_str()));
    STANDARD
        .iter()
        .map(ToString::to_string)
        .chain(own)
        .collect::<Vec<_>>()
        .join(":")
}

/// Without mount namespaces, programs and libraries of layers are found where they lie.
fn run_in_place(env: &mut BTreeMap<String, String>, layers: &[PathBuf], image: &Image) {
    if !layers.is_empty() {
        find_layers(env, layers, image);
    }
    if image.files.iter().any(|file| file.path.starts_with(TOOLS)) {
        let path = env.get("PATH").cloned();
        let path = path.unwrap_or_else(|| STANDARD.join(":"));
        env.insert("PATH".into(), format!("{TOOLS}:{path}"));
    }
}

fn find_layers(env: &mut BTreeMap<String, String>, layers: &[PathBuf], image: &Image) {
    let path = super::cook::search_path(layers, env.get("PATH").or(image.env.get("PATH")));
    env.insert("PATH".into(), path);
    if let Some(libraries) = super::cook::library_path(layers) {
        env.entry("LD_LIBRARY_PATH".into()).or_insert(libraries);
    }
    if let Some(base) = layers
        .iter()
        .map(|layer| layer.join("usr/local/lib"))
        .find(|dir| dir.is_dir())
    {
        let base = base
            .parent()
            .unwrap_or(Path::new("/"))
            .to_string_lossy()
            .into_owned();
        env.entry("PYTHONUSERBASE".into()).or_insert(base);
    }
}

/// Without mount namespaces a fetched server is started by its path on the machine.
fn in_place(request: &PrepareRequest<'_>, ready: &Ready, mut argv: Vec<String>) -> Vec<String> {
    if let Some(found) = ready
        .ground
        .server
        .as_ref()
        .filter(|found| found.fetched && !request.layered)
        && let Some(first) = argv.first_mut()
        && found
            .file
            .file_name()
            .is_some_and(|name| name.to_string_lossy() == *first)
    {
        *first = found.file.to_string_lossy().into_owned();
    }
    argv
}

/// With mount namespaces an image's files are a layer; without, the engine writes them, except over the user's own.
fn files_in_place(
    request: &PrepareRequest<'_>,
    files: &[super::image::ImageFile],
) -> Vec<LaunchFile> {
    if request.layered {
        return Vec::new();
    }
    let mounted = |path: &str| {
        let mounts = &request.service.mounts;
        mounts
            .iter()
            .any(|mount| Path::new(path).starts_with(&mount.target))
    };
    files
        .iter()
        .filter(|file| !mounted(&file.path))
        .filter_map(|file| match &file.content {
            Content::Text { text, mode } => Some(LaunchFile {
                path: file.path.clone(),
                content: text.clone(),
                mode: *mode,
            }),
            Content::Link { .. } => None,
        })
        .collect()
}

/// A program that nobody has is better named now than when it is started.
pub(crate) fn check_program(
    request: &PrepareRequest<'_>,
    launch: &Launch,
    caller: &Caller,
) -> Result<(), SourceError> {
    let Some(program) = launch.argv.first().filter(|program| !program.contains('/')) else {
        return Ok(());
    };
    let own_path = launch
        .env
        .get("PATH")
        .map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let programs = Programs {
        trees: launch.layers.lower.clone(),
        path: [own_path.clone().unwrap_or_default(), caller.path.clone()].concat(),
        ..Programs::default()
    };
    let places: Vec<String> = own_path
        .iter()
        .flatten()
        .map(|dir| dir.to_string_lossy().into_owned())
        .collect();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let below_mount = own_path.iter().flatten().any(|dir| {
        request
            .service
            .mounts
            .iter()
            .any(|mount| dir.starts_with(&mount.target))
    });
    if below_mount || programs.find(&[program], &places).is_some() {
        return Ok(());
    }
    Err(SourceError::new(
        SourceErrorKind::NothingToRun,
        format!(
            "{} runs `{program}`, which is neither on this machine nor in what was prepared",
            request.service.name
        ),
        "name the Debian package that has it in x-ondol.packages, install it, or correct command:",
    ))
}
