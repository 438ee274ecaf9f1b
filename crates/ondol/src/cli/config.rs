use std::process::ExitCode;

use serde_json::json;

use super::args::{ConfigArgs, ProjectArgs};
use super::failure::{Failure, INVALID};
use super::load;
use super::out::Out;

pub(crate) fn config(
    files: &ProjectArgs,
    args: ConfigArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let loaded = load::load(files, &[])?;
    if !loaded.diagnostics.is_empty() {
        load::say(&loaded, out)?;
    }
    let project = loaded.project.ok_or(Failure::said(INVALID))?;
    if args.services && out.json {
        let mut names = project.services.keys();
        names.try_for_each(|name| out.object(&json!({"service": name})))?;
    } else if args.services {
        project.services.keys().for_each(|name| out.data(name));
    } else if out.json {
        out.object(&loaded.resolved.to_json())?;
    } else if !args.quiet {
        out.data(loaded.resolved.to_yaml().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
