//! The documentation tells the truth: its commands are typed.

use std::fs;

use anyhow::{Context, Result};
use ondol_test::{Scene, TestDir, TestNode, play, scenes};

use crate::{ONDOL, project};

#[test]
fn commands_in_the_documentation_do_what_it_says() -> Result<()> {
    let mut pages = vec![project().join("README.md")];
    pages.extend(
        fs::read_dir(project().join("docs"))?
            .flatten()
            .map(|entry| entry.path()),
    );
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut played = 0;
    for page in pages {
        let scenes = scenes(&fs::read_to_string(&page)?);
        if !scenes
            .iter()
            .any(|scene| matches!(scene, Scene::Command { .. }))
        {
            continue;
        }
        let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
        play(&scenes, &node, folder.path()).with_context(|| page.display().to_string())?;
        node.stop()?;
        played += 1;
    }
    assert!(played > 0, "no page has commands to run");
    Ok(())
}
