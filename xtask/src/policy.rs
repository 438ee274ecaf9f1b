//! The dependency policy of `deny.toml`, checked from `cargo metadata`.
//!
//! The file is cargo-deny's own format, so whoever has that tool can run it too; building it costs
//! minutes, and what we ask of it is small: licences, sources, bans and duplicates.

mod rules;
mod wanted;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::metadata::Metadata;
use crate::{say, tree};

use self::wanted::Wanted;

/// Checks every package that the project can be built with.
pub(crate) fn run() -> Result<()> {
    let root = tree::root();
    let text = fs::read_to_string(root.join("deny.toml")).context("deny.toml cannot be read")?;
    let wanted: Wanted = toml::from_str(&text).context("deny.toml is not what we expect")?;
    let metadata = Metadata::of(&root)?;
    let complaints = rules::check(&wanted, &metadata.packages);
    for complaint in &complaints {
        say::line(&format!("policy: {complaint}"));
    }
    match complaints.len() {
        0 => {
            say::line(&format!(
                "policy: {} packages are as deny.toml wants them",
                metadata.packages.len()
            ));
            Ok(())
        }
        count => bail!(
            "dependencies that are not as deny.toml wants them: {count}; exceptions have their place there"
        ),
    }
}
