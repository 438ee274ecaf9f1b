//! A page of a target, taken in.

use std::fmt;

use ondol_query::METRIC_NAME;

use super::admission::Refused;
use super::codec::{ABSENT, bits_of, is_live};
use super::engine::Samples;
use super::group::Column;
use super::head::{GroupId, Head};
use super::page::PageMemory;
use super::series::SeriesId;
use crate::exposition::{Exemplar, ExpositionError, Format, Line, Lines, Reading, Sample};
use crate::store::StoreError;

/// Who was asked for the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name among all targets; stays the same between scrapes.
    pub key: String,
    /// Labels that each of its series gets: `job`, `instance`, and what else names it. A label of the page with the same
    /// name becomes `exported_...`.
    pub labels: Vec<(String, String)>,
}

impl Target {
    /// The label `job`.
    pub fn job(&self) -> &str {
        let job = self.labels.iter().find(|(name, _)| name == "job");
        job.map_or("", |(_, job)| job)
    }
}

/// What came of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scraped {
    /// Samples on the page.
    pub samples: u64,
    /// Series that are new.
    pub added: u64,
    /// What was not taken.
    pub refused: Refused,
}

/// Why nothing of a page was taken.
#[derive(Debug)]
pub enum ScrapeError {
    /// The page is not what its format says.
    Page(ExpositionError),
    /// The store did not take it.
    Store(StoreError),
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScrapeError::Page(error) => write!(f, "the page cannot be read: {error}"),
            ScrapeError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ScrapeError {}

impl From<StoreError> for ScrapeError {
    fn from(error: StoreError) -> Self {
        ScrapeError::Store(error)
    }
}

impl Samples {
    /// Takes in what `target` said; the request took `took_ms`. All of the page or nothing: where it cannot be read, the
    /// target counts as down. A series that was on the page before and is not any more is marked stale.
    ///
    /// # Errors
    ///
    /// When the page cannot be read, or nothing can be stored.
    pub fn scrape(
        &mut self,
        target: &Target,
        page: &[u8],
        format: Format,
        took_ms: u64,
        now_ms: i64,
    ) -> Result<Scraped, ScrapeError> {
        self.check_pressure()?;
        let group = self.head.group(&target.key);
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        let mut taking = Taking {
            target,
            group,
            row,
            moments: Vec::new(),
            scraped: Scraped::default(),
            now_ms,
        };
        let read = taking.read(self, page, format);
        let Taking {
            row,
            moments,
            mut scraped,
            ..
        } = taking;
        self.row = row;
        if let Err(error) = read {
            self.scrape_failed(target, took_ms, now_ms)?;
            return Err(ScrapeError::Page(error));
        }
        scraped.refused.add(self.push_moments(&moments, now_ms)?);
        self.refused.add(target.job(), scraped.refused);
        self.finish_row(target, group, Some(scraped), took_ms, now_ms)?;
        Ok(scraped)
    }

    /// The target did not answer, or not with a page: `up` is 0 and its series end here.
    ///
    /// # Errors
    ///
    /// When nothing can be stored.
    pub fn scrape_failed(
        &mut self,
        target: &Target,
        took_ms: u64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let group = self.head.group(&target.key);
        self.row.clear();
        self.finish_row(target, group, None, took_ms, now_ms)
    }

    /// The target is none any more: all its series end here.
    ///
    /// # Errors
    ///
    /// When nothing can be stored.
    pub fn forget(&mut self, target_key: &str, now_ms: i64) -> Result<(), StoreError> {
        self.pages.remove(target_key);
        let Some(group) = self.head.by_key.get(target_key).copied() else {
            return Ok(());
        };
        self.row.clear();
        self.commit_row(group, now_ms)
    }

    /// Adds what is known of the scrape itself, under the names that Prometheus gives it, and commits the row.
    fn finish_row(
        &mut self,
        target: &Target,
        group: GroupId,
        scraped: Option<Scraped>,
        took_ms: u64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let Scraped { samples, added, .. } = scraped.unwrap_or_default();
        let own = [
            ("up", f64::from(u8::from(scraped.is_some()))),
            ("scrape_duration_seconds", took_ms as f64 / 1000.0),
            ("scrape_samples_scraped", samples as f64),
            ("scrape_samples_post_metric_relabeling", samples as f64),
            ("scrape_series_added", added as f64),
        ];
        for (name, value) in own {
            // No page can write such a key.
            let key = format!("\u{1}{name}");
            let memory = self.pages.entry(target.key.clone()).or_default();
            let column = match memory.find(&key) {
                Some((_, column)) => column,
                None => {
                    let labels =
                        with_target(vec![(METRIC_NAME.to_owned(), name.to_owned())], target);
                    let column = add_column(&mut self.head, group, &labels);
                    memory.insert(&key, column);
                    column
                }
            };
            put(&mut self.row, column, value.to_bits());
        }
        self.commit_row(group, now_ms)
    }

    /// Writes the row to the log and to memory. What was there and is not any more ends here.
    fn commit_row(&mut self, id: GroupId, now_ms: i64) -> Result<(), StoreError> {
        let Some(group) = self.head.groups.get(id) else {
            return Ok(());
        };
        self.row.resize(group.columns.len(), ABSENT);
        for (bits, last) in self.row.iter_mut().zip(&group.last) {
            if *bits == ABSENT && is_live(*last) {
                *bits = ondol_query::STALE_NAN_BITS;
            }
        }
        if group.last_ms.is_some_and(|last_ms| now_ms <= last_ms) {
            // The clock was set back. A group only goes forward, so these stand on their own.
            let own = group
                .columns
                .iter()
                .zip(&self.row)
                .filter(|(_, bits)| **bits != ABSENT);
            let samples: Vec<(SeriesId, i64, u64)> = own
                .map(|(column, bits)| (column.series, now_ms, *bits))
                .collect();
            return self.push_moments(&samples, now_ms).map(drop);
        }
        let row = std::mem::take(&mut self.row);
        let written = self.journal.row(&mut self.head, id, now_ms, &row, now_ms);
        if written.is_ok() {
            self.head.push(id, now_ms, &row);
        }
        self.row = row;
        written
    }
}

/// A page that is being read.
struct Taking<'t> {
    target: &'t Target,
    group: GroupId,
    row: Vec<u64>,
    /// Samples that say their moment.
    moments: Vec<(SeriesId, i64, u64)>,
    scraped: Scraped,
    now_ms: i64,
}

