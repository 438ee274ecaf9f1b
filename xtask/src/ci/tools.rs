//! What the tests need beside Rust, and how a Debian machine gets it.

mod from_elsewhere;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, say};

/// A program, the package that brings it, and what is not tested without it.
struct Tool(&'static str, &'static str, &'static str);

const TOOLS: &[Tool] = &[
    Tool(
        "busybox",
        "busybox-static",
        "the programs of most tests, and the images of the bench",
    ),
    Tool(
        "certutil",
        "libnss3-tools",
        "telling browsers of the development authority",
    ),
    Tool(
        "chromedriver",
        "chromium-driver",
        "the example in a browser",
    ),
    Tool("chromium", "chromium", "the example in a browser"),
    Tool("curl", "curl", "requests of a client that is not ours"),
    Tool(
        "docker-compose",
        "docker-compose",
        "what Compose 1.29 makes of the same files",
    ),
    Tool("dockerd", "docker.io", "the bench beside Docker"),
    Tool("go", "golang-go", "what is only had from source: h2spec"),
    Tool("git", "git", "house rules"),
    Tool(
        "h2load",
        "nghttp2-client",
        "HTTP/2 under load, by a client that is not ours",
    ),
    Tool(
        "haproxy",
        "haproxy",
        "requests that servers understand differently",
    ),
    Tool("initdb", "postgresql", "PostgreSQL as a local process"),
    Tool("ip", "iproute2", "sandboxes"),
    Tool("nginx", "nginx-light", "nginx as a local process"),
    Tool(
        "nghttpd",
        "nghttp2-server",
        "a service that speaks HTTP/2 and is not ours",
    ),
    Tool("node", "nodejs", "services in JavaScript"),
    Tool("npm", "npm", "preparing services in JavaScript"),
    Tool("openssl", "openssl", "TLS by a client that is not ours"),
    Tool("nft", "nftables", "the way out of a sandbox"),
    Tool(
        "aiosmtpd",
        "python3-aiosmtpd",
        "alerts by mail, to a server that is not ours",
    ),
    Tool(
        "amtool",
        "prometheus-alertmanager",
        "alerts and silences, by the tool that is made for them",
    ),
    Tool(
        "prometheus-alertmanager",
        "prometheus-alertmanager",
        "alerts that reach a real Alertmanager",
    ),
    Tool(
        "prometheus",
        "prometheus",
        "metrics that go on to a real Prometheus",
    ),
    Tool(
        "promtool",
        "prometheus",
        "what Prometheus makes of the same samples and queries, and its tool",
    ),
    Tool("pip3", "python3-pip", "preparing services in Python"),
    Tool("python3", "python3", "services in Python"),
    Tool(
        "rabbitmq-server",
        "rabbitmq-server",
        "RabbitMQ as a local process",
    ),
    Tool("redis-server", "redis-server", "Redis as a local process"),
    Tool("setpriv", "util-linux", "running as a user without root"),
    Tool(
        "slirp4netns",
        "slirp4netns",
        "the way out of a sandbox without root",
    ),
    Tool("wrk", "wrk", "zero failed requests under load"),
    Tool(
        "python3-venv",
        "python3-venv",
        "preparing services in Python",
    ),
];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// A Debian machine whose administrator we are.
pub(crate) fn can_install() -> bool {
    Path::new("/etc/debian_version").exists()
        && fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
        && installed("apt-get")
}

/// Installs what is missing, or says what will not be tested.
pub(crate) fn install() -> Result<()> {
    install_packages()?;
    from_elsewhere::install()
}

fn install_packages() -> Result<()> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !present(tool)).collect();
    if missing.is_empty() {
        say::line("tools: everything is here");
        return Ok(());
    }
    if !can_install() {
        for Tool(program, package, purpose) in missing {
            say::line(&format!(
                "tools: no `{program}` here, so not tested: {purpose} (Debian: apt-get install {package})"
            ));
        }
        return Ok(());
    }
    fetch(missing.iter().map(|Tool(_, package, _)| *package))
}

/// Installs programs that only a bench needs, each with the package that brings it. Where that is not ours to do, the
/// bench says itself what it leaves out.
pub(crate) fn install_besides(programs: &[(&str, &'static str)]) -> Result<()> {
    let missing = programs.iter().filter(|(program, _)| !installed(program));
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    match packages.is_empty() || !can_install() {
        true => Ok(()),
        false => fetch(packages),
    }
}

fn fetch(packages: impl IntoIterator<Item = &'static str>) -> Result<()> {
    let _quiet = QuietServices::begin()?;
    command::run(apt().args(["update", "-qq"]))?;
    command::run(
        apt()
            .args(["install", "-qq", "--no-install-recommends"])
            .args(packages),
    )
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-y",
        "-o",
        "Dpkg::Use-Pty=0",
        "-o",
        "DPkg::Lock::Timeout=600",
    ]);
    apt
}

fn present(Tool(program, package, _): &Tool) -> bool {
    // This one is a module without a program of its own.
    if *package == "python3-venv" {
        return Command::new("python3")
            .args(["-c", "import ensurepip"])
            .output()
            .is_ok_and(|run| run.status.success());
    }
    installed(program)
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    // Debian keeps several PostgreSQL side by side and none of them in PATH.
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.iter().any(|folder| folder.join(program).is_file())
}

/// While it lives, a package that is installed does not start its service. An administrator's own policy is kept.
struct QuietServices {
    ours: bool,
}

impl QuietServices {
    fn begin() -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")
                .with_context(|| format!("{POLICY} cannot be written"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(QuietServices { ours })
    }
}

impl Drop for QuietServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
