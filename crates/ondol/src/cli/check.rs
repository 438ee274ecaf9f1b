use std::collections::BTreeMap;
use std::process::ExitCode;

use ondol_compose::{KeyReport, KeyUse};

use super::args::{CheckArgs, ProjectArgs};
use super::failure::{Failure, INVALID};
use super::load;
use super::out::{Colour, Out};

pub(crate) fn check(files: &ProjectArgs, args: CheckArgs, out: &Out) -> Result<ExitCode, Failure> {
    let mut files = files.clone();
    files.files.extend(args.path);
    let loaded = load::load(&files, &[])?;
    if !loaded.diagnostics.is_empty() {
        load::say(&loaded, out)?;
    }
    if out.json {
        loaded.keys.iter().try_for_each(|key| out.object(key))?;
    } else {
        say_keys(&loaded.keys, out);
    }
    let code = if loaded.has_errors() { INVALID } else { 0 };
    Ok(ExitCode::from(code))
}

/// How many keys are acted on, and each that is not.
fn say_keys(keys: &[KeyReport], out: &Out) {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key.usage).or_insert(0) += 1;
    }
    for (usage, colour, words) in [
        (KeyUse::ActedOn, Colour::Green, "acted on"),
        (
            KeyUse::EngineOnly,
            Colour::Yellow,
            "for a container engine only",
        ),
        (KeyUse::NotActedOn, Colour::Red, "not acted on"),
    ] {
        let count = counts.get(&usage).copied().unwrap_or(0);
        out.data(format_args!("{count:4} keys {}", out.paint(colour, words)));
        for key in keys
            .iter()
            .filter(|key| key.usage == usage && usage != KeyUse::ActedOn)
        {
            let line = key
                .place
                .as_ref()
                .map(|place| format!(" (line {})", place.line))
                .unwrap_or_default();
            let reason = key
                .reason
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            out.data(format_args!("       {}{line}{reason}", key.path));
        }
    }
}
