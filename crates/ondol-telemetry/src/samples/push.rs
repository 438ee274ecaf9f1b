//! Samples that come with their moments: remote write, OTLP, explicit timestamps on a page.

use ondol_query::{Labels, Value};

use super::admission::Refused;
use super::codec::bits_of;
use super::engine::Samples;
use super::exemplars::KeptExemplar;
use super::series::SeriesId;
use crate::store::StoreError;

/// A sample that somebody brings.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its series, `__name__` included.
    pub labels: Labels,
    /// Its moment, in milliseconds since 1970. Any order will do.
    pub at_ms: i64,
    /// A number, or a native histogram.
    pub value: Value,
}

impl Samples {
    /// Takes in samples in any order; says what was refused. When it returned, they are in the log.
    ///
    /// # Errors
    ///
    /// When nothing can be stored. Those before the failure are.
    pub fn push(&mut self, pushed: &[Pushed], now_ms: i64) -> Result<Refused, StoreError> {
        self.check_pressure()?;
        let mut refused = Refused::default();
        let mut floats = Vec::new();
        for sample in pushed {
            let labels = &sample.labels;
            let job = labels.get("job").to_owned();
            let labels: Vec<(String, String)> = (labels.iter())
                .map(|label| (label.name.to_string(), label.value.to_string()))
                .collect();
            if let Err(why) = self.admit(&labels, &job) {
                refused.add(why);
                self.refused.add(&job, why);
                continue;
            }
            let labels: Vec<(&str, &str)> = labels
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            let series = self.head.table.intern(&labels);
            match &sample.value {
                Value::Float(value) => floats.push((series, sample.at_ms, bits_of(*value))),
                Value::Histogram(_) if !self.is_in_time(sample.at_ms, now_ms) => {
                    refused.out_of_time += 1
                }
                Value::Histogram(value) => {
                    (self.journal).histogram(&self.head, series, sample.at_ms, value, now_ms)?;
                    self.head.items += 1;
                    self.head
                        .loose
                        .push_histogram(series, sample.at_ms, value.clone());
                }
            }
        }
        let late = self.push_moments(&floats, now_ms)?;
        self.refused.add("", late);
        refused.add(late);
        Ok(refused)
    }

    /// Takes in observations behind a series that is there; others are of nothing. They are in memory only.
    pub fn push_exemplars(&mut self, labels: &Labels, exemplars: Vec<KeptExemplar>) {
        let labels: Vec<(&str, &str)> = (labels.iter())
            .map(|label| (&*label.name, &*label.value))
            .collect();
        if let Some(series) = self.head.table.find(&labels) {
            for exemplar in exemplars {
                self.exemplars.push(series, exemplar);
            }
        }
    }

    /// The same of series that are known.
    pub(super) fn push_moments(
        &mut self,
        samples: &[(SeriesId, i64, u64)],
        now_ms: i64,
    ) -> Result<Refused, StoreError> {
        let in_time: Vec<(SeriesId, i64, u64)> = samples
            .iter()
            .copied()
            .filter(|(_, at_ms, _)| self.is_in_time(*at_ms, now_ms))
            .collect();
        if !in_time.is_empty() {
            self.journal.floats(&self.head, &in_time, now_ms)?;
        }
        for (series, at_ms, bits) in &in_time {
            self.head.loose.push(*series, *at_ms, *bits);
        }
        self.head.items += in_time.len() as u64;
        Ok(Refused {
            out_of_time: (samples.len() - in_time.len()) as u64,
            ..Refused::default()
        })
    }

    /// Whether these labels may become a series, or are one.
    pub(super) fn admit(&mut self, labels: &[(String, String)], job: &str) -> Result<(), Refused> {
        let limits = &self.config.limits;
        let too_long =
            |(name, value): &(String, String)| name.len() + value.len() > limits.label_bytes_max;
        let twice = labels
            .windows(2)
            .any(|pair| pair.first().map(|l| &l.0) == pair.last().map(|l| &l.0));
        if twice || labels.len() > limits.labels_max || labels.iter().any(too_long) {
            return Err(Refused {
                bad_labels: 1,
                ..Refused::default()
            });
        }
        let borrowed: Vec<(&str, &str)> = labels
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        if self.head.table.find(&borrowed).is_some() {
            return Ok(());
        }
        let of_job = self.jobs.get(job).copied().unwrap_or(0);
        if self.head.table.len() >= limits.series_max || of_job >= limits.series_per_job_max {
            return Err(Refused {
                over_cap: 1,
                ..Refused::default()
            });
        }
        *self.jobs.entry(job.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Counts the living series of each job anew.
    pub(super) fn count_jobs(&mut self) {
        self.jobs.clear();
        for id in self.head.table.ids() {
            let job = self.head.table.labels(id).find(|(name, _)| *name == "job");
            let job = job.map_or("", |(_, job)| job);
            match self.jobs.get_mut(job) {
                Some(count) => *count += 1,
                None => drop(self.jobs.insert(job.to_owned(), 1)),
            }
        }
    }

    fn is_in_time(&self, at_ms: i64, now_ms: i64) -> bool {
        let from = now_ms.saturating_sub_unsigned(self.config.retention.keep_ms);
        let to = now_ms.saturating_add_unsigned(self.config.limits.ahead_ms_max);
        (from..=to).contains(&at_ms)
    }
}
