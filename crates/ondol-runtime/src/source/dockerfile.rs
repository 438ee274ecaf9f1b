//! Reads a Dockerfile: what its last (or target) stage is made of and runs. Pure; follows the Dockerfile
//! reference. What cannot be followed becomes a [`Finding`] with its line, never silence.

use std::collections::BTreeMap;

use ondol_model::Healthcheck;

mod copy;
mod expand;
mod health;
mod lines;
mod run;
mod setting;
mod stage;
mod words;

pub(crate) use lines::Instruction;
pub(crate) use words::command_words;

pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
const INSTRUCTIONS_MAX: usize = 2_000;
const STAGES_MAX: usize = 64;

/// What a Dockerfile says, up to the stage that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Stages in the order of the file; the wanted one is last.
    pub(crate) stages: Vec<Stage>,
}

impl Recipe {
    /// The stage that is run.
    pub(crate) fn last(&self) -> Option<&Stage> {
        self.stages.last()
    }
}

/// One `FROM` and what follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    /// `FROM ... AS name`, in lower case.
    pub(crate) name: Option<String>,
    /// Line of its `FROM`.
    pub(crate) line: u32,
    /// The image it begins with, through all stages before it; `scratch` is nothing.
    pub(crate) base: String,
    /// Everything that changes files, in order; those of the stage it begins with come first.
    pub(crate) steps: Vec<Step>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) shell: Option<Vec<String>>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    /// TCP ports of EXPOSE.
    pub(crate) expose: Vec<u16>,
    pub(crate) volumes: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) healthcheck: Healthcheck,
    /// ONBUILD: done when another stage begins with this one.
    pub(crate) onbuild: Vec<Instruction>,
    /// CMD was written in this stage, so that a later ENTRYPOINT keeps it.
    pub(crate) cmd_is_own: bool,
}

/// Something a stage does to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where it is written.
    pub(crate) line: u32,
    pub(crate) kind: StepKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    Copy(Copy),
    Run(Run),
    /// WORKDIR: the folder exists from here on.
    Folder(String),
}

/// COPY or ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) from: CopyFrom,
    pub(crate) sources: Vec<CopySource>,
    /// Absolute; ends with `/` when it was written as a folder.
    pub(crate) dest: String,
    pub(crate) mode: Option<u32>,
    /// `--chown`, as written.
    pub(crate) owner: Option<String>,
    pub(crate) exclude: Vec<String>,
    /// Keep the folders of the source path (`--parents`).
    pub(crate) parents: bool,
    /// ADD: an archive is unpacked.
    pub(crate) unpack: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyFrom {
    Context,
    /// Index among the recipe's stages.
    Stage(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopySource {
    /// A path or pattern, relative to the context or absolute in a stage.
    Path(String),
    /// A heredoc.
    Inline { name: String, content: String },
}

/// RUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Program and arguments, the shell included.
    pub(crate) argv: Vec<String>,
    /// As written, for people and for the digest.
    pub(crate) text: String,
    /// The shell form's text; empty for the exec form.
    pub(crate) script: String,
    /// ENV and ARG at this point.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: String,
    pub(crate) user: Option<String>,
    /// `--mount=type=bind`: source in the context, target.
    pub(crate) binds: Vec<(String, String)>,
}

/// Something about a line that a person must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) line: u32,
    /// The recipe cannot be followed; else it is followed without this.
    pub(crate) fatal: bool,
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Finding {
    fn error(line: u32, what: impl Into<String>, help: impl Into<String>) -> Self {
        Finding {
            line,
            fatal: true,
            what: what.into(),
            help: help.into(),
        }
    }

    fn warning(line: u32, what: impl Into<String>, help: impl Into<String>) -> Self {
        Finding {
            fatal: false,
            ..Finding::error(line, what, help)
        }
    }
}

/// Reads the file as `docker build --target TARGET --build-arg ARGS` would, without building.
/// Everything found is said at once; the recipe may be followed when no finding is fatal.
pub(crate) fn read(
    text: &str,
    args: &BTreeMap<String, String>,
    target: Option<&str>,
) -> (Recipe, Vec<Finding>) {
    let mut findings = Vec::new();
    let cut = lines::cut(text, &mut findings);
    let mut reader = stage::Reader::new(cut.escape, args, &mut findings);
    for instruction in &cut.instructions {
        reader.take(instruction);
    }
    let mut stages = reader.stages;
    match target.filter(|target| !target.is_empty()) {
        None => {}
        Some(target) => match stage::find(&stages, target) {
            Some(at) => {
                stages.truncate(at + 1);
                let end = cut
                    .instructions
                    .iter()
                    .filter(|i| i.name == "FROM")
                    .nth(at + 1)
                    .map_or(u32::MAX, |next| next.line);
                findings.retain(|finding| finding.line < end);
            }
            None => findings.push(Finding::error(
                1,
                format!("there is no stage `{target}`"),
                stage::names_hint(&stages),
            )),
        },
    }
    if stages.is_empty() && findings.is_empty() {
        findings.push(Finding::error(
            1,
            "there is no FROM",
            "begin with FROM and an image",
        ));
    }
    (Recipe { stages }, findings)
}

#[cfg(test)]
mod tests;
