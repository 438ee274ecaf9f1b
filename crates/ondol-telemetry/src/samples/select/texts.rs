//! Matching and labels by number: each text is looked at once, and becomes a label once.

use std::sync::Arc;

use ondol_query::{Label, Labels, Matcher};

/// The texts of one place, and what is known of them.
pub(super) struct Texts {
    shared: Vec<Option<Arc<str>>>,
    /// For each matcher and each text: not asked yet, yes, no.
    verdicts: Vec<Vec<u8>>,
}

impl Texts {
    pub(super) fn new(count: usize, matchers: &[Matcher]) -> Self {
        Texts {
            shared: vec![None; count],
            verdicts: vec![vec![0; count]; matchers.len()],
        }
    }

    fn shared(&mut self, symbol: u32, text: &str) -> Arc<str> {
        match self.shared.get_mut(symbol as usize) {
            Some(shared) => shared.get_or_insert_with(|| text.into()).clone(),
            None => text.into(),
        }
    }

    /// Whether a series with these pairs passes.
    pub(super) fn pass<'t>(
        &mut self,
        matchers: &[Matcher],
        pairs: &[(u32, u32)],
        text: impl Fn(u32) -> &'t str,
    ) -> bool {
        matchers
            .iter()
            .zip(&mut self.verdicts)
            .all(|(matcher, verdicts)| {
                let value = pairs.iter().find(|(name, _)| text(*name) == matcher.name());
                let Some((_, value)) = value else {
                    return matcher.matches_empty();
                };
                match verdicts.get_mut(*value as usize) {
                    Some(verdict) => {
                        if *verdict == 0 {
                            *verdict = 1 + u8::from(!matcher.matches(text(*value)));
                        }
                        *verdict == 1
                    }
                    None => matcher.matches(text(*value)),
                }
            })
    }

    pub(super) fn labels<'t>(
        &mut self,
        pairs: &[(u32, u32)],
        text: impl Fn(u32) -> &'t str,
    ) -> Labels {
        let label = |(name, value): &(u32, u32)| Label {
            name: self.shared(*name, text(*name)),
            value: self.shared(*value, text(*value)),
        };
        Labels::from_sorted(pairs.iter().map(label).collect())
    }
}
