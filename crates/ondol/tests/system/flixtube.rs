//! What a newcomer does first: start the example, watch a film, add one, look at what was watched.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::{
    TestBrowser, TestDir, TestNode, get, play, program, request, scenes, skipped, wait_until,
};
use serde_json::Value;

use crate::app::json_of;
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

#[test]
fn the_example_runs_without_namespaces_too() -> Result<()> {
    let folder = TestDir::new()?;
    let app = folder.copy_of(&project().join("examples/flixtube"))?;
    let mut node = TestNode::absent(ONDOL)?;
    node.set("ONDOL_SANDBOX", "none");
    story_by_requests(&app, node)
}

#[test]
fn the_example_runs_without_namespaces_for_a_person_without_root() -> Result<()> {
    let Some(nobody) = Nobody::new()? else {
        return Ok(());
    };
    let folder = TestDir::new()?;
    let app = folder.copy_of(&project().join("examples/flixtube"))?;
    let mut node = TestNode::absent(nobody.ondol.clone())?;
    nobody.owns(&mut node, folder.path())?;
    node.set("ONDOL_SANDBOX", "none");
    story_by_requests(&app, node)
}

#[test]
fn its_services_pass_their_own_tests_and_share_what_they_share() -> Result<()> {
    let Some(node) = program("node") else {
        skipped("the services' own tests need node");
        return Ok(());
    };
    let folder = TestDir::new()?;
    let app = folder.copy_of(&project().join("examples/flixtube"))?;
    // Those of `web` also compare the files of which several services have a copy, the Python ones among them.
    for service in ["web", "video-streaming", "video-upload"] {
        let mut tests = Command::new(&node);
        let done = tests
            .args(["--test", "test/"])
            .current_dir(app.join(service));
        let done = done.output()?;
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{service}: {said}");
        assert!(!said.contains("# tests 0"), "{service}: {said}");
    }
    let mut tests = Command::new(env!("CARGO"));
    let done = tests.args(["test", "--locked", "--offline"]);
    let done = done
        .current_dir(app.join("video-storage"))
        .env_remove("CARGO_TARGET_DIR");
    let done = done.output()?;
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// The same story as a browser asks for it: a page, a part of a film, an upload, what was watched.
fn story_by_requests(app: &Path, node: TestNode) -> Result<()> {
    node.ok(app, ["up", "--wait", "--wait-timeout", "900"])?;
    let page = get(&format!("{EDGE}/"))?;
    assert_eq!(page.status, 200, "{}", node.logs());
    assert!(page.text().contains("Paper sea"), "{}", page.text());

    let film = std::fs::read(app.join("seed/clips/paper-sea.webm"))?;
    let range = [("range", "bytes=1000-1999")];
    let part = request("GET", &format!("{EDGE}/stream/paper-sea"), &range, b"")?;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, film[1000..2000]);
    let all = get(&format!("{EDGE}/stream/paper-sea?view=by-a-test"))?;
    assert_eq!(all.body, film);
    let seen = wait_until("the view to be remembered", SOON, || {
        let seen = json_of(&get(&format!("{EDGE}/api/history")).ok()?).ok()?;
        (!seen["views"].as_array()?.is_empty()).then_some(seen)
    })?;
    assert_eq!(seen["views"].as_array().map(Vec::len), Some(1), "{seen}");
    follow(app, &node)?;

    let mut form = b"--edge\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nMade by a test\r\n--edge\r\n\
        content-disposition: form-data; name=\"video\"; filename=\"a.webm\"\r\n\r\n"
        .to_vec();
    form.extend(&film);
    form.extend(b"\r\n--edge--\r\n");
    let kind = [("content-type", "multipart/form-data; boundary=edge")];
    let added = request("POST", &format!("{EDGE}/upload"), &kind, &form)?;
    assert!(added.text().contains("Made by a test"), "{}", added.text());
    let library = json_of(&get(&format!("{EDGE}/api/videos"))?)?;
    assert_eq!(library["videos"].as_array().map(Vec::len), Some(4));

    // What the example's own page says about failures is true.
    let page = std::fs::read_to_string(app.join("README.md"))?;
    play(&scenes(&page), &node, app)?;

    node.ok(app, ["down", "--volumes"])?;
    node.stop()
}

/// One request, through every service that has a part in it, with what each of them wrote about it.
fn follow(app: &Path, node: &TestNode) -> Result<()> {
    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{ID}-00f067aa0ba902b7-01");
    let film = format!("{EDGE}/stream/paper-sea?view=followed");
    let watched = request("GET", &film, &[("traceparent", &parent)], b"")?;
    assert_eq!(watched.status, 200);
    let shown = wait_until("every hop with its lines", SOON, || {
        let shown = node.ok(app, ["trace", ID]).ok()?.stdout;
        let steps = steps(&shown);
        // A film is fetched in pieces, each a hop of its own, and the view is announced beside them.
        (steps.len() >= 8).then_some(steps)
    });
    let shown = shown.with_context(|| format!("{:?}", node.run(app, ["trace", ID])))?;
    let expected = [
        "video-streaming-1: GET /stream/paper-sea",
        "video-streaming-1 wrote: GET /stream/paper-sea 200",
        "video-storage-1:   HEAD /blobs/paper-sea",
        "video-storage-1 wrote: HEAD /blobs/paper-sea 200",
        "video-storage-1:   GET /blobs/paper-sea",
        "video-storage-1 wrote: GET /blobs/paper-sea 206",
        "history-1:   POST /views",
        "history-1 wrote: POST /views 201",
    ];
    assert_eq!(shown, expected);
    Ok(())
}

/// Hops and lines of a waterfall, without moments and bars.
fn steps(shown: &str) -> Vec<String> {
    let (mut replica, mut column) = ("", None);
    let mut steps = Vec::new();
    for line in shown.lines().skip(1) {
        if let Some((_, json)) = line.split_once('{') {
            let said: Value = serde_json::from_str(&format!("{{{json}")).unwrap_or_default();
            let word = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            let (method, path) = (word("method"), word("path"));
            steps.push(format!(
                "{replica} wrote: {method} {path} {}",
                said["status"]
            ));
        } else if let Some((who, rest)) = line.split_once("  ") {
            let begin = line.len() - rest.trim_start().len();
            let depth = begin - *column.get_or_insert(begin);
            let name = rest.trim_start().split("  ").next().unwrap_or_default();
            replica = who;
            steps.push(format!("{who}: {:depth$}{name}", ""));
        }
    }
    steps
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
