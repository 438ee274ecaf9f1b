//! What is done before a service's process starts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use ondol_test::wait_until;

use crate::app::{App, SOON};
use crate::process;

const ONCE: &str = "once step nobody /tmp";
const EACH: &str = "each service";

#[test]
fn steps_run_once_for_the_service_or_before_each_start_of_a_replica() -> Result<()> {
    let app = app()?;
    app.up()?;
    assert_eq!(done(&app), [ONCE, EACH, EACH]);

    app.ok(["scale", "web=3"])?;
    app.wait_for("web-3", "to be ready", |web| web["phase"] == "ready")?;
    assert_eq!(done(&app), [ONCE, EACH, EACH, EACH], "one replica more");

    process::kill(app.pid("web-1")?)?;
    app.wait_for("web-1", "to start again", |web| web["restarts"] == 1)?;
    let again = || (done(&app).len() == 5).then_some(());
    wait_until("the restarted replica's own step", SOON, again)?;
    assert_eq!(done(&app)[4], EACH);

    app.edit("compose.yaml", "EDITION: one", "EDITION: two")?;
    app.up()?;
    let once = done(&app).iter().filter(|line| *line == ONCE).count();
    assert_eq!(once, 2, "a new definition: {:?}", done(&app));
    app.finish()
}

#[test]
fn a_failed_step_keeps_the_service_from_starting_and_why_tells_its_words() -> Result<()> {
    let app = app()?;
    fs::write(app.dir.join("shared/broken"), "")?;
    let up = app.run(["up", "--wait", "--wait-timeout", "60"])?;
    assert_eq!(up.code, Some(1), "{}", up.stderr);
    let why = app.ok(["why", "web"])?.stdout;
    for words in [
        "its pre_start step `sh -c",
        "failed: exit 3, and said: looking / no database here",
        "started again in",
    ] {
        assert!(why.contains(words), "`{words}` is not in: {why}");
    }
    assert!(app.pids()?.is_empty(), "{:?}", app.pids()?);

    fs::remove_file(app.dir.join("shared/broken"))?;
    for name in ["web-1", "web-2"] {
        app.wait_for(name, "to be ready", |web| web["phase"] == "ready")?;
    }
    assert_eq!(done(&app)[done(&app).len() - 2..], [EACH, EACH]);
    app.finish()
}

/// With a folder that everybody may write to.
fn app() -> Result<App> {
    let app = App::new("steps")?;
    let shared = app.dir.join("shared");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777))?;
    // Made by the test: steps run as different users.
    fs::write(shared.join("done"), "")?;
    fs::set_permissions(shared.join("done"), fs::Permissions::from_mode(0o666))?;
    Ok(app)
}

fn done(app: &App) -> Vec<String> {
    let text = fs::read_to_string(app.dir.join("shared/done")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
