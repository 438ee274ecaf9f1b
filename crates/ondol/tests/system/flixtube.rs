//! What a newcomer does first: start the example, watch a film, add one, look at what was watched.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ondol_test::{TestBrowser, TestDir, TestNode, wait_until};

use crate::user::Nobody;
use crate::{ONDOL, project};

const EDGE: &str = "http://127.0.0.1:8080";
const SOON: Duration = Duration::from_secs(30);

#[test]
fn the_example_plays_a_film_takes_an_upload_and_remembers_what_was_watched() -> Result<()> {
    let Some(browser) = TestBrowser::open()? else {
        return Ok(());
    };
    let folder = TestDir::new()?;
    let app = folder.copy_of(&project().join("examples/flixtube"))?;
    story(&browser, &app, TestNode::absent(ONDOL)?)
}

#[test]
fn the_example_does_the_same_for_a_person_without_root() -> Result<()> {
    let Some(browser) = TestBrowser::open()? else {
        return Ok(());
    };
    let Some(nobody) = Nobody::new()? else {
        return Ok(());
    };
    let folder = TestDir::new()?;
    let app = folder.copy_of(&project().join("examples/flixtube"))?;
    let mut node = TestNode::absent(nobody.ondol.clone())?;
    nobody.owns(&mut node, folder.path())?;
    story(&browser, &app, node)
}

/// What a newcomer does, from the first command to the last.
fn story(browser: &TestBrowser, app: &Path, node: TestNode) -> Result<()> {
    // Dependencies are installed and a service in Rust is compiled before the first start.
    node.ok(app, ["up", "--wait", "--wait-timeout", "900"])?;

    browser.goto(EDGE)?;
    browser.wait_for("[data-testid=hero]", SOON)?;
    assert_eq!(count(browser, "video-card")?, 3, "{}", node.logs());
    browser.click("[data-testid=video-card] a")?;
    plays(browser)?;

    browser.goto(&format!("{EDGE}/history"))?;
    browser.wait_for("[data-testid=history-item]", SOON)?;
    assert_eq!(count(browser, "history-item")?, 1);

    browser.goto(EDGE)?;
    browser.click("[data-testid=upload-open]")?;
    let clip = app.join("seed/clips/paper-sea.webm");
    browser.write("[data-testid=upload-input]", &clip.to_string_lossy())?;
    browser.wait_for("[data-testid=upload-frames] button", SOON)?;
    browser
        .script("document.querySelector('[data-testid=upload-title]').value = 'Made by a test'")?;
    browser.click("[data-testid=upload-submit]")?;
    browser.wait_for("[data-testid=upload-watch]", SOON)?;
    browser.click("[data-testid=upload-watch]")?;
    browser.wait_for_text("[data-testid=watch-title]", "Made by a test", SOON)?;
    plays(browser)?;

    browser.goto(EDGE)?;
    browser.wait_for_text("[data-testid=library]", "Made by a test", SOON)?;
    assert_eq!(count(browser, "video-card")?, 4);

    node.ok(app, ["down", "--volumes"])?;
    node.stop()
}

fn count(browser: &TestBrowser, testid: &str) -> Result<usize> {
    let found = browser.script(&format!(
        "return document.querySelectorAll('[data-testid={testid}]').length"
    ))?;
    Ok(usize::try_from(found.as_u64().unwrap_or_default())?)
}

/// Pictures arrive and time passes.
fn plays(browser: &TestBrowser) -> Result<()> {
    browser.wait_for("[data-testid=player]", SOON)?;
    wait_until("the film to play", SOON, || {
        let playing = "const p = document.querySelector('[data-testid=player]'); return p.videoWidth > 0 && p.currentTime > 0.3";
        browser.script(playing).ok()?.as_bool()?.then_some(())
    })
}
