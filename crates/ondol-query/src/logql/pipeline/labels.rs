//! The labels of one line while it goes through the stages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::PipelineError;
use crate::logql::ast::Pick;
use crate::logql::source::LogLine;

/// The label that says that something went wrong.
pub(in crate::logql) const ERROR: &str = "__error__";
/// The label that says what.
pub(in crate::logql) const ERROR_DETAILS: &str = "__error_details__";

/// Where a label is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::logql) enum Origin {
    Stream,
    Metadata,
    Parsed,
    /// Found by the store in the text: there when asked for, not shown.
    Lifted,
}

#[derive(Debug)]
struct Entry<'l> {
    name: Cow<'l, str>,
    value: Cow<'l, str>,
    origin: Origin,
}

/// Name and value, sorted by name.
type Shown = Vec<(String, String)>;

#[derive(Debug)]
pub(in crate::logql) struct LineLabels<'l> {
    /// Few: looking at each is faster than an index. Each name once, save that a lifted one may hide behind another.
    entries: Vec<Entry<'l>>,
    /// What went wrong last, and how.
    error: Option<(PipelineError, String)>,
    /// Whether a condition asked for lines that went wrong.
    keeps_errors: bool,
}

impl<'l> LineLabels<'l> {
    pub(super) fn of(line: &LogLine<'l>) -> Self {
        let count = line.stream.len() + line.metadata.len() + line.lifted.len();
        let mut labels = Self {
            entries: Vec::with_capacity(count + 4),
            error: None,
            keeps_errors: false,
        };
        for label in line.stream {
            labels.push(
                Cow::Borrowed(&label.name),
                Cow::Borrowed(&label.value),
                Origin::Stream,
            );
        }
        for (name, value) in line.metadata {
            let name = if labels.position(name).is_some() {
                Cow::Owned(format!("{name}_extracted"))
            } else {
                Cow::Borrowed(*name)
            };
            labels.push(name, Cow::Borrowed(value), Origin::Metadata);
        }
        for (name, value) in line.lifted {
            labels.push(Cow::Borrowed(name), Cow::Borrowed(value), Origin::Lifted);
        }
        labels
    }

    fn push(&mut self, name: Cow<'l, str>, value: Cow<'l, str>, origin: Origin) {
        self.entries.push(Entry {
            name,
            value,
            origin,
        });
    }

    /// Where a label is; one that is not shown only when there is no other.
    fn position(&self, name: &str) -> Option<usize> {
        let mut hidden = None;
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.name == name {
                if entry.origin != Origin::Lifted {
                    return Some(at);
                }
                hidden = Some(at);
            }
        }
        hidden
    }

    /// The value of a label, if the line has it.
    pub(in crate::logql) fn get(&self, name: &str) -> Option<&str> {
        match (name, &self.error) {
            (ERROR, Some((error, _))) => return Some(error.as_str()),
            (ERROR_DETAILS, Some((_, details))) => return Some(details),
            _ => {}
        }
        let at = self.position(name)?;
        Some(&self.entries[at].value)
    }

    /// What a parser found. A name of the stream or of metadata gets a suffix; what was found first stays.
    pub(super) fn extract(&mut self, name: Cow<'l, str>, value: Cow<'l, str>) {
        let taken = |labels: &Self, name: &str| {
            let at = labels.position(name)?;
            Some(labels.entries[at].origin)
        };
        let name = match taken(self, &name) {
            Some(Origin::Stream | Origin::Metadata) => Cow::Owned(format!("{name}_extracted")),
            _ => name,
        };
        if taken(self, &name) != Some(Origin::Parsed) {
            self.push(name, value, Origin::Parsed);
        }
    }

    /// Gives a label its value, whatever it was before.
    pub(super) fn set(&mut self, name: &'l str, value: String) {
        self.remove(name);
        self.push(Cow::Borrowed(name), Cow::Owned(value), Origin::Parsed);
    }

    /// Gives the value of a label to another one.
    pub(super) fn rename(&mut self, from: &str, to: &'l str) {
        let Some(at) = self.position(from) else {
            return;
        };
        let Entry { value, .. } = self.entries.remove(at);
        self.remove(from);
        self.remove(to);
        self.push(Cow::Borrowed(to), value, Origin::Parsed);
    }

    pub(in crate::logql) fn remove(&mut self, name: &str) {
        self.entries.retain(|entry| entry.name != name);
    }

    pub(in crate::logql) fn fail(&mut self, error: PipelineError, details: String) {
        self.error = Some((error, details));
    }

    pub(in crate::logql) fn error(&self) -> Option<&(PipelineError, String)> {
        self.error.as_ref()
    }

    /// A condition asked for lines that went wrong.
    pub(super) fn keep_errors(&mut self) {
        self.keeps_errors = true;
    }

    pub(in crate::logql) fn keeps_errors(&self) -> bool {
        self.keeps_errors
    }

    pub(super) fn drop(&mut self, picks: &[Pick]) {
        let dropped = |name: &str, value: &str| picks.iter().any(|pick| pick.takes(name, value));
        self.entries
            .retain(|entry| !dropped(&entry.name, &entry.value));
        if let Some((error, details)) = &mut self.error {
            if dropped(ERROR, error.as_str()) {
                self.error = None;
            } else if dropped(ERROR_DETAILS, details) {
                details.clear();
            }
        }
    }

    pub(super) fn keep(&mut self, picks: &[Pick]) {
        self.entries.retain(|entry| {
            picks
                .iter()
                .any(|pick| pick.takes(&entry.name, &entry.value))
        });
    }

    /// Name and value of each label that is shown.
    pub(in crate::logql) fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let error = self.error.iter().flat_map(|(error, details)| {
            [(ERROR, error.as_str()), (ERROR_DETAILS, details.as_str())]
        });
        let entries = self
            .entries
            .iter()
            .filter(|entry| entry.origin != Origin::Lifted);
        entries
            .map(|entry| (&*entry.name, &*entry.value))
            .chain(error.filter(|(_, value)| !value.is_empty()))
    }

    /// All of them, for templates.
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let lifted = self
            .entries
            .iter()
            .filter(|entry| entry.origin == Origin::Lifted);
        lifted
            .map(|entry| (&*entry.name, &*entry.value))
            .chain(self.shown())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Of the stream, of metadata, and what was parsed or went wrong.
    pub(super) fn into_shown(self) -> (Shown, Shown, Shown) {
        let mut shown = [Vec::new(), Vec::new(), Vec::new()];
        for entry in self.entries {
            if let Some(of) = shown.get_mut(entry.origin as usize) {
                of.push((entry.name.into_owned(), entry.value.into_owned()));
            }
        }
        let [mut stream, mut metadata, mut parsed] = shown;
        if let Some((error, details)) = self.error {
            parsed.push((ERROR.to_owned(), error.as_str().to_owned()));
            if !details.is_empty() {
                parsed.push((ERROR_DETAILS.to_owned(), details));
            }
        }
        for of in [&mut stream, &mut metadata, &mut parsed] {
            of.sort();
        }
        (stream, metadata, parsed)
    }
}
