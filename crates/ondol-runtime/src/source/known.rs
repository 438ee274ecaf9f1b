//! Well-known backing images as local processes: what their documented variables, defaults and first start mean,
//! done with the distribution's packages.

use std::time::Duration;

use ondol_model::{Check, Probe};

use super::image::{Ask, Image};
use super::programs::{Program, major_of};
use super::{SourceError, SourceErrorKind};

mod mariadb;
mod memcached;
mod nats;
mod nginx;
mod postgres;
mod rabbitmq;
mod redis;

/// One well-known image.
pub(crate) struct Known {
    /// Repositories on Docker Hub that are this.
    repositories: &'static [&'static str],
    /// The word for people.
    title: &'static str,
    /// The server's program; the first that is found is used.
    pub(crate) servers: &'static [&'static str],
    /// Where it is besides the standard folders.
    pub(crate) places: &'static [&'static str],
    /// Packages that bring it, in order of preference.
    pub(crate) packages: &'static [&'static [&'static str]],
    /// The package whose version is the server's.
    pub(crate) versioned: &'static str,
    pub(crate) version_flag: &'static str,
    /// The image as a process.
    image: fn(&Ask<'_>, &Server) -> Image,
}

/// The server that was found.
pub(crate) struct Server {
    pub(crate) program: Program,
    /// The file's own name (`valkey-server` or `redis-server`).
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// The repository that was asked for.
    pub(crate) repository: String,
}

const ALL: [&Known; 7] = [
    &redis::KNOWN,
    &postgres::KNOWN,
    &mariadb::KNOWN,
    &rabbitmq::KNOWN,
    &nginx::KNOWN,
    &nats::KNOWN,
    &memcached::KNOWN,
];

/// The recipe for a repository (`redis`, `valkey/valkey`).
pub(crate) fn known(repository: &str) -> Option<&'static Known> {
    ALL.into_iter()
        .find(|known| known.repositories.contains(&repository))
}

/// What can be run without an engine, for people.
pub(crate) fn names() -> String {
    let mut names: Vec<_> = ALL
        .iter()
        .filter_map(|known| known.repositories.first().copied())
        .collect();
    names.sort_unstable();
    names.join(", ")
}

impl Known {
    /// The image as a process that runs `server`.
    pub(crate) fn image(&self, ask: &Ask<'_>, server: &Server) -> Image {
        let mut image = (self.image)(ask, server);
        let version = server.version.as_deref().unwrap_or("of unknown version");
        let origin = if server.program.fetched {
            "Debian"
        } else {
            "this machine's"
        };
        image.title = format!("{} {version} ({origin})", self.title);
        let asked = ask.major;
        let got = server.version.as_deref().and_then(major_of);
        // MySQL's versions say nothing about MariaDB's, and that warning is given already.
        if let (Some(asked), Some(got)) = (asked, got)
            && asked != got
            && !server.repository.starts_with("mysql")
        {
            image.title = format!(
                "{} {version} ({origin}; the file asks for {asked})",
                self.title
            );
            image.warnings.push(format!(
                "the file asks for {}:{}; {} {version} runs, which is what {} has. Use a container engine if the \
                 difference matters",
                server.repository,
                ask.tag.unwrap_or_default(),
                self.title,
                if server.program.fetched { "the distribution" } else { "this machine" },
            ));
        }
        image
    }

    /// The error for a server that is neither here nor fetched.
    pub(crate) fn missing(&self) -> SourceError {
        SourceError::new(
            SourceErrorKind::Package,
            format!(
                "the packages for {} have no program {}",
                self.title,
                self.servers.join(" or ")
            ),
            "install it yourself, or run the service in a container engine (x-ondol: {runtime: container})",
        )
    }
}

/// A readiness check of our own: often while starting, seldom later.
fn probe(check: Check) -> Probe {
    Probe {
        interval: Duration::from_secs(10),
        start_interval: Duration::from_millis(200),
        start_period: Duration::from_secs(120),
        timeout: Duration::from_secs(5),
        ..Probe::new(check)
    }
}

/// `PATH` with the server's own folder first, so that its tools are found by their names.
fn path_with(dir: &str) -> String {
    let mut dirs = vec![dir];
    dirs.extend(
        super::programs::STANDARD
            .iter()
            .filter(|standard| **standard != dir),
    );
    dirs.join(":")
}

/// Runs a script of ours before the server; `args` are its `$1`, `$2`...
fn script(text: &str, args: &[&str]) -> Vec<String> {
    let mut argv: Vec<String> = ["/bin/bash", "-c", text, "start-up"]
        .iter()
        .map(ToString::to_string)
        .collect();
    argv.extend(args.iter().map(ToString::to_string));
    argv
}

#[cfg(test)]
mod tests;
