//! `cargo xtask openmetrics DIR`: the cases of the OpenMetrics project, each a folder with a page (`metrics`) and what
//! is to come of it (`test.json`).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::say;

#[derive(Args)]
pub(crate) struct Options {
    /// The folder of the cases.
    dir: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    /// The page, beside this file.
    file: String,
    should_parse: bool,
}

/// Runs each case; all of them must pass.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (mut passed, mut all) = (0, 0);
    for folder in folders(&options.dir)? {
        let name = folder.file_name().unwrap_or_default().display().to_string();
        all += 1;
        match verdict(&folder) {
            Ok(()) => passed += 1,
            Err(error) => say::line(&format!("FAILED {name}: {error:#}")),
        }
    }
    ensure!(all > 0, "no cases in {}", options.dir.display());
    // The last line, also when some fail.
    let sum = format!("passed {passed} of {all}");
    say::line(&sum);
    if passed < all {
        std::process::exit(1);
    }
    Ok(())
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("test.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn verdict(folder: &Path) -> Result<()> {
    let case = fs::read(folder.join("test.json")).context("test.json cannot be read")?;
    let case: Case = serde_json::from_slice(&case).context("test.json is not what it should be")?;
    let page = fs::read(folder.join(&case.file)).context("the page cannot be read")?;
    match ondol_telemetry::check(&page) {
        Ok(()) if !case.should_parse => bail!("was taken, expected a mistake to be found"),
        Err(error) if case.should_parse => bail!("expected to be taken: {error}"),
        _ => Ok(()),
    }
}
