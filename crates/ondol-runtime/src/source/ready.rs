//! What a service was prepared to: remembered, so that a start needs nothing but this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ondol_model::{Digest, Healthcheck, Service};
use serde::{Deserialize, Serialize};

use super::base::program_image;
use super::caller::Caller;
use super::context::Context;
use super::cook::{Ground, Kitchen};
use super::dockerfile::{
    self, Copy, CopyFrom, CopySource, Finding, Recipe, Run, Stage, Step, StepKind,
};
use super::origin::{Origin, origin};
use super::packages::Depot;
use super::store::Store;
use super::{SourceError, SourceErrorKind};
use crate::{ContextMount, PrepareRequest, UserEntry};

/// Where sources are seen when nothing says otherwise.
pub(crate) const SOURCES: &str = "/app";

/// Everything about a service's process except what its command decides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) ground: Ground,
    /// What Dockerfile lines made, topmost first.
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) users: Vec<UserEntry>,
    pub(crate) settings: Settings,
    pub(crate) context: Option<ContextMount>,
    pub(crate) warnings: Vec<String>,
}

/// What a Dockerfile's last stage says about its process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) expose: Vec<u16>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) healthcheck: Healthcheck,
}

impl Ready {
    /// Nobody removed what it needs.
    pub(crate) fn is_there(&self) -> bool {
        let context = self.context.iter().flat_map(|context| &context.lowers);
        self.layers
            .iter()
            .chain(&self.ground.layers)
            .chain(context)
            .all(|layer| layer.is_dir())
    }

    /// All layers, topmost first.
    pub(crate) fn all_layers(&self) -> Vec<PathBuf> {
        [self.layers.clone(), self.ground.layers.clone()].concat()
    }
}

/// The name that a service's record has: all that decides what is prepared, except for the files.
pub(crate) fn name(request: &PrepareRequest<'_>) -> Digest {
    let service = request.service;
    let own_words = service.runtime == ondol_model::RuntimeKind::Process || service.build.is_none();
    let words = own_words.then_some((&service.entrypoint, &service.command));
    let parts = (
        (
            request.project.name.as_str(),
            service.name.as_str(),
            request.layered,
        ),
        (
            &service.image,
            &service.build,
            &service.packages,
            &service.prepare,
            service.runtime,
            &service.working_dir,
        ),
        words.filter(|_| service.image.is_none()),
    );
    Digest::of(&serde_json::to_vec(&parts).unwrap_or_default())
}

/// Prepares a service.
pub(crate) fn make(
    request: &PrepareRequest<'_>,
    store: &Store,
    caller: &Caller,
    say: &mut dyn FnMut(String),
) -> Result<Ready, SourceError> {
    let service = request.service;
    let mut kitchen = Kitchen {
        store: store.clone(),
        depot: Depot::new(request.state_dir),
        caller,
        oven: request.oven,
        layered: request.layered,
        packages: &service.packages,
        dockerfile: PathBuf::new(),
        say,
    };
    match origin(service)? {
        Origin::Dockerfile { build, path, text } => {
            let (mut recipe, findings) =
                dockerfile::read(&text, &build.args, build.target.as_deref());
            let warnings = judge(&path, findings, service.prepare.is_some())?;
            if let Some(commands) = &service.prepare {
                replace_runs(&mut recipe, commands);
            }
            kitchen.dockerfile.clone_from(&path);
            let context = Context::open(&build.context, Some(&path))?;
            let mut ready = follow_recipe(&mut kitchen, &recipe, &context)?;
            ready.warnings = warnings;
            Ok(ready)
        }
        Origin::Sources { build } => {
            kitchen.dockerfile = build.context.join("x-ondol.prepare");
            sources(&mut kitchen, service, &build.context)
        }
        Origin::Image { name } => Ok(Ready {
            ground: kitchen.ground(&name, &[])?,
            ..Ready::default()
        }),
        Origin::Command => {
            kitchen.dockerfile = request.project.dir.join("x-ondol.prepare");
            sources(&mut kitchen, service, &request.project.dir)
        }
    }
}

/// Whether a Dockerfile cannot be followed; RUN lines do not matter where `x-ondol.prepare` replaces them.
pub(crate) fn is_fatal(finding: &Finding, own_prepare: bool) -> bool {
    finding.fatal && !(own_prepare && finding.what.starts_with("RUN "))
}

/// Fatal findings as one error; the others as warnings.
fn judge(
    path: &Path,
    findings: Vec<Finding>,
    own_prepare: bool,
) -> Result<Vec<String>, SourceError> {
    let (fatal, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.fatal);
    let mut fatal = fatal
        .into_iter()
        .filter(|finding| is_fatal(finding, own_prepare));
    if let Some(first) = fatal.next() {
        let mut what = first.what;
        for more in fatal {
            what.push_str(&format!(
                "\n{}:{}: {}\n  help: {}",
                path.display(),
                more.line,
                more.what,
                more.help
            ));
        }
        return Err(
            SourceError::new(SourceErrorKind::Dockerfile, what, first.help).at(path, first.line),
        );
    }
    let said = |finding: Finding| {
        format!(
            "{}:{}: {}; {}",
            path.display(),
            finding.line,
            finding.what,
            finding.help
        )
    };
    Ok(others.into_iter().map(said).collect())
}

