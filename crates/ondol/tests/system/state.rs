//! A state folder that is full, or cannot be written: services go on, and it is said what is wrong.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use ondol_test::get;

use crate::app::App;
use crate::process;

#[test]
fn with_a_full_disk_services_go_on_and_the_reason_is_said() -> Result<()> {
    let Some(mut app) = on_a_small_disk()? else {
        return Ok(());
    };
    let pids = app.pids()?;
    let full = app.node.state().join("full");
    fill(&full)?;
    assert_eq!(get(&app.edge("/"))?.text(), "one");
    let refused = app.run(["scale", "web=3"])?;
    assert_eq!(
        refused.code,
        Some(1),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    assert!(refused.stderr.contains("full"), "{}", refused.stderr);
    app.node.kill()?;
    assert_eq!(get(&app.edge("/"))?.text(), "one", "without a node too");
    // A node may be unable to begin, but the services do not mind.
    let began = app.node.serve();
    if let Err(error) = &began {
        assert!(format!("{error:#}").contains("full"), "{error:#}");
    }
    assert_eq!(get(&app.edge("/"))?.text(), "one");
    std::fs::remove_file(full)?;
    if began.is_err() {
        app.node.serve()?;
    }
    assert_eq!(app.pids()?, pids);
    app.ok(["scale", "web=3"])?;
    app.wait_for("web-3", "to be ready", |web| web["phase"] == "ready")?;
    app.finish()
}

#[test]
fn with_a_state_folder_that_cannot_be_written_services_go_on_and_the_reason_is_said() -> Result<()>
{
    if !process::is_root() {
        return Ok(());
    }
    let mut app = App::new("pair")?;
    app.node.serve()?;
    app.up()?;
    let pids = app.pids()?;
    // What is open stays open, as on a disk that the kernel found broken; what is opened from now on is refused.
    let state = app.node.state().to_owned();
    mount(&["--bind", &state.to_string_lossy()], &state)?;
    mount(&["-o", "remount,bind,ro"], &state)?;
    assert_eq!(get(&app.edge("/"))?.text(), "one");
    let refused = app.run(["scale", "web=3"])?;
    assert_eq!(
        refused.code,
        Some(1),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    app.node.kill()?;
    let said = app.run(["serve"])?;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(
        said.stderr.contains(&*app.node.state().to_string_lossy()),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("cannot be written"), "{}", said.stderr);
    assert!(said.stderr.contains("help:"), "{}", said.stderr);
    assert_eq!(get(&app.edge("/"))?.text(), "one");
    umount(&state)?;
    app.node.serve()?;
    assert_eq!(app.pids()?, pids);
    app.finish()
}

/// Two replicas that answer, of a node whose state folder is a disk of 16 MB; `None` where this test cannot be done.
fn on_a_small_disk() -> Result<Option<App>> {
    if !process::is_root() {
        return Ok(None);
    }
    let mut app = App::new("pair")?;
    mount(
        &["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs"],
        app.node.state(),
    )?;
    app.node.serve()?;
    app.up()?;
    Ok(Some(app))
}

fn mount(arguments: &[&str], at: &Path) -> Result<()> {
    let output = Command::new("mount").args(arguments).arg(at).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn umount(at: &Path) -> Result<()> {
    let output = Command::new("umount").arg(at).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Writes until nothing more fits.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    for size in [1 << 16, 1 << 9, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    Ok(())
}
