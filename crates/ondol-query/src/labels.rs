//! The labels of a series: sorted by name, each name once, no empty value.

mod builder;

use std::fmt;
use std::sync::Arc;

pub use builder::LabelsBuilder;

/// The label that holds the name of the metric.
pub const METRIC_NAME: &str = "__name__";

/// A name and its value. Both are shared: a label that many series have costs its text once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// UTF-8, not empty.
    pub name: Arc<str>,
    /// UTF-8, not empty: a label without a value is no label.
    pub value: Arc<str>,
}

/// What names a series. Cheap to clone. Ordered as Prometheus orders series: label by label, name before value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Option<Arc<[Label]>>);

impl Labels {
    /// No label at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Of pairs in any order. Empty values are left out; of a name that comes twice, the last one counts.
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// Of labels that are sorted by name, without duplicates and without empty values, as a store keeps them.
    /// Anything else is put in order first.
    #[must_use]
    pub fn from_sorted(labels: Vec<Label>) -> Self {
        let in_order = labels.windows(2).all(|pair| pair[0].name < pair[1].name);
        if !in_order || labels.iter().any(|label| label.value.is_empty()) {
            return labels.into_iter().collect();
        }
        if labels.is_empty() {
            return Self::empty();
        }
        Self(Some(labels.into()))
    }

    /// In order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.as_slice().iter()
    }

    /// In order of their names.
    #[must_use]
    pub fn as_slice(&self) -> &[Label] {
        self.0.as_deref().unwrap_or_default()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The value of a label; empty when the series does not have it, which PromQL does not tell apart.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |label| &label.value)
    }

    /// The label of this name, if the series has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Label> {
        let labels = self.as_slice();
        // Series have few labels: looking at each is faster than halving.
        labels.iter().find(|label| *label.name == *name)
    }

    /// The name of the metric; empty when it was dropped.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// The same labels, of which some pass.
    #[must_use]
    pub fn keeping(&self, mut keep: impl FnMut(&Label) -> bool) -> Self {
        if self.iter().all(&mut keep) {
            return self.clone();
        }
        Self::from_sorted(self.iter().filter(|label| keep(label)).cloned().collect())
    }

    /// The same labels without this one.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        self.keeping(|label| *label.name != *name)
    }

    /// A builder that starts with these.
    #[must_use]
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder::from(self)
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        let mut builder = LabelsBuilder::default();
        for Label { name, value } in labels {
            builder.set_shared(name, value);
        }
        builder.build()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a Label;
    type IntoIter = std::slice::Iter<'a, Label>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As error texts show a series: `{__name__="up", job="api"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, Label { name, value }) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_plain_name(name) {
                f.write_str(name)?;
            } else {
                write!(f, "{}", crate::quote::Quoted(name))?;
            }
            write!(f, "={}", crate::quote::Quoted(value))?;
        }
        f.write_str("}")
    }
}

/// Whether a label name needs no quotes: letters, digits and underscores, no digit first.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_empty_values_are_no_labels() {
        let labels = Labels::of(&[("z", "1"), ("a", "x"), ("gone", ""), ("z", "2")]);
        assert_eq!(labels.to_string(), r#"{a="x", z="2"}"#);
        assert_eq!(labels.get("gone"), "");
        assert_eq!(Labels::of(&[("gone", "")]), Labels::empty());
    }

    #[test]
    fn labels_that_were_said_to_be_sorted_but_are_not_are_put_in_order() {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let labels = Labels::from_sorted(vec![label("b", "1"), label("a", "2"), label("c", "")]);
        assert_eq!(labels, Labels::of(&[("a", "2"), ("b", "1")]));
    }

    #[test]
    fn names_that_no_identifier_can_be_are_shown_in_quotes() {
        let labels = Labels::of(&[("service.name", "a\"b"), ("job", "x\n")]);
        assert_eq!(labels.to_string(), r#"{job="x\n", "service.name"="a\"b"}"#);
    }
}
