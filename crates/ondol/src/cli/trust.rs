//! `ondol trust`: makes this machine's browsers and programs believe the development authority.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::args::TrustArgs;
use super::clock;
use super::failure::Failure;
use super::node;
use super::out::Out;
use crate::authority::{self, Authority, NAME};

/// Where a system takes certificates from, and what it is told afterwards: Debian, Fedora, Arch, SUSE.
const STORES: [(&str, &[&str], &[&str]); 4] = [
    (
        "/usr/local/share/ca-certificates/ondol.crt",
        &["update-ca-certificates"],
        &["update-ca-certificates", "--fresh"],
    ),
    (
        "/etc/pki/ca-trust/source/anchors/ondol.pem",
        &["update-ca-trust", "extract"],
        &["update-ca-trust", "extract"],
    ),
    (
        "/etc/ca-certificates/trust-source/anchors/ondol.pem",
        &["trust", "extract-compat"],
        &["trust", "extract-compat"],
    ),
    (
        "/usr/share/pki/trust/anchors/ondol.pem",
        &["update-ca-certificates"],
        &["update-ca-certificates"],
    ),
];

pub(crate) fn trust(args: TrustArgs, out: &Out) -> Result<ExitCode, Failure> {
    let state_dir = node::state_dir()?;
    let open = Authority::open(&state_dir, clock::since_1970());
    let authority = open.map_err(|error| {
        Failure::error(format!("there is no development authority: {error}")).hint(
            "its files are in the folder `tls` of the state folder; without them, another is made",
        )
    })?;
    if args.print {
        out.data(authority.pem().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let file = authority::file(&state_dir);
    let mut done = 0;
    for place in places() {
        let told = match args.uninstall {
            true => place.remove(),
            false => place.add(&file),
        };
        match told {
            Ok(true) => {
                done += 1;
                let word = if args.uninstall {
                    "forgotten"
                } else {
                    "believed"
                };
                out.data(format_args!("{word} by {}", place.name()));
            }
            Ok(false) => {}
            Err(why) => out.say(format_args!("{}: {why}", place.name())),
        }
    }
    match done {
        0 if args.uninstall => Ok(ExitCode::SUCCESS),
        0 => Err(Failure::error("nothing on this machine could be told to believe the authority").hint(
            "as root, the whole system can be; `ondol trust --print` prints the certificate, for a browser's own settings",
        )),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Something that believes certificates.
enum Place {
    System {
        file: &'static str,
        update: &'static [&'static str],
        update_without: &'static [&'static str],
    },
    /// A database of NSS, as Chromium and Firefox have.
    Nss(PathBuf),
}

/// All that are on this machine.
fn places() -> Vec<Place> {
    let is_there = |file: &&str| Path::new(file).parent().is_some_and(Path::is_dir);
    let system = STORES.iter().find(|(file, ..)| is_there(file));
    let system = system.map(|(file, update, update_without)| Place::System {
        file,
        update,
        update_without,
    });
    system
        .into_iter()
        .chain(databases().into_iter().map(Place::Nss))
        .collect()
}

fn databases() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else {
        return Vec::new();
    };
    let profiles = [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox"];
    let profiles = profiles
        .iter()
        .filter_map(|folder| std::fs::read_dir(home.join(folder)).ok());
    let profiles = profiles.flat_map(|folder| folder.flatten().map(|entry| entry.path()));
    let mut all: Vec<_> = [home.join(".pki/nssdb")]
        .into_iter()
        .chain(profiles)
        .collect();
    all.retain(|folder| folder.join("cert9.db").is_file());
    all.sort();
    all
}

impl Place {
    fn name(&self) -> String {
        match self {
            Place::System { .. } => "the system".to_owned(),
            Place::Nss(folder) => folder.display().to_string(),
        }
    }

    fn add(&self, certificate: &Path) -> Result<bool, String> {
        match self {
            Place::System { file, update, .. } => {
                std::fs::copy(certificate, file).map_err(|error| error.to_string())?;
                run(update)
            }
            Place::Nss(folder) => {
                let database = format!("sql:{}", folder.display());
                let file = certificate.to_string_lossy();
                run(&[
                    "certutil", "-d", &database, "-A", "-t", "C,,", "-n", NAME, "-i", &file,
                ])
            }
        }
    }

    fn remove(&self) -> Result<bool, String> {
        match self {
            Place::System {
                file,
                update_without,
                ..
            } => match std::fs::remove_file(file) {
                Ok(()) => run(update_without),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error.to_string()),
            },
            Place::Nss(folder) => {
                let database = format!("sql:{}", folder.display());
                let known = run(&["certutil", "-d", &database, "-L", "-n", NAME]).unwrap_or(false);
                match known {
                    true => run(&["certutil", "-d", &database, "-D", "-n", NAME]),
                    false => Ok(false),
                }
            }
        }
    }
}

fn run(words: &[&str]) -> Result<bool, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(false);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let output = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("`{program}` is not installed"),
        _ => format!("`{program}`: {error}"),
    })?;
    match output.status.success() {
        true => Ok(true),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
