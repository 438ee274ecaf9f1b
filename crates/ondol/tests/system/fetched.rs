//! Well-known images on a machine that has none of their programs: everything comes from fetched packages.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ondol_test::{TestDir, TestNode, skipped};

use crate::{ONDOL, process};

const STATUS: &str = "/var/lib/dpkg/status";
/// Packages that the machine shall not have, by the beginning of their names.
const HIDDEN: [&str; 6] = [
    "postgresql",
    "redis",
    "nginx",
    "libnginx",
    "rabbitmq",
    "erlang",
];
/// Users that only their installation makes.
const USERS: [&str; 4] = ["postgres", "redis", "rabbitmq", "epmd"];

#[test]
fn a_machine_without_the_servers_fetches_and_runs_them() -> Result<()> {
    if !process::is_root() {
        return Ok(());
    }
    if !Path::new(STATUS).exists() {
        skipped("packages are fetched on Debian and its kin");
        return Ok(());
    }
    let (hidden, folder) = (TestDir::new()?, TestDir::new()?);
    let node = TestNode::absent(bare_machine(&hidden)?)?;
    let text = "services:
  db: {image: 'postgres:15', environment: {POSTGRES_PASSWORD: x, POSTGRES_DB: shop}}
  cache: {image: 'redis:7'}
  web: {image: 'nginx:alpine'}
  queue: {image: 'rabbitmq:3-management', environment: {RABBITMQ_DEFAULT_USER: al, RABBITMQ_DEFAULT_PASS: pw}}
";
    folder.write("compose.yaml", text)?;
    // Some 100 MB come over the network, and RabbitMQ takes its time.
    let up = node.ok(folder.path(), ["up", "--wait", "--wait-timeout", "600"])?;
    let said = |service: &str, words: &[&str]| -> Result<String> {
        let arguments = [&["exec", service], words].concat();
        Ok(node.ok(folder.path(), arguments)?.stdout)
    };
    let sql = [
        "psql",
        "-U",
        "postgres",
        "-d",
        "shop",
        "-Atc",
        "select 6 * 7",
    ];
    assert_eq!(said("db", &sql)?, "42\n");
    assert_eq!(said("cache", &["redis-cli", "set", "a", "b"])?, "OK\n");
    let page = said("web", &["curl", "-sf", "http://localhost/"])?;
    assert!(page.contains("nginx"), "{page}");
    let user = said("queue", &["rabbitmqctl", "authenticate_user", "al", "pw"])?;
    assert!(user.contains("Success"), "{user}");
    for server in ["postgres 1", "redis ", "nginx ", "rabbitmq "] {
        let fetched = |line: &str| line.contains(server) && line.contains("(Debian");
        assert!(up.stderr.lines().any(fetched), "{server}: {}", up.stderr);
    }
    node.ok(folder.path(), ["down", "--volumes"])?;
    node.stop()
}

/// A program that is the binary on a machine that lacks the servers, their users, and dpkg's memory of them.
fn bare_machine(folder: &TestDir) -> Result<PathBuf> {
    let status = fs::read_to_string(STATUS)?;
    let (mut kept, mut hidden) = (String::new(), Vec::new());
    for entry in status
        .split("\n\n")
        .filter(|entry| !entry.trim().is_empty())
    {
        let name = entry
            .lines()
            .find_map(|line| line.strip_prefix("Package: "));
        match name.filter(|name| HIDDEN.iter().any(|hidden| name.starts_with(hidden))) {
            Some(name) => hidden.push(name.to_owned()),
            None => kept.push_str(&format!("{}\n\n", entry.trim_end())),
        }
    }
    folder.write("status", kept)?;
    for file in ["passwd", "group"] {
        let text = fs::read_to_string(Path::new("/etc").join(file))?;
        let rest = text.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            !USERS.contains(&name)
        });
        folder.write(
            file,
            rest.map(|line| format!("{line}\n")).collect::<String>(),
        )?;
    }
    let over = folder.path().join("over");
    for path in files_of(&hidden)? {
        let mark = over.join(path.strip_prefix("/")?);
        fs::create_dir_all(mark.parent().context("no folder")?)?;
        // What hides a path in an overlay.
        let made = Command::new("mknod")
            .arg(&mark)
            .args(["c", "0", "0"])
            .status()?;
        ensure!(made.success(), "{} cannot be hidden", path.display());
    }
    for dir in ["usr", "etc"] {
        fs::create_dir_all(over.join(dir))?;
    }
    let at = folder.path().display();
    let script = format!(
        "#!/bin/sh\nexec unshare -m sh -e -c '\nmount --make-rprivate /\n\
         mount -t overlay overlay -o lowerdir={at}/over/usr:/usr /usr\n\
         mount -t overlay overlay -o lowerdir={at}/over/etc:/etc /etc\n\
         for file in passwd group; do mount --bind {at}/$file /etc/$file; done\n\
         mount --bind {at}/status {STATUS}\nexec \"$0\" \"$@\"' {ONDOL} \"$@\"\n"
    );
    let door = folder.write("ondol", script)?;
    fs::set_permissions(&door, Permissions::from_mode(0o755))?;
    Ok(door)
}

/// The folders of these packages' own, their programs, and links to those.
fn files_of(packages: &[String]) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir("/var/lib/dpkg/info")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let package = name
            .strip_suffix(".list")
            .map(|name| name.split(':').next().unwrap_or(name));
        if !packages.iter().any(|hidden| package == Some(hidden)) {
            continue;
        }
        let listed = fs::read_to_string(entry.path())?;
        let own = |path: &&Path| {
            let dir = path.parent().unwrap_or(path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match dir.to_str() {
                Some("/usr/bin" | "/usr/sbin") => true,
                Some("/usr/lib" | "/usr/share" | "/etc") => {
                    HIDDEN.iter().any(|h| name.starts_with(h))
                }
                _ => false,
            }
        };
        let found = listed
            .lines()
            .map(Path::new)
            .filter(own)
            .filter(|path| path.exists());
        files.extend(found.map(Path::to_path_buf));
    }
    let links = fs::read_dir("/usr/bin")?
        .flatten()
        .map(|entry| entry.path());
    let to_hidden = |link: &PathBuf| {
        let real = link.canonicalize().unwrap_or_default();
        files
            .iter()
            .any(|file| real.starts_with(file) && *link != real)
    };
    let links: Vec<_> = links.filter(to_hidden).collect();
    files.extend(links);
    Ok(files)
}
