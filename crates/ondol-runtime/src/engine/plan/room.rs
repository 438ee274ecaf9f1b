use std::fs;
use std::path::{Component, Path, PathBuf};

use ondol_model::{FileSource, GrantedFile, MountSource, Run, StoredFile};

use super::Place;
use crate::Launch;
use crate::engine::{Inner, hosts, volumes};
use crate::sandbox::{Sandbox, toolchains};
use crate::spec::{FileContent, Network, Room, RoomFile, RoomMount, Shown};

/// Files larger than this are no secrets or configs.
const GRANTED_BYTES_MAX: u64 = 16 << 20;

/// What the replica sees.
pub(super) fn room(
    inner: &Inner,
    run: &Run,
    launch: &Launch,
    place: &Place,
) -> Result<Room, String> {
    let dir = inner.paths.replica(&run.replica);
    let service = &run.service;
    let sandbox = inner.config.sandbox;
    let network = match place.ip {
        std::net::IpAddr::V4(ip) if !service.host_network => {
            let subnets = sandbox.subnets(inner.config.subnets);
            Some(Network {
                bridge: subnets.bridge(),
                port: port_name(ip),
                ip,
                prefix: 16,
                gateway: subnets.gateway(),
                only: is_internal(run).then_some(subnets.services),
            })
        }
        _ => None,
    };
    Ok(Room {
        single_uid: sandbox == Sandbox::User,
        hostname: super::hostname(run),
        network,
        upper: dir.join("upper"),
        work: dir.join("work"),
        layers: launch.layers.lower.clone(),
        mounts: mounts(inner, run, launch, &dir)?,
        hidden: toolchains::secrets(inner.config.home.as_deref()),
        users: launch.users.clone(),
        data_dirs: launch.data_dirs.clone(),
        files: files(run, launch)?,
    })
}

/// No network of the service leads to the outside.
fn is_internal(run: &Run) -> bool {
    let is_internal = |name| {
        let network = run.project.networks.get(name);
        network.is_some_and(|network| network.internal)
    };
    run.service.networks.keys().all(is_internal)
}

/// Unique among the bridge's ports, and short enough for the kernel.
fn port_name(ip: std::net::Ipv4Addr) -> String {
    let [_, b, c, d] = ip.octets();
    format!("ondol{b:02x}{c:02x}{d:02x}")
}

fn mounts(inner: &Inner, run: &Run, launch: &Launch, dir: &Path) -> Result<Vec<RoomMount>, String> {
    let mut mounts = shared_mounts(inner, dir);
    if let Some(context) = &launch.context {
        let mut lowers = context.lowers.clone();
        lowers.push(context.host.clone());
        mounts.push(RoomMount {
            target: checked(&context.target)?,
            read_only: false,
            what: Shown::Overlay {
                lowers,
                upper: dir.join("context"),
            },
        });
    }
    for mount in &run.service.mounts {
        let what = match &mount.source {
            MountSource::Volume { .. } | MountSource::Anonymous => {
                Shown::Volume(volumes::path(inner, run, mount)?)
            }
            MountSource::Bind { path, .. } => Shown::Bind(path.clone()),
            MountSource::Tmpfs { size, mode } => Shown::Tmpfs {
                bytes_max: size.map(|bytes| bytes.0),
                mode: *mode,
            },
        };
        mounts.push(RoomMount {
            target: checked(&mount.target)?,
            read_only: mount.read_only,
            what,
        });
    }
    // Folders before what is mounted inside them.
    mounts.sort_by_key(|mount| mount.target.matches('/').count());
    Ok(mounts)
}

/// What every room has, `dir` being the replica's own folder: toolchains of the person, names and resolvers.
pub(in crate::engine) fn shared_mounts(inner: &Inner, dir: &Path) -> Vec<RoomMount> {
    let found = toolchains::find(&inner.config.path, inner.config.home.as_deref());
    let chains = found
        .dirs
        .into_iter()
        .enumerate()
        .map(|(at, chain)| RoomMount {
            target: chain.to_string_lossy().into_owned(),
            read_only: false,
            what: Shown::Overlay {
                lowers: vec![chain],
                upper: dir.join("tools").join(at.to_string()),
            },
        });
    let names = [hosts::FILE, hosts::RESOLVERS].map(|name| RoomMount {
        target: format!("/etc/{name}"),
        read_only: false,
        what: Shown::Bind(dir.join(name)),
    });
    chains.chain(names).collect()
}

/// A place where something may be mounted: absolute, without `..`, and not the root itself.
fn checked(target: &str) -> Result<String, String> {
    let path = Path::new(target);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || path.parent().is_none() {
        return Err(format!(
            "cannot mount at `{target}`: use an absolute path below / without `..`"
        ));
    }
    let clean: PathBuf = path.components().collect();
    Ok(clean.to_string_lossy().into_owned())
}

pub(super) fn files(run: &Run, launch: &Launch) -> Result<Vec<RoomFile>, String> {
    let mut files = Vec::new();
    for file in &launch.files {
        files.push(RoomFile {
            path: checked(&file.path)?,
            content: FileContent::Text(file.content.clone()),
            mode: file.mode,
            owner: None,
        });
    }
    let secrets = run
        .service
        .secrets
        .iter()
        .map(|file| ("secret", &run.project.secrets, file));
    let configs = run
        .service
        .configs
        .iter()
        .map(|file| ("config", &run.project.configs, file));
    for (kind, stored, granted) in secrets.chain(configs) {
        files.push(RoomFile {
            path: checked(&granted.target)?,
            content: content(kind, stored.get(&granted.source), granted)?,
            mode: granted.mode,
            owner: match (granted.uid, granted.gid) {
                (None, None) => None,
                (uid, gid) => Some((uid.unwrap_or(0), gid.unwrap_or(0))),
            },
        });
    }
    Ok(files)
}

fn content(
    kind: &str,
    stored: Option<&StoredFile>,
    granted: &GrantedFile,
) -> Result<FileContent, String> {
    let name = &granted.source;
    match stored.map(|stored| &stored.source) {
        Some(FileSource::Content(text)) => Ok(FileContent::Text(text.clone())),
        Some(FileSource::Path(path)) => match fs::metadata(path) {
            Ok(meta) if meta.len() > GRANTED_BYTES_MAX => Err(format!(
                "the {kind} {name} ({}) is larger than {GRANTED_BYTES_MAX} bytes; mount it instead",
                path.display()
            )),
            Ok(_) => Ok(FileContent::Path(path.clone())),
            Err(error) => Err(format!("the {kind} {name} ({}): {error}", path.display())),
        },
        Some(FileSource::External) => Err(format!(
            "the {kind} {name} is external, and nothing outside of this file provides it; \
             give it a `file:` or an `environment:`"
        )),
        None => Err(format!("the project has no {kind} named {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_mount_targets_are_refused() {
        for target in [
            "",
            "data",
            "/",
            "//",
            "/..",
            "/a/../../etc",
            "../x",
            "/a/..",
        ] {
            assert!(checked(target).is_err(), "{target:?}");
        }
        assert_eq!(checked("/a//b/./c/"), Ok("/a/b/c".to_owned()));
    }
}
