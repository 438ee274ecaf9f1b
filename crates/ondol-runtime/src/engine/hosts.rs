//! The private `/etc/hosts` of replicas. It is bind-mounted, so it is always rewritten in place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use ondol_model::{ProjectName, Run};

use super::Inner;
use crate::spec::Facts;

pub(super) const FILE: &str = "hosts";
pub(super) const RESOLVERS: &str = "resolv.conf";

/// Names of a project, from now on.
pub(super) fn set(inner: &Inner, project: &ProjectName, names: BTreeMap<String, IpAddr>) {
    let rooms: Vec<_> = {
        let mut state = inner.state();
        if state.names.get(project) == Some(&names) {
            return;
        }
        let rooms = state
            .replicas
            .alive()
            .filter(|(id, _)| id.project == *project)
            .filter_map(|(id, replica)| {
                let known = replica.known.as_ref()?;
                let room = known.task.room.as_ref()?;
                let text = render(&room.hostname, known.facts.ip, &names);
                Some((inner.paths.replica(id).join(FILE), text))
            })
            .collect();
        state.names.insert(project.clone(), names);
        rooms
    };
    for (path, text) in rooms {
        // A replica whose folder is gone just now needs no names.
        let _ = rewrite(&path, &text);
    }
}

/// The file of a replica that is about to start.
pub(super) fn write_first(inner: &Inner, run: &Run, facts: &Facts, dir: &Path) -> io::Result<()> {
    let hostname = super::plan::hostname(run);
    let text = {
        let state = inner.state();
        let none = BTreeMap::new();
        let names = state.names.get(&run.replica.project).unwrap_or(&none);
        render(&hostname, facts.ip, names)
    };
    write_files(dir, &text)
}

/// The file of something that runs on the machine's network.
pub(super) fn write_plain(dir: &Path) -> io::Result<()> {
    let text = fs::read_to_string("/etc/hosts").unwrap_or_default();
    rewrite(&dir.join(FILE), &text)?;
    let resolvers = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    rewrite(&dir.join(RESOLVERS), &resolvers)
}

fn write_files(dir: &Path, hosts: &str) -> io::Result<()> {
    rewrite(&dir.join(FILE), hosts)?;
    rewrite(&dir.join(RESOLVERS), &resolvers())
}

/// The machine's resolvers, without those that only the machine itself can reach.
fn resolvers() -> String {
    let places = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
    let text = places.iter().find_map(|path| fs::read_to_string(path).ok());
    let mut kept = String::new();
    for line in text.unwrap_or_default().lines() {
        let local = line
            .strip_prefix("nameserver")
            .is_some_and(|address| address.trim().starts_with("127.") || address.trim() == "::1");
        if !local {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn render(hostname: &str, ip: IpAddr, names: &BTreeMap<String, IpAddr>) -> String {
    let mut text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".to_owned();
    let _ = writeln!(text, "{ip}\t{hostname}");
    for (name, ip) in names {
        let _ = writeln!(text, "{ip}\t{name}");
    }
    text
}

/// Whoever reads meanwhile sees the old names or the new ones, and at worst the tail of a longer old file.
fn rewrite(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}
