use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::{SourceError, SourceErrorKind};

/// Package lists are asked for again after a day.
const LISTS_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
const OUTPUT_BYTES_MAX: u64 = 4 << 20;
const ALTERNATIVES: &str = "install the program yourself, name packages of your distribution in x-ondol.packages, or run the service in a \
     container engine (x-ondol: {runtime: container})";

/// apt-get with folders of its own, so that it works as any user and touches nothing of the system's.
pub(super) struct Apt {
    dir: PathBuf,
    status: PathBuf,
}

/// A package to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) file_name: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) bytes: u64,
}

impl Apt {
    pub(super) fn new(dir: &Path, status: &Path) -> Result<Self, SourceError> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(folder))
                .map_err(|error| SourceError::io(dir.display(), &error))?;
        }
        Ok(Apt {
            dir: dir.to_path_buf(),
            status: status.to_path_buf(),
        })
    }

    pub(super) fn archives_dir(&self) -> PathBuf {
        self.dir.join("cache/archives")
    }

    /// What has to be downloaded so that these packages are there; empty when the machine has them all.
    pub(super) fn resolve(
        &self,
        names: &[String],
        say: &mut dyn FnMut(String),
    ) -> Result<Vec<Archive>, SourceError> {
        let mut fresh = false;
        if self.lists_are_old() {
            self.update(names, say)?;
            fresh = true;
        }
        loop {
            let (ok, output) = self.run("resolve", names, &["-qq", "--print-uris"], &mut || ())?;
            if ok {
                return Ok(output.lines().filter_map(archive).collect());
            }
            if fresh {
                return Err(unresolved(names, &output));
            }
            self.update(names, say)?;
            fresh = true;
        }
    }

    /// Downloads and verifies (apt compares every archive with the signed lists).
    pub(super) fn download(
        &self,
        names: &[String],
        archives: &[Archive],
        say: &mut dyn FnMut(String),
    ) -> Result<(), SourceError> {
        let total: u64 = archives.iter().map(|archive| archive.bytes).sum();
        let dir = self.archives_dir();
        let first = names.first().map(String::as_str).unwrap_or_default();
        let mut said = None;
        let mut tell = || {
            let now = folder_bytes(&dir) + folder_bytes(&dir.join("partial"));
            let line = format!(
                "fetching {first} {} of {}",
                megabytes(now.min(total)),
                megabytes(total)
            );
            if said.as_ref() != Some(&line) {
                said = Some(line.clone());
                say(line);
            }
        };
        let (ok, output) = self.run(
            "download",
            names,
            &["-qq", "--download-only", "--yes"],
            &mut tell,
        )?;
        if ok {
            return Ok(());
        }
        Err(SourceError::new(
            SourceErrorKind::Package,
            format!(
                "fetching {} failed: {}",
                names.join(" "),
                errors_of(&output)
            ),
            format!("is the network there? Try again, or {ALTERNATIVES}"),
        ))
    }

    /// Removes downloaded archives: the tree is what is kept.
    pub(super) fn clean(&self) {
        for entry in fs::read_dir(self.archives_dir())
            .into_iter()
            .flatten()
            .flatten()
        {
            // A file that stays is only disk; the next fetch uses or removes it.
            let _ = fs::remove_file(entry.path());
        }
    }

    fn marker(&self) -> PathBuf {
        self.dir.join("updated")
    }

    fn lists_are_old(&self) -> bool {
        fs::metadata(self.marker())
            .and_then(|marker| marker.modified())
            .ok()
            .and_then(|at| at.elapsed().ok())
            .is_none_or(|age| age > LISTS_AGE_MAX)
    }

    fn update(&self, names: &[String], say: &mut dyn FnMut(String)) -> Result<(), SourceError> {
        say("fetching package lists".into());
        let (ok, output) = self.run("update", &[], &["-q"], &mut || ())?;
        // apt exits with 0 when lists could not be fetched but older ones are there.
        let any = fs::read_dir(self.dir.join("lists"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"));
        if ok && any {
            return File::create(self.marker())
                .map(drop)
                .map_err(|error| SourceError::io(self.dir.display(), &error));
        }
        Err(SourceError::new(
            SourceErrorKind::Package,
            format!(
                "{} is not on this machine, and the package lists could not be fetched: {}",
                names.join(" "),
                errors_of(&output)
            ),
            format!("is the network there? Try again, or {ALTERNATIVES}"),
        ))
    }

    /// Runs one apt-get verb; `tick` is called while it works. Gives back whether it succeeded, and its output.
    fn run(
        &self,
        verb: &str,
        names: &[String],
        flags: &[&str],
        tick: &mut dyn FnMut(),
    ) -> Result<(bool, String), SourceError> {
        let output_path = self.dir.join("output");
        let refused = |error: std::io::Error| SourceError::io(self.dir.display(), &error);
        let output = File::create(&output_path).map_err(refused)?;
        let mut command = Command::new("apt-get");
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        for option in self.options() {
            command.arg("-o").arg(option);
        }
        command.args(flags);
        if verb == "update" {
            command.arg("update");
        } else {
            command
                .args(["--no-install-recommends", "install", "--"])
                .args(names);
        }
        command
            .stdin(Stdio::null())
            .stderr(output.try_clone().map_err(refused)?)
            .stdout(output);
        let mut child = command.spawn().map_err(|error| no_apt(names, &error))?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(refused)? {
                break status;
            }
            tick();
            std::thread::sleep(if verb == "resolve" {
                PROGRESS_EVERY / 8
            } else {
                PROGRESS_EVERY
            });
        };
        let mut text = Vec::new();
        File::open(&output_path)
            .and_then(|file| file.take(OUTPUT_BYTES_MAX).read_to_end(&mut text))
            .map_err(refused)?;
        Ok((
            status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }

    fn options(&self) -> Vec<OsString> {
        let path = |key: &str, path: &Path| {
            let mut option = OsString::from(format!("{key}="));
            option.push(path);
            option
        };
        let mut options = vec![
            path("Dir::State", &self.dir),
            path("Dir::State::lists", &self.dir.join("lists")),
            path("Dir::State::status", &self.status),
            path("Dir::Cache", &self.dir.join("cache")),
        ];
        options.extend(
            [
                // The private folders have a lock of ours.
                "Debug::NoLocking=1",
                // apt must not switch to its own user, who may not enter the state folder.
                "APT::Sandbox::User=",
                "Acquire::Languages=none",
                "Acquire::Retries=2",
            ]
            .iter()
            .map(OsString::from),
        );
        options
    }
}

/// A line of `--print-uris`: `'URI' name_version_arch.deb 1234 SHA256:...`
fn archive(line: &str) -> Option<Archive> {
    let rest = line.strip_prefix('\'')?;
    let (_, rest) = rest.split_once("' ")?;
    let mut fields = rest.split(' ');
    let file_name = fields.next()?;
    let bytes = fields.next()?.parse().ok()?;
    let mut parts = file_name.strip_suffix(".deb")?.splitn(3, '_');
    let package = parts.next()?;
    let version = parts.next()?.replace("%3a", ":");
    // The name becomes a path below the archives folder.
    (!file_name.contains('/')).then(|| Archive {
        file_name: file_name.to_string(),
        package: package.to_string(),
        version,
        bytes,
    })
}

fn unresolved(names: &[String], output: &str) -> SourceError {
    let missing: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("E: Unable to locate package "))
        .chain(output.lines().filter_map(|line| {
            line.strip_prefix("E: Package '")?
                .split_once("' has no installation candidate")
                .map(|(name, _)| name)
        }))
        .collect();
    let what = if missing.is_empty() {
        format!(
            "packages {} cannot be put together: {}",
            names.join(" "),
            errors_of(output)
        )
    } else {
        format!("this distribution has no package {}", missing.join(", "))
    };
    SourceError::new(SourceErrorKind::Package, what, ALTERNATIVES)
}

fn no_apt(names: &[String], error: &std::io::Error) -> SourceError {
    SourceError::new(
        SourceErrorKind::Package,
        format!(
            "{} is not on this machine and cannot be fetched: apt-get does not run here ({error})",
            names.join(" ")
        ),
        "packages are fetched on Debian, Ubuntu and their kin; elsewhere install the program yourself, or run the \
         service in a container engine (x-ondol: {runtime: container})",
    )
}

/// The lines that say what went wrong.
fn errors_of(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .filter_map(|line| {
            line.strip_prefix("E: ")
                .or_else(|| line.strip_prefix("Err:"))
        })
        .take(5)
        .collect();
    if lines.is_empty() {
        let last: Vec<&str> = output.lines().rev().take(3).collect();
        return last.into_iter().rev().collect::<Vec<_>>().join("; ");
    }
    lines.join("; ")
}

fn folder_bytes(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_print_uris_are_read() {
        let line = "'http://deb.example/pool/r/redis/redis-server_7.0.15-1%7edeb12u5_amd64.deb' \
                    redis-server_5%3a7.0.15-1~deb12u5_amd64.deb 72344 SHA256:00";
        assert_eq!(
            archive(line),
            Some(Archive {
                file_name: "redis-server_5%3a7.0.15-1~deb12u5_amd64.deb".into(),
                package: "redis-server".into(),
                version: "5:7.0.15-1~deb12u5".into(),
                bytes: 72344,
            })
        );
        for other in [
            "",
            "Reading package lists...",
            "'http://x' ../x.deb 1",
            "'x' a.deb",
        ] {
            assert_eq!(archive(other), None, "{other}");
        }
    }

    #[test]
    fn a_missing_package_is_named() {
        let output = "Reading package lists...\nE: Unable to locate package nosuch\n";
        let error = unresolved(&["nosuch".into(), "redis".into()], output);
        assert_eq!(error.what, "this distribution has no package nosuch");
    }
}
