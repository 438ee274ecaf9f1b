use std::collections::BTreeMap;

use super::lines::Instruction;
use super::words::{absolute, exec_form, flags};
use super::{Finding, Run};

/// Writes the body that `$1` holds to a file with its own `#!` line, runs it, and removes it.
const SCRIPT_WITH_INTERPRETER: &str = "f=$(mktemp) && printf %s \"$1\" >\"$f\" && chmod +x \"$f\" && \"$f\"; s=$?; rm -f \"$f\"; exit $s";

/// RUN. `None` after a fatal finding.
pub(super) fn read(
    instruction: &Instruction,
    shell: &[String],
    env: BTreeMap<String, String>,
    workdir: &str,
    user: Option<String>,
    findings: &mut Vec<Finding>,
) -> Option<Run> {
    let line = instruction.line;
    let (flags, text) = flags(&instruction.rest);
    let mut run = Run {
        argv: Vec::new(),
        text: text.to_string(),
        script: String::new(),
        env,
        workdir: workdir.to_string(),
        user,
        binds: Vec::new(),
    };
    for (name, values) in &flags {
        for value in values {
            match (name.as_str(), value.as_str()) {
                ("network", "default" | "host") | ("security", _) => {}
                ("mount", mount) => read_mount(line, mount, &mut run, findings)?,
                (other, value) => {
                    findings.push(Finding::error(
                        line,
                        format!("RUN --{other}={value} is not followed"),
                        "leave the option out, or say the command in x-ondol.prepare",
                    ));
                    return None;
                }
            }
        }
    }
    if text.is_empty() {
        findings.push(Finding::error(line, "RUN says no command", "write one"));
        return None;
    }
    match exec_form(text) {
        Some(argv) => run.argv = argv,
        None => shell_form(instruction, text, shell, &mut run),
    }
    if run.argv.is_empty() {
        findings.push(Finding::error(line, "RUN says no command", "write one"));
        return None;
    }
    Some(run)
}

fn shell_form(instruction: &Instruction, text: &str, shell: &[String], run: &mut Run) {
    run.script = text.to_string();
    if let [heredoc] = instruction.heredocs.as_slice() {
        let opened = text.trim_start_matches("<<").trim_start_matches('-');
        if opened.trim_matches(['\'', '"']) == heredoc.name {
            run.script.clone_from(&heredoc.body);
            run.text = format!("{text} {}", heredoc.body);
            if heredoc.body.starts_with("#!") {
                let words = [SCRIPT_WITH_INTERPRETER, "sh", &heredoc.body];
                run.argv = ["/bin/sh", "-c"]
                    .iter()
                    .chain(&words)
                    .map(ToString::to_string)
                    .collect();
                return;
            }
        }
    }
    if run.script == text {
        for heredoc in &instruction.heredocs {
            run.script.push('\n');
            run.script.push_str(&heredoc.body);
            run.script.push_str(&heredoc.name);
        }
        run.text.clone_from(&run.script);
    }
    run.argv = shell.to_vec();
    run.argv.push(run.script.clone());
}

/// `--mount`: a cache is only faster, so it is nothing here; files of the context are shown; secrets cannot be.
fn read_mount(line: u32, mount: &str, run: &mut Run, findings: &mut Vec<Finding>) -> Option<()> {
    let options: BTreeMap<&str, &str> = mount
        .split(',')
        .map(|option| option.split_once('=').unwrap_or((option, "")))
        .collect();
    let option = |names: &[&str]| names.iter().find_map(|name| options.get(name).copied());
    match option(&["type"]).unwrap_or("bind") {
        "cache" | "tmpfs" => Some(()),
        "bind" if option(&["from"]).is_none() => {
            let target = option(&["target", "dst", "destination"])?;
            let source = option(&["source", "src"]).unwrap_or(".");
            run.binds
                .push((source.to_string(), absolute(&run.workdir, target)));
            Some(())
        }
        other => {
            findings.push(Finding::error(
                line,
                format!("RUN --mount=type={other} is not followed"),
                "say the command in x-ondol.prepare, or use a container engine",
            ));
            None
        }
    }
}
