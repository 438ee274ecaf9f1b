use std::path::{Path, PathBuf};

use super::name::folder_name;
use super::{Loader, Request, Scope};
use crate::dotenv::{self, Format};
use crate::findings::error;
use crate::interpolate::Env;
use crate::normalise::clean;

/// Names that Compose looks for, the best one first, each with the names of its override file.
const NAMES: [(&str, [&str; 2]); 4] = [
    (
        "compose.yaml",
        ["compose.override.yaml", "compose.override.yml"],
    ),
    (
        "compose.yml",
        ["compose.override.yml", "compose.override.yaml"],
    ),
    (
        "docker-compose.yaml",
        [
            "docker-compose.override.yaml",
            "docker-compose.override.yml",
        ],
    ),
    (
        "docker-compose.yml",
        [
            "docker-compose.override.yml",
            "docker-compose.override.yaml",
        ],
    ),
];

/// Where a load begins.
pub(super) struct Start {
    pub(super) files: Vec<PathBuf>,
    pub(super) scope: Scope,
    pub(super) name: StartName,
}

/// What the surroundings say of the project's name.
pub(super) enum StartName {
    /// By `--project-name` or `COMPOSE_PROJECT_NAME`: it wins.
    Given(String),
    /// From the folder: any other wins.
    Folder(String),
}

impl Start {
    pub(super) fn profiles(&self, request: &Request) -> Vec<String> {
        let from_env = self.scope.env.get("COMPOSE_PROFILES").map(String::as_str);
        let from_env = from_env.unwrap_or_default().split(',').map(str::trim);
        let from_env = from_env.filter(|name| !name.is_empty()).map(String::from);
        request.profiles.iter().cloned().chain(from_env).collect()
    }
}

impl Loader<'_> {
    /// Finds the files, the project's folder and its variables; `None` when there is nothing to load.
    pub(super) fn start(&mut self, request: &Request) -> Option<Start> {
        let in_dir = |path: &PathBuf| clean(&request.dir.join(path));
        let mut files: Vec<PathBuf> = request.files.iter().map(in_dir).collect();
        if files.is_empty() {
            files = self.files_from_env(request);
        }
        if files.is_empty() {
            files = self.discover(&request.dir)?;
        }
        let first_dir = files
            .first()
            .and_then(|file| file.parent())
            .unwrap_or(&request.dir);
        let dir = request
            .project_dir
            .as_ref()
            .map_or_else(|| first_dir.to_path_buf(), in_dir);
        let mut env = self.project_env(request, &dir);
        let given = request
            .project_name
            .as_ref()
            .or_else(|| env.get("COMPOSE_PROJECT_NAME"));
        let name = match given.filter(|name| !name.is_empty()) {
            Some(name) => StartName::Given(name.clone()),
            None => StartName::Folder(folder_name(&dir)),
        };
        let (StartName::Given(text) | StartName::Folder(text)) = &name;
        env.insert("COMPOSE_PROJECT_NAME".to_owned(), text.clone());
        let is_named = matches!(name, StartName::Given(_));
        let scope = Scope { dir, env, is_named };
        Some(Start { files, scope, name })
    }

    /// `COMPOSE_FILE`, which `.env` may hold.
    fn files_from_env(&mut self, request: &Request) -> Vec<PathBuf> {
        let dir = request.project_dir.clone().unwrap_or_default();
        let env = match request.env.contains_key("COMPOSE_FILE") {
            true => request.env.clone(),
            false => self.project_env(request, &request.dir.join(dir)),
        };
        let list = env
            .get("COMPOSE_FILE")
            .map(String::as_str)
            .unwrap_or_default();
        let separator = env
            .get("COMPOSE_PATH_SEPARATOR")
            .filter(|text| !text.is_empty());
        let files = list.split(separator.map_or(":", String::as_str));
        let files = files.filter(|path| !path.is_empty());
        files.map(|path| clean(&request.dir.join(path))).collect()
    }

    /// The caller's environment over that of the env files.
    fn project_env(&mut self, request: &Request, dir: &Path) -> Env {
        let mut files = request.env_files.clone();
        if files.is_empty() {
            let list = request.env.get("COMPOSE_ENV_FILES").map(String::as_str);
            let list = list.unwrap_or_default().split(',');
            files = list
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect();
        }
        if files.is_empty() {
            return self.env_from(&[dir.join(".env")], false, &request.env);
        }
        let files: Vec<PathBuf> = files.iter().map(|path| request.dir.join(path)).collect();
        self.env_from(&files, true, &request.env)
    }

    /// `env` over the variables of `files`, of which a later one wins.
    pub(super) fn env_from(&mut self, files: &[PathBuf], required: bool, env: &Env) -> Env {
        let mut below = Env::new();
        for path in files {
            if !required && !self.source.is_file(path) {
                continue;
            }
            if let Some(bytes) = self.read(path, None) {
                let mut known = below.clone();
                known.extend(env.clone());
                below.extend(dotenv::parse(
                    path,
                    &bytes,
                    Format::Compose,
                    &known,
                    &mut self.findings,
                    &mut self.budget,
                ));
            }
        }
        below.extend(env.clone());
        below
    }

    /// The project's file in `dir` or the nearest folder above it, with its override file.
    fn discover(&mut self, dir: &Path) -> Option<Vec<PathBuf>> {
        for folder in dir.ancestors() {
            for (name, overrides) in NAMES {
                let file = folder.join(name);
                if self.source.is_file(&file) {
                    let over = overrides.iter().map(|name| folder.join(name));
                    let over = over.filter(|path| self.source.is_file(path)).take(1);
                    return Some(std::iter::once(file).chain(over).collect());
                }
            }
        }
        let dir = dir.display();
        self.findings.add(
            error("no-file", format!("there is no compose.yaml in {dir} or any folder above it"))
                .help("name the file with --file, go to the folder that has it, or let `ondol init` write one"),
        );
        None
    }
}
