//! A store in memory that gives samples as Prometheus' would.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail};
use ondol_query::{
    Histogram, Labels, ResetHint, Sample, Samples, Selected, Selection, Source, SourceError, Value,
};

use super::buckets;
use super::script::Load;

#[derive(Default)]
pub(super) struct Store {
    series: BTreeMap<Labels, BTreeMap<i64, Sample>>,
}

impl Store {
    pub(super) fn load(&mut self, load: Load) -> Result<()> {
        if let Some(reason) = load.wrong {
            bail!("{reason}");
        }
        let mut loaded: Vec<(Labels, Vec<Sample>)> = Vec::new();
        for ((labels, values), starts) in load.series {
            let (mut samples, mut at, mut start) = (Vec::new(), 0, 0);
            for described in values {
                if let Some(value) = described.value {
                    if let Some(starts) = &starts {
                        start = starts.of(samples.len(), at, start);
                    }
                    samples.push(Sample {
                        time_ms: at,
                        start_ms: start,
                        value,
                    });
                }
                at += load.step_ms;
            }
            loaded.push((labels, samples));
        }
        if load.with_nhcb {
            let converted = buckets::converted(&loaded);
            loaded.extend(converted);
        }
        for (labels, samples) in loaded {
            let series = self.series.entry(labels).or_default();
            series.extend(samples.into_iter().map(|sample| (sample.time_ms, sample)));
        }
        Ok(())
    }
}

impl Source for Store {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let matching = self.series.iter().filter(|(labels, _)| {
            selection
                .matchers
                .iter()
                .all(|matcher| matcher.matches_labels(labels))
        });
        Ok(matching
            .map(|(labels, samples)| {
                let stored = as_stored(samples.values());
                let span = selection.start_ms..=selection.end_ms;
                let wanted = stored
                    .into_iter()
                    .filter(|sample| span.contains(&sample.time_ms));
                Selected {
                    labels: labels.clone(),
                    samples: Box::new(Once(wanted.collect())),
                }
            })
            .filter(|selected: &Selected<'_>| !selected.labels.is_empty())
            .collect())
    }
}

struct Once(Vec<Sample>);

impl Samples for Once {
    fn read(&mut self, into: &mut Vec<Sample>) -> Result<bool, SourceError> {
        let some = !self.0.is_empty();
        into.append(&mut self.0);
        Ok(some)
    }
}

/// Histograms as they come back from chunks: what is known about resets is known only inside of a chunk.
fn as_stored<'s>(samples: impl Iterator<Item = &'s Sample>) -> Vec<Sample> {
    let mut before: Option<Arc<Histogram>> = None;
    samples
        .map(|sample| {
            let mut sample = sample.clone();
            match &mut sample.value {
                // The marker of a series of histograms is one.
                Value::Float(value) if ondol_query::is_stale(*value) && before.is_some() => {
                    sample.value = Value::Histogram(Arc::new(Histogram {
                        sum: *value,
                        ..Histogram::default()
                    }));
                }
                Value::Float(_) => before = None,
                Value::Histogram(value) => {
                    let hint = hint_of(value, before.as_deref());
                    before = Some(Arc::clone(value));
                    Arc::make_mut(value).reset_hint = hint;
                }
            }
            sample
        })
        .collect()
}

fn hint_of(value: &Histogram, before: Option<&Histogram>) -> ResetHint {
    let Some(before) = before else {
        return match value.reset_hint {
            ResetHint::Gauge => ResetHint::Gauge,
            ResetHint::Reset => ResetHint::Reset,
            ResetHint::Unknown | ResetHint::NotReset => ResetHint::Unknown,
        };
    };
    if value.reset_hint == ResetHint::Gauge {
        return ResetHint::Gauge;
    }
    if before.reset_hint == ResetHint::Gauge {
        return ResetHint::Unknown;
    }
    if value.reset_hint == ResetHint::Reset || value.counts_anew_after(before) {
        return ResetHint::Reset;
    }
    let new_chunk = value.schema != before.schema
        || value.zero_threshold.to_bits() != before.zero_threshold.to_bits()
        || value.custom_values != before.custom_values;
    if new_chunk {
        ResetHint::Unknown
    } else {
        ResetHint::NotReset
    }
}
