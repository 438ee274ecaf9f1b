//! Rule files of Prometheus that `x-ondol.alerts` names.

use std::path::Path;

use ondol_model::RuleFile;

use super::Loader;
use crate::budget::FILE_BYTES_MAX;
use crate::checks::Check;
use crate::findings::error;
use crate::lower;
use crate::tree::{Node, Span};
use crate::utf8::text_of;

impl Loader<'_> {
    /// Reads them, and tells what is wrong with them where it stands.
    pub(super) fn rule_files(&mut self, tree: &Node, check: Option<Check>) -> Vec<RuleFile> {
        let mut files = Vec::new();
        for (path, span) in lower::rule_files(tree) {
            if let Some(text) = self.rule_file(Path::new(&path), span, check) {
                let path = path.into();
                files.push(RuleFile { path, text });
            }
        }
        files
    }

    fn rule_file(&mut self, path: &Path, span: Span, check: Option<Check>) -> Option<String> {
        let bytes = match self.source.read(path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(why) => {
                let message = format!("cannot read the rule file {}: {why}", path.display());
                let finding = error("no-file", message).at(span);
                self.findings
                    .add(finding.help("the path is relative to the file that names it"));
                return None;
            }
        };
        if !self
            .budget
            .take(bytes.len() as u64, span, &mut self.findings)
        {
            return None;
        }
        let (text, file) = text_of(path, &bytes, &mut self.findings)?;
        for misfit in check.map(|check| check(text)).unwrap_or_default() {
            let span = Span {
                file,
                start: misfit.start as u32,
                end: misfit.end as u32,
            };
            let finding = error("bad-value", misfit.message).at(span);
            self.findings.add(finding.help_maybe(misfit.help));
        }
        Some(text.to_owned())
    }
}
