//! `/etc/passwd` and `/etc/group` with the users that the service needs, and an `/etc/shadow` without secrets.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::mounts::failed;
use crate::UserEntry;
use crate::spec::Room;

/// Writes them where the replica's own files go, over those of the machine and of the layers.
pub(super) fn write(plan: &Room) -> Result<(), String> {
    let etc = plan.upper.join("etc");
    fs::create_dir_all(&etc).map_err(|error| failed("folder", &etc, error))?;
    let passwd = current(plan, "passwd");
    let group = current(plan, "group");
    let shadow: String = names(&passwd).fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{name}:*:19000:0:99999:7:::");
        text
    });
    let gshadow: String = names(&group).fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{name}:*::");
        text
    });
    for (file, text, mode) in [
        (
            "passwd",
            with_users(&passwd, &plan.users, passwd_line),
            0o644,
        ),
        ("group", with_users(&group, &plan.users, group_line), 0o644),
        ("shadow", shadow, 0o640),
        ("gshadow", gshadow, 0o640),
    ] {
        let path = etc.join(file);
        // What the service itself added stays.
        if mode == 0o640 && fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        let _ = fs::remove_file(&path);
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(|error| failed("file", &path, error))?;
    }
    Ok(())
}

/// As the replica would see it: its own, that of a layer, or the machine's.
fn current(plan: &Room, file: &str) -> String {
    let own = std::iter::once(&plan.upper).chain(&plan.layers);
    let mut places = own.map(|root| root.join("etc").join(file));
    places
        .find_map(|path| fs::read_to_string(path).ok())
        .or_else(|| fs::read_to_string(Path::new("/etc").join(file)).ok())
        .unwrap_or_else(|| "root:x:0:0:root:/root:/bin/sh\n".to_owned())
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.split(':').next())
        .filter(|name| !name.is_empty())
}

fn with_users(text: &str, users: &[UserEntry], line: fn(&UserEntry) -> String) -> String {
    let mut text = text.to_owned();
    for user in users {
        if !names(&text).any(|name| name == user.name) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&line(user));
        }
    }
    text
}

fn passwd_line(user: &UserEntry) -> String {
    let UserEntry { name, id, home } = user;
    format!("{name}:x:{id}:{id}::{home}:/bin/sh\n")
}

fn group_line(user: &UserEntry) -> String {
    format!("{}:x:{}:\n", user.name, user.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_added_once_and_nobody_is_replaced() {
        let users = [("root", 5), ("postgres", 999)].map(|(name, id)| UserEntry {
            name: name.to_owned(),
            id,
            home: "/var/lib/x".to_owned(),
        });
        let text = with_users("root:x:0:0:root:/root:/bin/bash", &users, passwd_line);
        assert_eq!(
            text,
            "root:x:0:0:root:/root:/bin/bash\npostgres:x:999:999::/var/lib/x:/bin/sh\n"
        );
        assert_eq!(with_users(&text, &users, passwd_line), text);
    }
}
