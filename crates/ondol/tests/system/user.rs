//! Without root: the same first command, and `ondol doctor` says what is missing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ondol_test::{TestDir, TestNode, program, wait_until};

use crate::ONDOL;
use crate::app::{App, SOON};
use crate::process;

/// Debian's `nobody` and `nogroup`.
const NOBODY: &str = "65534";

#[test]
fn a_person_without_root_starts_the_same_application() -> Result<()> {
    as_nobody(None)
}

#[test]
fn a_person_without_root_and_without_namespaces_starts_it_too() -> Result<()> {
    as_nobody(Some("none"))
}

/// A person without any right, and the binary as they start it.
pub(crate) struct Nobody {
    home: TestDir,
    pub(crate) ondol: PathBuf,
}

impl Nobody {
    /// `None` where this test cannot become somebody else.
    pub(crate) fn new() -> Result<Option<Nobody>> {
        if program("setpriv").is_none() || !process::is_root() {
            return Ok(None);
        }
        let home = TestDir::new()?;
        let ondol = door(&home)?;
        Ok(Some(Nobody { home, ondol }))
    }

    /// Gives them a node's state folder and an application.
    pub(crate) fn owns(&self, node: &mut TestNode, app: &Path) -> Result<()> {
        for folder in [self.home.path(), node.state(), app] {
            give(folder)?;
        }
        node.set("HOME", &self.home.path().to_string_lossy());
        // What Debian has: the toolchains of the person who tests are not theirs.
        node.set(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        Ok(())
    }
}

fn as_nobody(sandbox: Option<&str>) -> Result<()> {
    let Some(nobody) = Nobody::new()? else {
        return Ok(());
    };
    let mut app = App::with("shop", nobody.ondol.clone())?;
    let folder = app.folder().to_path_buf();
    nobody.owns(&mut app.node, &folder)?;
    if let Some(sandbox) = sandbox {
        app.node.set("ONDOL_SANDBOX", sandbox);
    }
    app.up()?;
    for name in ["web-1", "api-1", "db-1"] {
        let owner = fs::metadata(format!("/proc/{}", app.pid(name)?))?;
        use std::os::unix::fs::MetadataExt;
        assert_eq!(owner.uid().to_string(), NOBODY, "{name}");
    }
    assert_eq!(app.ask("/?of=API_URL")?["answer"]["service"], "api");
    assert_eq!(app.ask("/api/items")?["path"], "/items");
    // What OpenTelemetry's variables lead to is the telemetry of this node.
    assert_eq!(app.ask("/otel")?["told"], 200);
    let told = wait_until("what was told", SOON, || {
        let found = app
            .ok(["logs", "web", "--grep", "told by web"])
            .ok()?
            .stdout;
        found.contains("told by web").then_some(found)
    })?;
    assert!(told.contains("web-1"), "{told}");
    let findings = app.run(["doctor", "--json"])?.lines()?;
    let limited: Vec<_> = findings
        .iter()
        .filter(|finding| finding["level"] == "limited")
        .collect();
    assert!(!limited.is_empty(), "{findings:#?}");
    assert!(
        limited.iter().all(|finding| finding["hint"].is_string()),
        "{limited:#?}"
    );
    if sandbox == Some("none") {
        assert!(
            limited.iter().any(|finding| finding["found"]
                .as_str()
                .is_some_and(|found| found.contains("PORT"))),
            "{limited:#?}"
        );
    } else {
        assert_eq!(
            app.ask("/?url=http://api/by-name")?["answer"]["path"],
            "/by-name"
        );
    }
    app.finish()
}

/// A program that is the binary as nobody. The binary is copied: where it was built only root may look.
fn door(home: &TestDir) -> Result<PathBuf> {
    let copy = home.path().join("ondol-binary");
    fs::copy(ONDOL, &copy).context("the binary cannot be copied")?;
    let ids = format!("--reuid={NOBODY} --regid={NOBODY} --clear-groups");
    let script = format!("#!/bin/sh\nexec setpriv {ids} {} \"$@\"\n", copy.display());
    let door = home.write("ondol", script)?;
    for file in [&copy, &door] {
        fs::set_permissions(file, Permissions::from_mode(0o755))?;
    }
    Ok(door)
}

fn give(folder: &Path) -> Result<()> {
    let output = Command::new("chown")
        .args(["-R", &format!("{NOBODY}:{NOBODY}")])
        .arg(folder)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
