use crate::findings::{Findings, error};
use crate::tree::Span;

/// One file; more is not read.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files of one load, counted each time one is included or extended from.
pub(crate) const FILES_MAX: u32 = 10_000;
/// Nesting of YAML, of variables in variables, of includes, and of `extends`.
pub(crate) const DEPTH_MAX: usize = 100;
/// All that is held, in [`crate::tree::Node::weight`]s: aliases, ranges, variables and `extends` written out.
const WEIGHT_MAX: u64 = 64 << 20;

/// What a load may still take. Small files can mean huge ones; whoever copies asks here first.
#[derive(Debug)]
pub(crate) struct Budget {
    weight_left: u64,
    files_left: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            weight_left: WEIGHT_MAX,
            files_left: FILES_MAX,
        }
    }
}

impl Budget {
    /// Whether `weight` more may be held for what stands at `span`; the first refusal is an error, and all later ones
    /// are refused too.
    pub(crate) fn take(
        &mut self,
        weight: u64,
        span: impl Into<Option<Span>>,
        findings: &mut Findings,
    ) -> bool {
        if self.weight_left == 0 {
            return false;
        }
        self.weight_left = self.weight_left.saturating_sub(weight);
        if self.weight_left == 0 {
            let mega = WEIGHT_MAX >> 20;
            let finding = error("too-large", format!("the files mean more than {mega} MiB once aliases, variables, port ranges and `extends` are written out"))
                .help("look for anchors that contain each other, or for a very wide port range");
            findings.add(match span.into() {
                Some(span) => finding.at(span).label("the limit is reached here"),
                None => finding,
            });
        }
        self.weight_left > 0
    }

    /// Whether one more file may be read.
    pub(crate) fn take_file(&mut self) -> bool {
        self.files_left = self.files_left.saturating_sub(1);
        self.files_left > 0
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.weight_left == 0
    }
}
