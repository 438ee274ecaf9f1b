//! How many series there may be, and what came of those that were too many.

use std::collections::BTreeMap;

/// The bounds of the samples engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Living series in all.
    pub series_max: usize,
    /// Living series of one job: no single one takes the room of all.
    pub series_per_job_max: usize,
    /// Labels of a series.
    pub labels_max: usize,
    /// Name and value of a label together.
    pub label_bytes_max: usize,
    /// Series that one query may touch.
    pub query_series_max: usize,
    /// A sample that claims to be from later than this is refused.
    pub ahead_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            series_max: 50_000,
            series_per_job_max: 20_000,
            labels_max: 64,
            label_bytes_max: 4096,
            query_series_max: 100_000,
            ahead_ms_max: 10 * 60 * 1000,
        }
    }
}

/// What was refused, of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Samples of series beyond the cap.
    pub over_cap: u64,
    /// Samples whose labels are too many, too long, or come twice.
    pub bad_labels: u64,
    /// Samples from before what is kept, or from a later time than is believed.
    pub out_of_time: u64,
    /// Samples of a series that the same page had already.
    pub repeated: u64,
}

impl Refused {
    /// All of them.
    pub fn sum(&self) -> u64 {
        self.over_cap + self.bad_labels + self.out_of_time + self.repeated
    }

    pub(super) fn add(&mut self, other: Refused) {
        self.over_cap += other.over_cap;
        self.bad_labels += other.bad_labels;
        self.out_of_time += other.out_of_time;
        self.repeated += other.repeated;
    }
}

/// Jobs that are counted apart; the rest is counted as one, under an empty name.
const JOBS_MAX: usize = 1000;

#[derive(Default)]
pub(super) struct RefusedByJob(BTreeMap<String, Refused>);

impl RefusedByJob {
    pub(super) fn add(&mut self, job: &str, refused: Refused) {
        if refused == Refused::default() {
            return;
        }
        let is_known = self.0.contains_key(job) || self.0.len() < JOBS_MAX;
        let job = if is_known { job } else { "" };
        self.0.entry(job.to_owned()).or_default().add(refused);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Refused)> {
        self.0.iter().map(|(job, refused)| (job.as_str(), refused))
    }
}
