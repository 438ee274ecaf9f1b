use std::collections::BTreeMap;
use std::fmt::Write as _;

use ondol_model::Digest;

use super::super::context::{self, Context};
use super::super::dockerfile::{CopyFrom, CopySource, Step, StepKind};
use super::{Cooked, Kitchen, SourceError, copy};

impl Kitchen<'_> {
    /// Names what a group of lines is made from: what was before, the lines, and the files that they see.
    pub(super) fn group_digest(
        &self,
        group: &[(usize, &Step)],
        context: &Context,
        cooked: &Cooked,
        done: &BTreeMap<usize, Cooked>,
    ) -> Result<Digest, SourceError> {
        let mut text = cooked.digest.to_string();
        for (_, step) in group {
            // The line number is not part of it: a comment above changes nothing.
            let _ = write!(text, "\n{:?}", step.kind);
            let at = |error: SourceError| error.at(&self.dockerfile, step.line);
            let seen: Vec<&String> = match &step.kind {
                StepKind::Copy(copy) => {
                    if let CopyFrom::Stage(from) = copy.from {
                        let from = done.get(&from).map(|from| from.digest.to_string());
                        text.push_str(&from.unwrap_or_default());
                        continue;
                    }
                    let paths = copy.sources.iter().filter_map(|source| match source {
                        CopySource::Path(path) => Some(path),
                        CopySource::Inline { .. } => None,
                    });
                    paths.collect()
                }
                StepKind::Run(run) => run.binds.iter().map(|(source, _)| source).collect(),
                StepKind::Folder(_) => continue,
            };
            for source in seen {
                for found in context
                    .matches(source)
                    .map_err(|why| at(copy::no_file(why)))?
                {
                    let entries = context.entries(&found).map_err(at)?;
                    let _ = write!(
                        text,
                        "\n{:?} {}",
                        found.path,
                        context::digest(&entries).map_err(at)?
                    );
                }
            }
        }
        Ok(Digest::of(text.as_bytes()))
    }
}
