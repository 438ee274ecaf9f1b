//! A short soak; `cargo xtask soak` is the long one.

use std::path::Path;

use anyhow::Result;
use ondol_test::{Soak, verdict};

use crate::ONDOL;
use crate::app::free_port;

#[test]
fn traffic_of_all_kinds_fails_nobody_and_leaves_nothing_in_memory() -> Result<()> {
    let Some(mut soak) = Soak::start(Path::new(ONDOL), free_port()?)? else {
        return Ok(());
    };
    let mut rounds = Vec::new();
    for _ in 0..6 {
        rounds.push(soak.round(2)?);
    }
    soak.finish()?;
    verdict(&rounds)
}
