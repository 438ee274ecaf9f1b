//! What a process inside a replica may do: who it is, its capabilities and its limits.

use std::collections::BTreeMap;
use std::fs;

use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid};
use ondol_model::Ulimit;

use crate::identity::Identity;
use crate::sys;

/// Docker's default set (capabilities(7)), so that entrypoints that change owners and users work; without MKNOD,
/// because nothing here keeps a device from being opened once it is made.
pub(crate) const KEPT: u64 = 1 // CHOWN
    | 1 << 1 // DAC_OVERRIDE
    | 1 << 3 // FOWNER
    | 1 << 4 // FSETID
    | 1 << 5 // KILL
    | 1 << 6 // SETGID
    | 1 << 7 // SETUID
    | 1 << 8 // SETPCAP
    | 1 << 10 // NET_BIND_SERVICE
    | NET_RAW
    | 1 << 18 // SYS_CHROOT
    | 1 << 29 // AUDIT_WRITE
    | 1 << 31; // SETFCAP
/// Writing packets as one likes.
pub(crate) const NET_RAW: u64 = 1 << 13;
const CAPABILITIES_MAX: u32 = 64;

/// Takes from this process all that a service need not have, and makes it `identity`.
/// `kept`: what it may have, everything when `None`; `single_uid`: inside a user namespace with one user, who is
/// called 0.
pub(crate) fn become_identity(
    identity: &Identity,
    kept: Option<u64>,
    single_uid: bool,
) -> nix::Result<()> {
    for capability in 0..CAPABILITIES_MAX {
        let keep = kept.is_none_or(|kept| kept & 1 << capability != 0);
        if !keep && !sys::drop_bounding(capability) && capability > 40 {
            break;
        }
    }
    if single_uid {
        if identity.uid != 0 || identity.gid != 0 {
            rename_user(identity)?;
        }
    } else {
        let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
        nix::unistd::setgroups(&groups)?;
        nix::unistd::setresgid(gid, gid, gid)?;
        nix::unistd::setresuid(uid, uid, uid)?;
    }
    if let (0, Some(kept)) = (identity.uid, kept) {
        // Fails where a machine has fewer than these: then what it has is kept.
        let _ = sys::set_capabilities(kept);
    }
    Ok(())
}

/// A user namespace inside the one with a single user, in which that user has another number.
/// PostgreSQL refuses to run as 0.
fn rename_user(identity: &Identity) -> nix::Result<()> {
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER)?;
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).map_err(|error| {
            error
                .raw_os_error()
                .map_or(nix::Error::EIO, nix::Error::from_raw)
        })
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{} 0 1", identity.uid))?;
    write("gid_map", format!("{} 0 1", identity.gid))
}

/// Sets limits as far as the machine lets; the error names one that it refused and what holds instead.
pub(crate) fn limit(ulimits: &BTreeMap<String, Ulimit>) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, wanted) in ulimits {
        let Some(resource) = resource(name) else {
            refused.push(format!("ulimit {name}: this machine knows no such limit"));
            continue;
        };
        let amount = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
        let (soft, hard) = (amount(wanted.soft), amount(wanted.hard));
        if setrlimit(resource, soft, hard).is_ok() {
            continue;
        }
        // Not allowed to raise the hard limit: as near as it goes.
        let allowed = getrlimit(resource).map_or(0, |(_, hard)| hard);
        let _ = setrlimit(resource, soft.min(allowed), hard.min(allowed));
        refused.push(format!(
            "ulimit {name}: {allowed} is the most that is allowed here"
        ));
    }
    refused
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => return None,
    })
}
