use std::collections::BTreeMap;

use super::copy::said;
use super::expand::{Scope, split};
use super::lines::Instruction;
use super::words::absolute;
use super::{Finding, STAGES_MAX, Stage, Step, StepKind, copy, run};

/// BuildKit's predefined build arguments that need no ARG line ("Predefined ARGs").
const PROXY_ARGS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Takes instructions one by one and grows stages.
pub(super) struct Reader<'a> {
    pub(super) stages: Vec<Stage>,
    escape: char,
    given: &'a BTreeMap<String, String>,
    /// ARG before the first FROM.
    global: BTreeMap<String, String>,
    /// ARG since the last FROM.
    args: BTreeMap<String, String>,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// The index of the stage that `name` means: its name, or its number.
pub(super) fn find(stages: &[Stage], name: &str) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    stages
        .iter()
        .rposition(|stage| stage.name.as_deref() == Some(&lower))
        .or_else(|| name.parse().ok().filter(|at| *at < stages.len()))
}

pub(super) fn names_hint(stages: &[Stage]) -> String {
    let names: Vec<_> = stages
        .iter()
        .filter_map(|stage| stage.name.as_deref())
        .collect();
    if names.is_empty() {
        "name one with FROM ... AS".into()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        escape: char,
        given: &'a BTreeMap<String, String>,
        findings: &'a mut Vec<Finding>,
    ) -> Self {
        let global = platform_args();
        Reader {
            stages: Vec::new(),
            escape,
            given,
            global,
            args: BTreeMap::new(),
            findings,
        }
    }

    pub(super) fn take(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        match instruction.name.as_str() {
            "FROM" => self.from(instruction),
            "ARG" => self.arg(instruction),
            _ if self.stages.is_empty() => self.error(
                line,
                format!("{} comes before the first FROM", shown(&instruction.name)),
                "begin with FROM and an image",
            ),
            "COPY" | "ADD" => self.copy(instruction),
            "RUN" => self.run(instruction),
            "ENV" => self.env(instruction),
            "LABEL" => {
                let pairs = self.pairs(instruction);
                self.stage(|stage| stage.labels.extend(pairs));
            }
            "WORKDIR" => self.workdir(instruction),
            "EXPOSE" => self.expose(instruction),
            "ONBUILD" => self.onbuild(instruction),
            "MAINTAINER" => {}
            _ => self.setting(instruction),
        }
    }

    pub(super) fn error(&mut self, line: u32, what: impl Into<String>, help: &str) {
        self.findings.push(Finding::error(line, what, help));
    }

    pub(super) fn stage(&mut self, change: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.stages.last_mut() {
            change(stage);
        }
    }

    fn scope_env(&self) -> BTreeMap<String, String> {
        self.stages
            .last()
            .map(|stage| stage.env.clone())
            .unwrap_or_default()
    }

    pub(super) fn word(&mut self, line: u32, text: &str) -> Option<String> {
        let env = self.scope_env();
        let scope = Scope {
            env: &env,
            args: &self.args,
            escape: self.escape,
        };
        said(scope.word(text), line, self.findings)
    }

    pub(super) fn words(&mut self, line: u32, text: &str) -> Vec<String> {
        let env = self.scope_env();
        let scope = Scope {
            env: &env,
            args: &self.args,
            escape: self.escape,
        };
        said(scope.words(text), line, self.findings).unwrap_or_default()
    }

    fn from(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        if self.stages.len() == STAGES_MAX {
            self.error(
                line,
                format!("more than {STAGES_MAX} stages"),
                "split the file",
            );
            return;
        }
        self.args.clear();
        let empty = BTreeMap::new();
        let scope = Scope {
            env: &empty,
            args: &self.global,
            escape: self.escape,
        };
        let (_, operands) = super::words::flags(&instruction.rest);
        let words = said(scope.words(operands), line, self.findings).unwrap_or_default();
        let (base, name) = match words.as_slice() {
            [base] if !base.is_empty() => (base.clone(), None),
            [base, word, name] if word.eq_ignore_ascii_case("as") && !base.is_empty() => {
                (base.clone(), Some(name.to_ascii_lowercase()))
            }
            _ => {
                self.error(
                    line,
                    "FROM names no image",
                    "write FROM IMAGE, or FROM IMAGE AS NAME",
                );
                ("scratch".into(), None)
            }
        };
        let mut stage = Stage {
            name,
            line,
            base,
            ..Stage::default()
        };
        let mut triggers = Vec::new();
        // A stage's own number is no name for FROM.
        if let Some(parent) =
            find(&self.stages, &stage.base).filter(|_| stage.base.parse::<usize>().is_err())
        {
            let parent = self.stages[parent].clone();
            triggers.clone_from(&parent.onbuild);
            stage = Stage {
                name: stage.name,
                line,
                onbuild: Vec::new(),
                cmd_is_own: false,
                ..parent
            };
        }
        self.stages.push(stage);
        for trigger in &triggers {
            self.take(trigger);
        }
    }

    fn arg(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        for word in split(&instruction.rest, self.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name.to_string(), Some(default.to_string())),
                None => (word, None),
            };
            let default = match default {
                Some(text) if self.stages.is_empty() => {
                    let empty = BTreeMap::new();
                    let scope = Scope {
                        env: &empty,
                        args: &self.global,
                        escape: self.escape,
                    };
                    said(scope.word(&text), line, self.findings)
                }
                Some(text) => self.word(line, &text),
                None => self.global.get(&name).cloned(),
            };
            if let Some(value) = self.given.get(&name).cloned().or(default) {
                let args = if self.stages.is_empty() {
                    &mut self.global
                } else {
                    &mut self.args
                };
                args.insert(name, value);
            }
        }
    }

    fn copy(&mut self, instruction: &Instruction) {
        let env = self.scope_env();
        let scope = Scope {
            env: &env,
            args: &self.args,
            escape: self.escape,
        };
        let workdir = self.here();
        let copy = copy::read(instruction, &scope, &workdir, &self.stages, self.findings);
        self.step(instruction.line, copy.map(StepKind::Copy));
    }

    fn run(&mut self, instruction: &Instruction) {
        let mut env = self.args.clone();
        for name in PROXY_ARGS {
            if let Some(value) = self.given.get(name) {
                env.insert(name.into(), value.clone());
            }
        }
        env.extend(self.scope_env());
        let (shell, workdir) = (self.shell(), self.here());
        let user = self.stages.last().and_then(|stage| stage.user.clone());
        let run = run::read(instruction, &shell, env, &workdir, user, self.findings);
        self.step(instruction.line, run.map(StepKind::Run));
    }

    fn step(&mut self, line: u32, kind: Option<StepKind>) {
        if let Some(kind) = kind {
            self.stage(|stage| stage.steps.push(Step { line, kind }));
        }
    }

    fn here(&self) -> String {
        let workdir = self.stages.last().and_then(|stage| stage.workdir.clone());
        workdir.unwrap_or_else(|| "/".into())
    }

    pub(super) fn shell(&self) -> Vec<String> {
        let shell = self.stages.last().and_then(|stage| stage.shell.clone());
        shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()])
    }

    fn env(&mut self, instruction: &Instruction) {
        let pairs = self.pairs(instruction);
        self.stage(|stage| stage.env.extend(pairs));
    }

    /// `a=b c="d e"`, or the old form `a b c`.
    fn pairs(&mut self, instruction: &Instruction) -> Vec<(String, String)> {
        let line = instruction.line;
        let raw = split(&instruction.rest, self.escape);
        let old_form = raw.first().is_some_and(|word| !word.contains('='));
        if old_form {
            let (name, value) = instruction
                .rest
                .split_once(char::is_whitespace)
                .unwrap_or_default();
            if name.is_empty() {
                self.error(
                    line,
                    format!("{} gives no value", instruction.name),
                    "write NAME=VALUE",
                );
                return Vec::new();
            }
            let value = self.word(line, value.trim()).unwrap_or_default();
            return vec![(name.to_string(), value)];
        }
        let mut pairs = Vec::new();
        for word in raw {
            match word.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    let name = self.word(line, name).unwrap_or_default();
                    pairs.push((name, self.word(line, value).unwrap_or_default()));
                }
                _ => self.error(
                    line,
                    format!("`{}` is not NAME=VALUE", shown(&word)),
                    "quote values with blanks",
                ),
            }
        }
        pairs
    }

    fn workdir(&mut self, instruction: &Instruction) {
        if let Some(path) = self.word(instruction.line, &instruction.rest) {
            let path = absolute(&self.here(), &path);
            self.stage(|stage| stage.workdir = Some(path.clone()));
            self.step(instruction.line, Some(StepKind::Folder(path)));
        }
    }

    fn onbuild(&mut self, instruction: &Instruction) {
        let (name, rest) = instruction
            .rest
            .split_once(char::is_whitespace)
            .unwrap_or_default();
        let trigger = Instruction {
            line: instruction.line,
            name: name.to_ascii_uppercase(),
            rest: rest.trim().to_string(),
            heredocs: instruction.heredocs.clone(),
        };
        if matches!(trigger.name.as_str(), "" | "ONBUILD" | "FROM") {
            self.error(
                instruction.line,
                "ONBUILD needs an instruction other than FROM and ONBUILD",
                "write one",
            );
        } else {
            self.stage(|stage| stage.onbuild.push(trigger));
        }
    }
}

fn platform_args() -> BTreeMap<String, String> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let platform = format!("linux/{arch}");
    ["TARGET", "BUILD"]
        .iter()
        .flat_map(|side| {
            [
                (format!("{side}PLATFORM"), platform.clone()),
                (format!("{side}OS"), "linux".to_string()),
                (format!("{side}ARCH"), arch.to_string()),
            ]
        })
        .collect()
}

pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
