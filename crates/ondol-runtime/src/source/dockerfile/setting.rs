//! The instructions that only set one thing of a stage.

use super::copy::said;
use super::health;
use super::lines::Instruction;
use super::stage::{Reader, shown};
use super::words::exec_form;

impl Reader<'_> {
    /// Takes one of them; anything else is no instruction.
    pub(super) fn setting(&mut self, instruction: &Instruction) {
        let (line, rest) = (instruction.line, instruction.rest.as_str());
        let in_shell = |reader: &Self| {
            exec_form(rest).unwrap_or_else(|| [reader.shell(), vec![rest.to_string()]].concat())
        };
        match instruction.name.as_str() {
            "USER" => {
                let user = self.word(line, rest);
                self.stage(|stage| stage.user = user);
            }
            "STOPSIGNAL" => {
                let signal = self.word(line, rest);
                self.stage(|stage| stage.stop_signal = signal);
            }
            "VOLUME" => {
                let volumes = exec_form(rest).unwrap_or_else(|| self.words(line, rest));
                self.stage(|stage| stage.volumes.extend(volumes));
            }
            "CMD" => {
                let cmd = in_shell(self);
                self.stage(|stage| (stage.cmd, stage.cmd_is_own) = (Some(cmd), true));
            }
            "ENTRYPOINT" => {
                let entrypoint = in_shell(self);
                let is_shell_form = exec_form(rest).is_none();
                self.stage(|stage| {
                    stage.entrypoint = Some(entrypoint);
                    // "If CMD is defined from the base image, setting ENTRYPOINT will reset CMD."
                    if !stage.cmd_is_own || is_shell_form {
                        stage.cmd = None;
                    }
                });
            }
            "SHELL" => match exec_form(rest).filter(|shell| !shell.is_empty()) {
                Some(shell) => self.stage(|stage| stage.shell = Some(shell)),
                None => self.error(
                    line,
                    "SHELL is not a JSON list",
                    r#"write SHELL ["/bin/bash", "-c"]"#,
                ),
            },
            "HEALTHCHECK" => {
                let shell = self.shell();
                if let Some(check) = said(health::read(rest, &shell), line, self.findings) {
                    self.stage(|stage| stage.healthcheck = check);
                }
            }
            other => {
                let what = format!("`{}` is not a Dockerfile instruction", shown(other));
                self.error(line, what, "check its spelling");
            }
        }
    }

    pub(super) fn expose(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        for word in self.words(line, &instruction.rest) {
            let (port, transport) = word.split_once('/').unwrap_or((&word, "tcp"));
            let (first, last) = port.split_once('-').unwrap_or((port, port));
            match (first.parse::<u16>(), last.parse::<u16>()) {
                (Ok(first), Ok(last)) if first <= last && last - first < 100 => {
                    if transport.eq_ignore_ascii_case("tcp") {
                        self.stage(|stage| {
                            for port in first..=last {
                                if !stage.expose.contains(&port) {
                                    stage.expose.push(port);
                                }
                            }
                        });
                    }
                }
                _ => self.error(
                    line,
                    format!("`{}` is not a port", shown(&word)),
                    "write EXPOSE 80, or 80/tcp",
                ),
            }
        }
    }
}