/// `x-ondol.prepare` in place of the RUN lines of the stage that is run.
pub(crate) fn replace_runs(recipe: &mut Recipe, commands: &[String]) {
    if let Some(stage) = recipe.stages.last_mut() {
        stage
            .steps
            .retain(|step| !matches!(step.kind, StepKind::Run(_)));
        let workdir = stage.workdir.clone().unwrap_or_else(|| "/".into());
        let runs = commands
            .iter()
            .map(|command| run_step(command, &stage.env, &workdir, stage.user.clone()));
        let runs: Vec<Step> = runs.collect();
        stage.steps.extend(runs);
    }
}

fn run_step(
    command: &str,
    env: &BTreeMap<String, String>,
    workdir: &str,
    user: Option<String>,
) -> Step {
    Step {
        line: 1,
        kind: StepKind::Run(Run {
            argv: vec!["/bin/sh".into(), "-c".into(), command.into()],
            text: command.into(),
            script: command.into(),
            env: env.clone(),
            workdir: workdir.into(),
            user,
            binds: Vec::new(),
        }),
    }
}

fn follow_recipe(
    kitchen: &mut Kitchen<'_>,
    recipe: &Recipe,
    context: &Context,
) -> Result<Ready, SourceError> {
    let last = recipe.last().cloned().unwrap_or_default();
    let at = recipe.stages.len().saturating_sub(1);
    let cooked = kitchen.cook(recipe, at, context, &mut BTreeMap::new())?;
    let workdir = last.workdir.clone().unwrap_or_else(|| "/".into());
    // Without mount namespaces the tree itself is where the sources are.
    let tree = cooked
        .layers
        .first()
        .filter(|_| !kitchen.layered && workdir != "/");
    let context = tree.map(|tree| ContextMount {
        host: tree.join(super::store::in_layer(&workdir)),
        target: workdir.clone(),
        lowers: Vec::new(),
    });
    Ok(Ready {
        ground: cooked.ground,
        layers: cooked.layers,
        users: cooked.users,
        context,
        warnings: Vec::new(),
        settings: Settings {
            env: last.env,
            workdir: last.workdir,
            user: last.user,
            entrypoint: last.entrypoint,
            cmd: last.cmd,
            expose: last.expose,
            stop_signal: last.stop_signal,
            healthcheck: last.healthcheck,
        },
    })
}

/// A command in its sources, which are shown as they are; `x-ondol.prepare` lies over them.
fn sources(kitchen: &mut Kitchen<'_>, service: &Service, dir: &Path) -> Result<Ready, SourceError> {
    let words = [&service.entrypoint, &service.command]
        .into_iter()
        .flatten()
        .flatten();
    let program = words.clone().next().map(String::as_str).unwrap_or_default();
    let base = program_image(program).unwrap_or("scratch");
    let target = service
        .working_dir
        .clone()
        .unwrap_or_else(|| SOURCES.into());
    let mut context = ContextMount {
        host: dir.to_path_buf(),
        target: target.clone(),
        lowers: Vec::new(),
    };
    let commands = service.prepare.as_deref().unwrap_or_default();
    if commands.is_empty() {
        let ground = kitchen.ground(base, &[])?;
        return Ok(Ready {
            ground,
            context: Some(context),
            ..Ready::default()
        });
    }
    let copy = Copy {
        from: CopyFrom::Context,
        sources: vec![CopySource::Path(".".into())],
        dest: format!("{target}/"),
        mode: None,
        owner: None,
        exclude: Vec::new(),
        parents: false,
        unpack: false,
    };
    let files = Step {
        line: 1,
        kind: StepKind::Copy(copy),
    };
    let runs = commands
        .iter()
        .map(|command| run_step(command, &service.environment, &target, None));
    let stage = Stage {
        line: 1,
        base: base.into(),
        steps: [files].into_iter().chain(runs).collect(),
        ..Stage::default()
    };
    let recipe = Recipe {
        stages: vec![stage],
    };
    let cooked = kitchen.cook(&recipe, 0, &Context::open(dir, None)?, &mut BTreeMap::new())?;
    context.lowers = cooked
        .layers
        .iter()
        .map(|layer| layer.join(super::store::in_layer(&target)))
        .collect();
    Ok(Ready {
        ground: cooked.ground,
        layers: cooked.layers,
        users: cooked.users,
        context: Some(context),
        ..Ready::default()
    })
}
