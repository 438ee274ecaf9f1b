//! What of the machine is nobody's business.

use std::fs;
use std::path::Path;

use nix::mount::MsFlags;

use super::mounts::{bind, read_only, special};

/// Hidden when they are there.
const HIDDEN: [&str; 17] = [
    "/etc/krb5.keytab",
    "/etc/letsencrypt",
    "/etc/NetworkManager/system-connections",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/wireguard",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Puts the masks on; `more` are further paths to hide.
pub(super) fn put_on(more: &[String]) -> Result<(), String> {
    let more = more.iter().map(String::as_str);
    for path in HIDDEN.into_iter().chain(more).map(Path::new) {
        let Ok(meta) = fs::metadata(path) else {
            continue;
        };
        if meta.is_dir() {
            special(
                "tmpfs",
                path,
                MsFlags::MS_RDONLY | MsFlags::MS_NODEV,
                "mode=555,size=4k",
            )?;
        } else {
            bind(Path::new("/dev/null"), path)?;
        }
    }
    for path in READ_ONLY.map(Path::new) {
        if path.exists() {
            bind(path, path)?;
            read_only(path)?;
        }
    }
    Ok(())
}
