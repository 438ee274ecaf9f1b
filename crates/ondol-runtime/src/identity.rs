//! Users by name, as the replica's own `/etc/passwd` and `/etc/group` know them. The C library is not asked:
//! it would load plug-ins of the machine.

use std::fs;
use std::path::Path;

/// Who a process runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Further groups.
    pub(crate) groups: Vec<u32>,
    pub(crate) home: Option<String>,
    pub(crate) name: Option<String>,
}

/// `user`, `user:group`, by name or id, looked up below `root`; the error is for people.
pub(crate) fn find(user: &str, root: &Path) -> Result<Identity, String> {
    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let group = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
    find_in(user, &passwd, &group)
}

fn find_in(user: &str, passwd: &str, group: &str) -> Result<Identity, String> {
    let (user, wanted_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let entry = rows(passwd).find(|row| row.first() == Some(&user) || row.get(2) == Some(&user));
    let id = |row: &[&str], at: usize| row.get(at).and_then(|text| text.parse::<u32>().ok());
    let mut identity = match &entry {
        Some(row) => Identity {
            uid: id(row, 2).unwrap_or(0),
            gid: id(row, 3).unwrap_or(0),
            groups: Vec::new(),
            home: row.get(5).map(|&home| home.to_owned()),
            name: row.first().map(|&name| name.to_owned()),
        },
        None => Identity {
            uid: user.parse().map_err(|_| {
                format!("there is no user `{user}`; use a user of /etc/passwd or a numeric id")
            })?,
            ..Identity::default()
        },
    };
    if let Some(name) = &identity.name {
        identity.groups = rows(group)
            .filter(|row| {
                row.get(3)
                    .is_some_and(|members| members.split(',').any(|m| m == name))
            })
            .filter_map(|row| id(&row, 2))
            .collect();
    }
    if let Some(wanted) = wanted_group {
        let named = rows(group).find(|row| row.first() == Some(&wanted));
        identity.gid = named
            .and_then(|row| id(&row, 2))
            .or_else(|| wanted.parse().ok())
            .ok_or_else(|| {
                format!("there is no group `{wanted}`; use a group of /etc/group or a numeric id")
            })?;
    }
    Ok(identity)
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nssl:x:99:other,web\n";

    #[test]
    fn users_are_found_by_name_and_by_id() {
        let web = Identity {
            uid: 33,
            gid: 34,
            groups: vec![99],
            home: Some("/var/www".into()),
            name: Some("web".into()),
        };
        assert_eq!(find_in("web", PASSWD, GROUP), Ok(web.clone()));
        assert_eq!(find_in("33", PASSWD, GROUP), Ok(web));
        assert_eq!(find_in("web:ssl", PASSWD, GROUP).unwrap().gid, 99);
        assert_eq!(find_in("1000:7", PASSWD, GROUP).unwrap().gid, 7);
        assert_eq!(find_in("1000", PASSWD, GROUP).unwrap().uid, 1000);
    }

    #[test]
    fn who_is_not_there_is_named() {
        assert!(
            find_in("nobody2", PASSWD, GROUP)
                .unwrap_err()
                .contains("`nobody2`")
        );
        assert!(
            find_in("web:nogroup2", PASSWD, GROUP)
                .unwrap_err()
                .contains("`nogroup2`")
        );
    }
}
