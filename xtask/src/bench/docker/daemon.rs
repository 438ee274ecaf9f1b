use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ondol_test::{TestDir, end_all, processes_of, unmount_all, wait_until};

use crate::command;

const START: Duration = Duration::from_secs(60);

/// A Docker daemon with everything of it in one folder, and an image made of busybox alone.
pub(crate) struct Daemon {
    dir: TestDir,
    child: Option<Child>,
}

impl Daemon {
    pub(crate) fn start() -> Result<Self> {
        let mut daemon = Daemon {
            dir: TestDir::new()?,
            child: None,
        };
        daemon.serve()?;
        daemon.import()?;
        fs::create_dir(daemon.folder())?;
        Ok(daemon)
    }

    /// Starts dockerd, also again after [`Daemon::kill`], and waits until it answers.
    pub(crate) fn serve(&mut self) -> Result<()> {
        let path = |name: &str| self.dir.path().join(name);
        let log = File::options()
            .create(true)
            .append(true)
            .open(path("dockerd.log"))?;
        // What a crashed one leaves would stop the next.
        for left in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(path(left));
        }
        let child = Command::new("dockerd")
            .args([
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--storage-driver=vfs",
            ])
            .arg("--exec-opt=native.cgroupdriver=cgroupfs")
            .arg("--host")
            .arg(self.host())
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("dockerd could not be started")?;
        self.child = Some(child);
        let said = path("dockerd.log");
        wait_until("dockerd to answer", START, || {
            self.docker(&["version"]).ok()
        })
        .with_context(|| fs::read_to_string(said).unwrap_or_default())
    }

    /// `kill -9` of dockerd alone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("there is no dockerd to kill")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    pub(crate) fn docker(&self, arguments: &[&str]) -> Result<()> {
        self.ask("docker", arguments)
    }

    pub(crate) fn compose(&self, arguments: &[&str]) -> Result<()> {
        self.ask("docker-compose", arguments)
    }

    /// The project's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join("bench")
    }

    /// dockerd and containerd.
    pub(crate) fn own(&self) -> Vec<i32> {
        self.named(&["dockerd", "containerd"])
    }

    /// One for each container.
    pub(crate) fn shims(&self) -> Vec<i32> {
        self.named(&["containerd-shim-runc-v2", "containerd-shim"])
    }

    fn named(&self, names: &[&str]) -> Vec<i32> {
        let is = |pid: &i32| {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            names
                .iter()
                .any(|name| program.file_name().is_some_and(|file| file == *name))
        };
        processes_of(self.dir.path())
            .into_iter()
            .filter(is)
            .collect()
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let folder = self.folder();
        let folder = if folder.exists() {
            folder.as_path()
        } else {
            self.dir.path()
        };
        let mut ask = Command::new(program);
        ask.current_dir(folder)
            .env("DOCKER_HOST", self.host())
            .args(arguments);
        command::output(&mut ask).map(drop)
    }

    fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.dir.path().display())
    }

    /// `docker import` of a tar: there is no registry here.
    fn import(&self) -> Result<()> {
        let image = self.dir.path().join("image");
        fs::create_dir_all(image.join("bin"))?;
        let busybox = ondol_test::program("busybox").context("no busybox")?;
        fs::copy(busybox, image.join("bin/busybox"))?;
        symlink("busybox", image.join("bin/sh"))?;
        self.dir.write("image/www/index.html", "warm\n")?;
        let tar = self.dir.path().join("image.tar");
        command::output(
            Command::new("tar")
                .arg("-C")
                .arg(&image)
                .arg("-cf")
                .arg(&tar)
                .arg("."),
        )?;
        self.docker(&["import", &text(&tar), "bench:1"])
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let ended = wait_until("dockerd to end", START, || child.try_wait().ok().flatten());
            if ended.is_err() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        end_all(self.dir.path());
        unmount_all(self.dir.path());
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