impl Taking<'_> {
    fn read(
        &mut self,
        samples: &mut Samples,
        page: &[u8],
        format: Format,
    ) -> Result<(), ExpositionError> {
        let mut lines = Lines::of_bytes(page, format)?;
        let mut memory = samples.pages.remove(&self.target.key).unwrap_or_default();
        let read = self.lines(samples, &mut memory, &mut lines, format);
        // What a page says about its metrics is listened to when it is new, or has become another one.
        memory.learns = self.scraped.added > 0 || read.is_err();
        samples.pages.insert(self.target.key.clone(), memory);
        read
    }

    fn lines(
        &mut self,
        samples: &mut Samples,
        memory: &mut PageMemory,
        lines: &mut Lines<'_>,
        format: Format,
    ) -> Result<(), ExpositionError> {
        let mut place = 0;
        loop {
            if let Some((key, column)) = memory.at(place)
                && let Some(reading) = lines.next_if_series(key)
            {
                place += 1;
                self.take(samples, column, &reading?);
                continue;
            }
            match lines.next().transpose()? {
                Some(Line::Sample(sample)) => {
                    let found = memory.find(sample.series);
                    let found = found.or_else(|| self.add(samples, memory, &sample));
                    if let Some((at, column)) = found {
                        place = at + 1;
                        self.take(samples, column, &sample.reading);
                    }
                }
                Some(Line::End) => return Ok(()),
                Some(line) if memory.learns => samples.metadata.note(&line),
                Some(_) => {}
                None if format == Format::Text => return Ok(()),
                None => {
                    let line = lines.number() + 1;
                    return Err(ExpositionError::new(line, 1, "`# EOF` at the end", ""));
                }
            }
        }
    }

    fn take(&mut self, samples: &mut Samples, column: usize, reading: &Reading<'_>) {
        self.scraped.samples += 1;
        let bits = bits_of(reading.value);
        let series = || {
            samples
                .head
                .groups
                .get(self.group)?
                .columns
                .get(column)
                .map(|c| c.series)
        };
        match reading.at_ms() {
            Some(at_ms) => self
                .moments
                .extend(series().map(|series| (series, at_ms, bits))),
            None if self.row.get(column).is_some_and(|before| *before != ABSENT) => {
                self.scraped.refused.repeated += 1;
            }
            None => put(&mut self.row, column, bits),
        }
        if let Some(exemplar) = &reading.exemplar {
            let series = series();
            self.keep(samples, series, exemplar);
        }
    }

    fn keep(&self, samples: &mut Samples, series: Option<SeriesId>, exemplar: &Exemplar<'_>) {
        if let Some(series) = series {
            samples.exemplars.keep(series, exemplar, self.now_ms);
        }
    }

    /// A series that was not on the page before.
    fn add(
        &mut self,
        samples: &mut Samples,
        memory: &mut PageMemory,
        sample: &Sample<'_>,
    ) -> Option<(usize, usize)> {
        let mut labels = vec![(METRIC_NAME.to_owned(), sample.name.meant().into_owned())];
        for (name, value) in sample.labels.iter() {
            labels.push((name.meant().into_owned(), value.meant().into_owned()));
        }
        let labels = with_target(labels, self.target);
        match samples.admit(&labels, self.target.job()) {
            Ok(()) => {
                let column = add_column(&mut samples.head, self.group, &labels);
                self.scraped.added += 1;
                Some((memory.insert(sample.series, column), column))
            }
            Err(refused) => {
                self.scraped.refused.add(refused);
                None
            }
        }
    }
}

/// The labels of a series of this target, sorted by name, without empty ones. Names that come twice stay twice.
fn with_target(page: Vec<(String, String)>, target: &Target) -> Vec<(String, String)> {
    let is_target = |name: &str| target.labels.iter().any(|(own, _)| own == name);
    let rename = |(name, value): (String, String)| match is_target(&name) {
        true => (format!("exported_{name}"), value),
        false => (name, value),
    };
    let mut labels: Vec<(String, String)> = page.into_iter().map(rename).collect();
    labels.extend(target.labels.iter().cloned());
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    labels
}

/// The column of a series in a group. Two texts of a page may be the same series, written differently.
fn add_column(head: &mut Head, group: GroupId, labels: &[(String, String)]) -> usize {
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let before = head.table.len();
    let series = head.table.intern(&labels);
    let is_new = head.table.len() > before;
    let Some(group) = head.groups.get_mut(group) else {
        return 0;
    };
    let is_it = |column: &Column| column.series == series;
    let known = if is_new {
        None
    } else {
        group.columns.iter().position(is_it)
    };
    known.unwrap_or_else(|| group.add_column(series, &mut head.arena))
}

fn put(row: &mut Vec<u64>, column: usize, bits: u64) {
    if row.len() <= column {
        row.resize(column + 1, ABSENT);
    }
    if let Some(place) = row.get_mut(column) {
        *place = bits;
    }
}
