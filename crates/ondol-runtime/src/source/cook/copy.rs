use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::context::{self, Context, Entry, Match, Owner};
use super::super::dockerfile::{Copy, CopyFrom, CopySource};
use super::super::store;
use super::{Cooked, Kitchen, SourceError, SourceErrorKind};

const ARCHIVES: [&str; 8] = [
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst",
];

/// The error for a source that is not there.
pub(super) fn no_file(why: String) -> SourceError {
    SourceError::new(
        SourceErrorKind::Dockerfile,
        why,
        "paths are relative to the build context",
    )
}

impl Kitchen<'_> {
    /// COPY and ADD into a layer.
    pub(super) fn copy(
        &mut self,
        copy: &Copy,
        layer: &Path,
        before: &Cooked,
        context: &Context,
        done: &BTreeMap<usize, Cooked>,
    ) -> Result<(), SourceError> {
        let mut owner = self.owner(copy, before)?;
        let mut found: Vec<(Match, Vec<Entry>)> = Vec::new();
        for (number, source) in copy.sources.iter().enumerate() {
            match (source, copy.from) {
                (CopySource::Inline { name, content }, _) => {
                    let dir = self.store.scratch(&format!("{}-{number}", before.digest))?;
                    let file = dir.join(name);
                    fs::write(&file, content).map_err(|error| SourceError::io(name, &error))?;
                    let entry = Entry {
                        host: file,
                        relative: name.into(),
                    };
                    found.push((
                        Match {
                            path: name.into(),
                            is_dir: false,
                        },
                        vec![entry],
                    ));
                }
                (CopySource::Path(path), CopyFrom::Context) => {
                    for matched in context.matches(path).map_err(no_file)? {
                        let entries = context.entries(&matched)?;
                        found.push((matched, entries));
                    }
                }
                (CopySource::Path(path), CopyFrom::Stage(from)) => {
                    let root = self.taken_from(done.get(&from), path, number)?;
                    if owner == Owner::Ours && self.caller.is_root {
                        owner = Owner::Kept;
                    }
                    for matched in context::matches_below(&root, "*").map_err(no_file)? {
                        let entries = context::entries_below(&root, &matched, &|_| false, false)?;
                        found.push((matched, entries));
                    }
                }
            }
        }
        let as_folder = copy.dest.ends_with('/')
            || found.len() > 1
            || self.is_folder(&copy.dest, layer, before);
        for (matched, mut entries) in found {
            let excluded = |entry: &Entry| {
                copy.exclude
                    .iter()
                    .any(|pattern| context::matches_path(pattern, &entry.relative))
            };
            entries.retain(|entry| !excluded(entry));
            self.place(copy, &matched, entries, as_folder, layer, owner)?;
        }
        Ok(())
    }

    fn place(
        &self,
        copy: &Copy,
        matched: &Match,
        mut entries: Vec<Entry>,
        as_folder: bool,
        layer: &Path,
        owner: Owner,
    ) -> Result<(), SourceError> {
        let mut to = store::in_layer(&copy.dest);
        if copy.parents {
            let kept = if matched.is_dir {
                Some(matched.path.as_path())
            } else {
                matched.path.parent()
            };
            to = to.join(kept.unwrap_or(Path::new("")));
        }
        if matched.is_dir {
            store::folder(layer, &format!("/{}", to.display()))?;
        } else {
            let name = matched.path.to_string_lossy();
            if copy.unpack && ARCHIVES.iter().any(|end| name.ends_with(end)) {
                return unpack(
                    &entries,
                    &store::folder(layer, &format!("/{}", to.display()))?,
                );
            }
            if !as_folder && !copy.parents {
                let renamed = to.file_name().map(PathBuf::from).unwrap_or_default();
                to = to.parent().unwrap_or(Path::new("")).to_path_buf();
                for entry in &mut entries {
                    entry.relative.clone_from(&renamed);
                }
            }
        }
        context::copy(&entries, layer, &to, owner, copy.mode)
    }

    /// A destination without `/` at its end is a folder all the same when there is one.
    fn is_folder(&self, dest: &str, layer: &Path, before: &Cooked) -> bool {
        let inside = store::in_layer(dest);
        let below = before.all_layers();
        let roots = [layer]
            .into_iter()
            .chain(below.iter().map(PathBuf::as_path));
        let machine = self.layered.then_some(Path::new("/"));
        roots.chain(machine).any(|root| root.join(&inside).is_dir())
    }

    /// `--chown`, where files can be given to others.
    fn owner(&self, copy: &Copy, before: &Cooked) -> Result<Owner, SourceError> {
        let Some(wanted) = copy.owner.as_deref().filter(|_| self.caller.is_root) else {
            return Ok(Owner::Ours);
        };
        let (user, group) = wanted.split_once(':').unwrap_or((wanted, wanted));
        let id = |name: &str| {
            let own = before
                .users
                .iter()
                .find(|user| user.name == name)
                .map(|user| user.id);
            name.parse()
                .ok()
                .or_else(|| {
                    crate::identity::find(name, Path::new("/"))
                        .ok()
                        .map(|found| found.uid)
                })
                .or(own)
        };
        match (id(user), id(group)) {
            (Some(user), Some(group)) => Ok(Owner::Ids(user, group)),
            (Some(user), None) => Ok(Owner::Ids(user, user)),
            _ => Err(SourceError::new(
                SourceErrorKind::Dockerfile,
                format!("--chown={wanted}: there is no user {user}"),
                "make it by a RUN useradd line before, or use a number",
            )),
        }
    }

    /// Files of another stage, in a folder of their own: what `source` matches there, by their last names.
    fn taken_from(
        &mut self,
        from: Option<&Cooked>,
        source: &str,
        number: usize,
    ) -> Result<PathBuf, SourceError> {
        let missing = || {
            no_file(format!(
                "`{source}` is not in the stage that it is copied from"
            ))
        };
        let from = from.ok_or_else(missing)?;
        let source = format!("/{}", source.trim_start_matches('/'));
        let scratch = self.store.scratch(&format!("{}-{number}", from.digest))?;
        if !self.layered {
            let tree = from.layers.first().ok_or_else(missing)?;
            let out = scratch.join("out");
            for matched in context::matches_below(tree, &source).map_err(no_file)? {
                let entries = context::entries_below(tree, &matched, &|_| false, false)?;
                let name = matched
                    .path
                    .file_name()
                    .filter(|_| matched.is_dir)
                    .map(PathBuf::from)
                    .unwrap_or_default();
                context::copy(
                    &entries,
                    &scratch,
                    &Path::new("out").join(name),
                    Owner::Ours,
                    None,
                )?;
            }
            return if out.is_dir() {
                Ok(out)
            } else {
                Err(missing())
            };
        }
        // Only the sandbox sees the stage as a whole, with the machine's own files below.
        let script = "IFS=; mkdir -p /ondol-out; any=; for f in $1; do [ -e \"$f\" ] || continue; any=1; \
                      if [ -d \"$f\" ]; then n=$(basename \"$f\"); mkdir -p \"/ondol-out/$n\"; \
                      cp -a \"$f/.\" \"/ondol-out/$n/\"; else cp -aH \"$f\" /ondol-out/; fi || exit 1; done; \
                      [ -n \"$any\" ] || exit 44";
        let argv: Vec<String> = ["/bin/sh", "-c", script, "copy", &source]
            .iter()
            .map(ToString::to_string)
            .collect();
        match self.bake_quietly(&argv, &scratch, from)? {
            0 => Ok(scratch.join("ondol-out")),
            44 => Err(missing()),
            code => Err(no_file(format!(
                "copying `{source}` from its stage failed (exit {code})"
            ))),
        }
    }
}

fn unpack(entries: &[Entry], to: &Path) -> Result<(), SourceError> {
    for entry in entries {
        let output = Command::new("tar")
            .arg("-xf")
            .arg(&entry.host)
            .arg("-C")
            .arg(to)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| SourceError::io("tar", &error))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_string();
            return Err(no_file(format!(
                "{} could not be unpacked: {why}",
                entry.host.display()
            )));
        }
    }
    Ok(())
}
