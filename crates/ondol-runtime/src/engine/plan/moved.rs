//! Without a mount namespace paths of the replica's sight do not exist: they are moved to real places, and the
//! words that name them are rewritten.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ondol_model::{MountSource, Run};

use crate::Launch;
use crate::engine::{Inner, volumes};
use crate::spec::{FileContent, Task};

/// Does so for one start. Returns what was moved where, the longest path first.
pub(super) fn move_into_reach(
    inner: &Inner,
    run: &Run,
    launch: &Launch,
    listens: &super::Place,
    task: &mut Task,
) -> Result<Vec<(String, PathBuf)>, String> {
    let own = inner.paths.replica(&run.replica).join("files");
    let inside = |path: &str| own.join(path.trim_start_matches('/'));
    let owner = Owner::find(task.main.user.as_deref())?;
    owner.make(&own, 0o700)?;
    let mut moved: Vec<(String, PathBuf)> = Vec::new();
    if let Some(context) = &launch.context {
        moved.push((context.target.clone(), context.host.clone()));
    }
    for mount in &run.service.mounts {
        let place = match &mount.source {
            MountSource::Volume { name, .. } => {
                let place = volumes::path(inner, run, mount)?;
                let variable = format!("ONDOL_VOLUME_{}", shout(name));
                task.env
                    .insert(variable, place.to_string_lossy().into_owned());
                owner.take_empty(place)?
            }
            MountSource::Anonymous => owner.take_empty(volumes::path(inner, run, mount)?)?,
            MountSource::Bind { path, .. } => path.clone(),
            MountSource::Tmpfs { .. } => made(inside(&mount.target))?,
        };
        moved.push((mount.target.clone(), place));
    }
    longest_first(&mut moved);
    for dir in &launch.data_dirs {
        let above = moved.iter().find(|(target, _)| is_below(&dir.path, target));
        let place = match above {
            Some(_) => PathBuf::from(rewritten(&dir.path, &moved)),
            None => inside(&dir.path),
        };
        let other = dir.owner.clone();
        let other = other.and_then(|user| super::here(inner, user, &launch.users));
        let owner = match &other {
            Some(user) => &Owner::find(Some(user))?,
            None => &owner,
        };
        owner.make(&place, dir.mode)?;
        if above.is_none() {
            moved.push((dir.path.clone(), place));
        }
    }
    for mut file in super::room::files(run, launch)? {
        if let FileContent::Text(text) = &mut file.content {
            *text = listens.filled(text);
        }
        let place = inside(&file.path);
        write(&place, &file.content, file.mode)
            .and_then(|()| owner.own(&place))
            .map_err(|error| format!("{}: {error}", place.display()))?;
        moved.push((file.path, place));
    }
    longest_first(&mut moved);
    rewrite_task(task, &moved);
    if !Path::new(&task.main.workdir).is_dir() {
        let home = made(inside("/"))?;
        task.main.workdir = home.to_string_lossy().into_owned();
    }
    Ok(moved)
}

/// A mount inside the context is not the context.
fn longest_first(moved: &mut [(String, PathBuf)]) {
    moved.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
}

fn rewrite_task(task: &mut Task, moved: &[(String, PathBuf)]) {
    let before = task.before.iter_mut();
    let commands = before.map(|before| {
        let env = before.env.values_mut();
        for path in env.chain(&mut before.unless_exists) {
            *path = rewritten(path, moved);
        }
        &mut before.command
    });
    for command in commands.chain([&mut task.main]) {
        command.workdir = rewritten(&command.workdir, moved);
        for word in &mut command.argv {
            *word = rewritten(word, moved);
        }
    }
    for value in task.env.values_mut() {
        *value = rewritten(value, moved);
    }
}

/// Replaces whole paths only: `/data` moves in `--dir=/data/x`, not in `/database`.
pub(in crate::engine) fn rewritten(text: &str, moved: &[(String, PathBuf)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    'next: while let Some(c) = rest.chars().next() {
        let begins =
            !out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
        if c == '/' && begins {
            for (target, place) in moved {
                let after = rest.strip_prefix(target.trim_end_matches('/'));
                let Some(after) = after.filter(|after| ends_path(after)) else {
                    continue;
                };
                out.push_str(&place.to_string_lossy());
                rest = after;
                continue 'next;
            }
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn ends_path(after: &str) -> bool {
    !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Whom what is made for a service belongs to; nobody else where nobody else can be.
#[derive(Clone, Copy, Debug)]
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find(user: Option<&str>) -> Result<Owner, String> {
        let identity = user.map(|user| crate::identity::find(user, Path::new("/")));
        let identity = identity.transpose()?;
        Ok(Owner(identity.map(|found| (found.uid, found.gid))))
    }

    /// A folder, with those above it that are missing.
    fn make(self, dir: &Path, mode: u32) -> Result<(), String> {
        let make = || {
            fs::create_dir_all(dir)?;
            fs::set_permissions(dir, fs::Permissions::from_mode(mode))?;
            self.own(dir)
        };
        make().map_err(|error: std::io::Error| format!("{}: {error}", dir.display()))
    }

    /// A volume, which is given to the service's user while nothing is in it.
    fn take_empty(self, volume: PathBuf) -> Result<PathBuf, String> {
        let take = || {
            fs::create_dir_all(&volume)?;
            match fs::read_dir(&volume)?.next() {
                None => self.own(&volume),
                Some(_) => Ok(()),
            }
        };
        take().map_err(|error: std::io::Error| format!("{}: {error}", volume.display()))?;
        Ok(volume)
    }

    fn own(self, path: &Path) -> std::io::Result<()> {
        match self.0 {
            Some((uid, gid)) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

fn is_below(path: &str, target: &str) -> bool {
    Path::new(path).starts_with(target)
}

fn made(dir: PathBuf) -> Result<PathBuf, String> {
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}

fn write(path: &Path, content: &FileContent, mode: u32) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let _ = fs::remove_file(path);
    match content {
        FileContent::Text(text) => fs::write(path, text)?,
        FileContent::Path(from) => drop(fs::copy(from, path)?),
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn shout(name: &str) -> String {
    let upper = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    name.chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_paths_are_rewritten_and_nothing_else() {
        let moved = [
            ("/app/data".to_owned(), PathBuf::from("/v/data")),
            ("/app".to_owned(), PathBuf::from("/src")),
        ];
        for (text, expected) in [
            ("/app", "/src"),
            ("/app/x.js", "/src/x.js"),
            ("/app/data/1", "/v/data/1"),
            ("--dir=/app/data", "--dir=/v/data"),
            ("/application /app", "/application /src"),
            ("/usr/app", "/usr/app"),
            ("a:/app:/app/data", "a:/src:/v/data"),
            ("http://app/data", "http://app/data"),
            ("ü/app", "ü/app"),
        ] {
            assert_eq!(rewritten(text, &moved), expected, "{text}");
        }
    }
}
