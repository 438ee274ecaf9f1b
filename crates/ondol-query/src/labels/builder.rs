//! Labels in the making.

use std::sync::Arc;

use super::{Label, Labels};

/// Changes to a set of labels, without building it again for each of them.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    /// Sorted by name, each once.
    labels: Vec<Label>,
}

impl From<&Labels> for LabelsBuilder {
    fn from(labels: &Labels) -> Self {
        Self {
            labels: labels.as_slice().to_vec(),
        }
    }
}

impl LabelsBuilder {
    /// Gives a label its value; an empty one takes the label away.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.set_shared(name.into(), value.into())
    }

    /// The same with texts that are shared already.
    pub fn set_shared(&mut self, name: Arc<str>, value: Arc<str>) -> &mut Self {
        if value.is_empty() {
            return self.remove(&name);
        }
        match self.position(&name) {
            Ok(at) => self.labels[at].value = value,
            Err(at) => self.labels.insert(at, Label { name, value }),
        }
        self
    }

    /// Takes a label away.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        if let Ok(at) = self.position(name) {
            self.labels.remove(at);
        }
        self
    }

    /// Takes away what does not pass.
    pub fn keep(&mut self, keep: impl FnMut(&Label) -> bool) -> &mut Self {
        self.labels.retain(keep);
        self
    }

    /// The value of a label; empty without it.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.position(name).map_or("", |at| &*self.labels[at].value)
    }

    /// What was built.
    #[must_use]
    pub fn build(self) -> Labels {
        if self.labels.is_empty() {
            return Labels::empty();
        }
        Labels(Some(self.labels.into()))
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.labels
            .binary_search_by(|label| (*label.name).cmp(name))
    }
}
