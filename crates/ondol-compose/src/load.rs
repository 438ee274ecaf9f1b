//! From a request to a [`Loaded`] project: the order of the steps.

mod environment;
mod extends;
mod include;
mod layer;
mod name;
mod place;
mod profiles;
mod rules;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use ondol_model::Project;
use serde_json::Value as Json;

use crate::budget::Budget;
use crate::checks::Checks;
use crate::diagnostic::Diagnostic;
use crate::findings::{Findings, Text};
use crate::interpolate::Env;
use crate::keys::KeyReport;
use crate::merge::settle;
use crate::source::Source;
use crate::tree::Node;
use crate::{lower, render, validate, yaml};

/// What to load, and with which surroundings. Paths may be relative to `dir`.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Absolute folder in which files are looked for, then in its parents, when `files` names none.
    pub dir: PathBuf,
    /// `--file`, in merge order.
    pub files: Vec<PathBuf>,
    /// `--project-name`
    pub project_name: Option<String>,
    /// `--project-directory`
    pub project_dir: Option<PathBuf>,
    /// `--profile`, beside those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Services named on the command line: they are enabled whatever their profiles are.
    pub services: Vec<String>,
    /// `--env-file`; none is `.env` in the project's folder.
    pub env_files: Vec<PathBuf>,
    /// The environment of the caller.
    pub env: BTreeMap<String, String>,
    /// Who checks what is written in other languages.
    pub checks: Checks,
}

/// What a load came to.
#[derive(Debug)]
pub struct Loaded {
    /// The project; `None` when there are errors.
    pub project: Option<Project>,
    /// The files as one, with nothing left open.
    pub resolved: Resolved,
    /// Errors and warnings, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// How many diagnostics there were beyond those that are kept.
    pub diagnostics_dropped: usize,
    /// Every key that is used, ordered by path, and what becomes of it.
    pub keys: Vec<KeyReport>,
    errors: usize,
    texts: Vec<Text>,
}

/// The merged, interpolated files in long form.
#[derive(Clone, Debug)]
pub struct Resolved(Node);

impl Resolved {
    /// As a Compose file that loads to the same project again.
    pub fn to_yaml(&self) -> String {
        yaml::to_yaml(&self.0)
    }

    /// As JSON.
    pub fn to_json(&self) -> Json {
        yaml::to_json(&self.0)
    }
}

impl Loaded {
    /// Whether anything keeps the files from being used.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All diagnostics as text, with the source lines they speak about.
    pub fn render(&self, colour: bool) -> String {
        render::render(
            &self.diagnostics,
            self.diagnostics_dropped,
            &self.texts,
            colour,
        )
    }
}

/// Loads a project. It never fails as a whole: what is wrong is in the diagnostics, all of it at once.
pub fn load(request: &Request, source: &dyn Source) -> Loaded {
    let mut loader = Loader {
        source,
        home: request.env.get("HOME").cloned(),
        findings: Findings::default(),
        budget: Budget::default(),
        scopes: BTreeMap::new(),
    };
    let mut tree = Node::map_node([], Default::default());
    let mut project = None;
    if let Some(start) = loader.start(request) {
        let profiles = start.profiles(request);
        let scope = Rc::new(start.scope);
        tree = loader.project(&start.files, &scope, &mut Vec::new());
        settle(&mut tree);
        let name = loader.name(&mut tree, &start.name);
        loader.keep_enabled(&mut tree, &profiles, &request.services);
        loader.resolve_environments(&mut tree);
        if !loader.budget.is_spent() {
            validate::validate(&tree, &mut loader.findings);
            let place = lower::Place {
                dir: scope.dir.clone(),
                files: start.files,
                env: &scope.env,
                checks: request.checks,
            };
            project = lower::project(&tree, name, place, &mut loader.findings);
            let rule_files = loader.rule_files(&tree, request.checks.rule_file);
            if let Some(project) = &mut project {
                project.alerts.files = rule_files;
            }
        }
    }
    let Findings {
        mut diagnostics,
        dropped,
        keys,
        texts,
        errors,
        ..
    } = loader.findings;
    diagnostics.sort_by_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        let file = place.and_then(|place| texts.iter().position(|text| text.path == place.file));
        (file, place.map(|place| place.start))
    });
    Loaded {
        project: project.filter(|_| errors == 0),
        resolved: Resolved(tree),
        diagnostics,
        diagnostics_dropped: dropped,
        keys: keys.into_values().collect(),
        errors,
        texts,
    }
}

/// Everything that the steps of a load share.
struct Loader<'a> {
    source: &'a dyn Source,
    home: Option<String>,
    findings: Findings,
    budget: Budget,
    /// Where each service's variables come from: an included one has its own.
    scopes: BTreeMap<String, Rc<Scope>>,
}

/// What the files of one (included) project are read with.
#[derive(Clone, Debug)]
struct Scope {
    /// What relative paths are relative to.
    dir: PathBuf,
    env: Env,
    /// The project's name is settled, whatever a file says.
    is_named: bool,
}
