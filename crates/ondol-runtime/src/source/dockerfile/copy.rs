use std::collections::BTreeMap;

use super::expand::Scope;
use super::lines::Instruction;
use super::words::{absolute, exec_form, flags};
use super::{Copy, CopyFrom, CopySource, Finding, Stage, stage};

/// COPY and ADD. `None` after a fatal finding.
pub(super) fn read(
    instruction: &Instruction,
    scope: &Scope<'_>,
    workdir: &str,
    stages: &[Stage],
    findings: &mut Vec<Finding>,
) -> Option<Copy> {
    let line = instruction.line;
    let (flags, operands) = flags(&instruction.rest);
    let from = source_of(line, &flags, scope, stages, findings)?;
    let mut copy = Copy {
        from,
        sources: Vec::new(),
        dest: String::new(),
        mode: None,
        owner: None,
        exclude: flags.get("exclude").cloned().unwrap_or_default(),
        parents: flags.contains_key("parents"),
        unpack: instruction.name == "ADD",
    };
    for (name, values) in &flags {
        let value = values.last().map(String::as_str).unwrap_or_default();
        match name.as_str() {
            "from" | "link" | "parents" | "exclude" => {}
            "chown" => copy.owner = said(scope.word(value), line, findings),
            "chmod" => copy.mode = mode(line, &said(scope.word(value), line, findings)?, findings),
            other => {
                findings.push(Finding::error(
                    line,
                    format!("{} --{other} is not followed", instruction.name),
                    "leave the option out, or do it in x-ondol.prepare",
                ));
                return None;
            }
        }
    }
    let words = match exec_form(operands) {
        Some(words) => words.iter().map(|word| scope.word(word)).collect(),
        None => scope.words(operands),
    };
    let mut words = said(words, line, findings)?;
    let dest = words.pop().filter(|_| !words.is_empty());
    let Some(dest) = dest else {
        findings.push(Finding::error(
            line,
            format!("{} needs a source and a destination", instruction.name),
            format!("write {} SOURCE DESTINATION", instruction.name),
        ));
        return None;
    };
    let as_folder = dest.ends_with('/') || dest == "." || dest.ends_with("/.") || words.len() > 1;
    copy.dest = absolute(workdir, &dest);
    if as_folder && copy.dest != "/" {
        copy.dest.push('/');
    }
    copy.sources = sources(instruction, words, scope, findings)?;
    Some(copy)
}

fn sources(
    instruction: &Instruction,
    words: Vec<String>,
    scope: &Scope<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Vec<CopySource>> {
    let line = instruction.line;
    let mut heredocs = instruction.heredocs.iter();
    let mut sources = Vec::new();
    for word in words {
        if word.starts_with("<<") {
            let heredoc = heredocs.next()?;
            let content = if heredoc.quoted {
                Ok(heredoc.body.clone())
            } else {
                scope.body(&heredoc.body)
            };
            let content = said(content, line, findings)?;
            sources.push(CopySource::Inline {
                name: heredoc.name.clone(),
                content,
            });
        } else if is_remote(&word) {
            findings.push(Finding::error(
                line,
                format!("ADD {word} fetches from the network"),
                "download it with a RUN line (curl, wget), or in x-ondol.prepare",
            ));
            return None;
        } else {
            sources.push(CopySource::Path(word));
        }
    }
    Some(sources)
}

fn source_of(
    line: u32,
    flags: &BTreeMap<String, Vec<String>>,
    scope: &Scope<'_>,
    stages: &[Stage],
    findings: &mut Vec<Finding>,
) -> Option<CopyFrom> {
    let Some(from) = flags.get("from").and_then(|values| values.last()) else {
        return Some(CopyFrom::Context);
    };
    let from = said(scope.word(from), line, findings)?;
    // The stage that is being read is the last one; only those before it can be copied from.
    let before = &stages[..stages.len().saturating_sub(1)];
    if let Some(at) = stage::find(before, &from) {
        return Some(CopyFrom::Stage(at));
    }
    findings.push(Finding::error(
        line,
        format!("COPY --from={from} copies out of an image"),
        "images are not unpacked: name the Debian packages that have these files in x-ondol.packages and leave \
         this line out of the target, or use a container engine",
    ));
    None
}

fn mode(line: u32, text: &str, findings: &mut Vec<Finding>) -> Option<u32> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777);
    if mode.is_none() {
        findings.push(Finding::warning(
            line,
            format!("--chmod={text} is not followed; the files keep their permissions"),
            "write it as an octal number, such as 755",
        ));
    }
    mode
}

fn is_remote(word: &str) -> bool {
    ["http://", "https://", "git://", "git@"]
        .iter()
        .any(|scheme| word.starts_with(scheme))
}

/// The value, or a fatal finding.
pub(super) fn said<T>(
    result: Result<T, String>,
    line: u32,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    result
        .map_err(|why| findings.push(Finding::error(line, why, "correct the line")))
        .ok()
}
