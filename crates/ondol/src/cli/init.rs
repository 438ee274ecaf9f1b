mod detect;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::args::InitArgs;
use super::failure::Failure;
use super::load::FILE_NAMES;
use super::out::Out;
use detect::Found;

pub(crate) fn init(args: InitArgs, out: &Out) -> Result<ExitCode, Failure> {
    let there = FILE_NAMES
        .iter()
        .map(|name| args.dir.join(name))
        .find(|path| path.exists());
    if let (Some(there), false) = (there, args.force) {
        return Err(
            Failure::error(format!("{} is there already", there.display()))
                .hint("`ondol up` runs it; --force writes a new one"),
        );
    }
    let found = detect::services(&args.dir)?;
    if found.is_empty() {
        return Err(Failure::error(format!(
            "nothing that can be run was found in {}",
            args.dir.display()
        ))
        .hint(format!(
            "looked for {} here and one folder below",
            detect::MARKS.join(", ")
        )));
    }
    let path = args.dir.join(FILE_NAMES[0]);
    fs::write(&path, compose(&found))
        .map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
    for service in &found {
        out.say(format_args!("{}: {}", service.name, service.why));
    }
    out.data(path.display());
    out.say("next: `ondol check` looks at it, `ondol up` runs it");
    Ok(ExitCode::SUCCESS)
}

/// The Compose file: plain, so that other tools read it too.
fn compose(found: &[Found]) -> String {
    let mut text = "# Written by `ondol init`; `ondol up` runs it.\nservices:\n".to_owned();
    for service in found {
        text += &format!(
            "  {}:\n    build: {}\n",
            service.name,
            quoted(&service.context)
        );
        if !service.dockerfile {
            text += &format!("    command: {}\n", service.command);
            text += "    x-ondol:\n      runtime: process\n";
            if let Some(prepare) = service.prepare {
                text += &format!("      prepare: {prepare}\n");
            }
        }
        // Without a number of its own each is published at one that is free.
        text += &format!("    ports: [\"{}\"]\n", service.port);
    }
    text
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    match text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'))
    {
        true => text,
        // JSON's strings are YAML's.
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests;
