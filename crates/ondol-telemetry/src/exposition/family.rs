//! One family of metrics while its lines come in.

use std::collections::{BTreeMap, BTreeSet};

use super::ExpositionError;
use super::error::Mistake;
use super::histogram::Histogram;
use super::line::{Kind, Line, Sample};

/// Labels by name, those that tell points of one metric apart left out.
pub(super) type Group = BTreeMap<String, String>;

pub(super) struct Family {
    name: String,
    first: (usize, String),
    kind: Option<Kind>,
    has_help: bool,
    unit: Option<String>,
    has_samples: bool,
    /// Those that are over, and the one that is being read.
    groups: BTreeSet<Group>,
    current: Option<Current>,
    histogram: Histogram,
}

/// The metric whose samples stand here.
struct Current {
    group: Group,
    at_seconds: Option<f64>,
    /// What was seen at this moment of it.
    seen: BTreeSet<(String, Group)>,
}

impl Family {
    pub(super) fn new(name: String, number: usize, line: &str) -> Self {
        Family {
            name,
            first: (number, line.to_owned()),
            kind: None,
            has_help: false,
            unit: None,
            has_samples: false,
            groups: BTreeSet::new(),
            current: None,
            histogram: Histogram::default(),
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether a sample of this name is one of its own.
    pub(super) fn has_sample(&self, name: &str) -> bool {
        let suffix = name.strip_prefix(self.name.as_str());
        suffix.is_some_and(|suffix| suffixes(self.kind).contains(&suffix))
    }

    pub(super) fn add(&mut self, line: &Line<'_>) -> Result<(), Mistake> {
        if let Line::Sample(sample) = line {
            return self.add_sample(sample);
        }
        if self.has_samples {
            return mistake(0, "metadata before the samples of its family");
        }
        match line {
            Line::Help { .. } if self.has_help => mistake(0, "one `# HELP` for each family"),
            Line::Type { .. } if self.kind.is_some() => mistake(0, "one `# TYPE` for each family"),
            Line::Unit { .. } if self.unit.is_some() => mistake(0, "one `# UNIT` for each family"),
            Line::Help { .. } => {
                self.has_help = true;
                Ok(())
            }
            Line::Type { kind, .. } => {
                self.kind = Some(*kind);
                Ok(())
            }
            Line::Unit { unit, .. } if !is_unit_of(unit, &self.name) => mistake(
                0,
                "the unit at the end of the name of its family, after `_`",
            ),
            Line::Unit { unit, .. } => {
                self.unit = Some((*unit).to_owned());
                Ok(())
            }
            Line::Sample(_) | Line::Comment | Line::End => Ok(()),
        }
    }

    /// No more lines come. Its names must be nobody else's, and what must be complete is complete.
    pub(super) fn close(self, names: &mut BTreeSet<String>) -> Result<(), ExpositionError> {
        let fail = |expected| {
            let (number, line) = &self.first;
            Err(ExpositionError::new(*number, 1, expected, line))
        };
        let reserved = suffixes(self.kind).iter().chain(&[""]);
        let own: BTreeSet<String> = reserved.map(|s| format!("{}{s}", self.name)).collect();
        if !own.is_disjoint(names) {
            return fail("a name that no earlier family uses");
        }
        names.extend(own);
        let has_unit = self.unit.is_some_and(|unit| !unit.is_empty());
        if has_unit && matches!(self.kind, Some(Kind::Info | Kind::StateSet)) {
            return fail("no unit: an info or a stateset has none");
        }
        self.histogram.finish().or_else(fail)
    }

    fn add_sample(&mut self, sample: &Sample<'_>) -> Result<(), Mistake> {
        self.has_samples = true;
        let kind = self.kind.unwrap_or(Kind::Unknown);
        let name = sample.name.meant();
        let suffix = name
            .strip_prefix(self.name.as_str())
            .unwrap_or_default()
            .to_owned();
        let mut labels = Group::new();
        for (name, value) in sample.labels.iter() {
            let before = labels.insert(name.meant().into_owned(), value.meant().into_owned());
            if before.is_some() {
                return mistake(0, "each label once");
            }
        }
        self.check_labels(kind, &suffix, &labels)?;
        check_value(kind, &suffix, sample)?;
        if sample.reading.exemplar.is_some() {
            let may = matches!(
                (kind, suffix.as_str()),
                (Kind::Counter, "_total") | (Kind::Histogram | Kind::GaugeHistogram, "_bucket")
            );
            if !may {
                let at = sample.series.len() + 2;
                return mistake(
                    at,
                    "an exemplar only on `_total` of a counter or `_bucket` of a histogram",
                );
            }
        }
        let group = self.group(kind, &suffix, &labels);
        let new_point = self.enter(
            group,
            sample.reading.at_seconds,
            (suffix.clone(), labels.clone()),
        )?;
        if matches!(kind, Kind::Histogram | Kind::GaugeHistogram) {
            if new_point {
                let expected = std::mem::take(&mut self.histogram).finish();
                expected.or_else(|expected| mistake(0, expected))?;
            }
            let le = labels.get("le").and_then(|le| le.parse().ok());
            let added = self.histogram.add(&suffix, le, sample.reading.value);
            return added.or_else(|expected| mistake(0, expected));
        }
        Ok(())
    }

    fn check_labels(&self, kind: Kind, suffix: &str, labels: &Group) -> Result<(), Mistake> {
        let number = |label: &str| labels.get(label).and_then(|text| text.parse::<f64>().ok());
        match (kind, suffix) {
            (Kind::StateSet, _) if !labels.contains_key(&self.name) => {
                mistake(0, "a label with the name of the stateset")
            }
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => {
                let le = number("le").filter(|le| !le.is_nan());
                let written = labels.get("le").map(String::as_str);
                match le {
                    None => mistake(0, "the label `le` with a number"),
                    Some(le) if le == f64::INFINITY && written != Some("+Inf") => {
                        mistake(0, "le=\"+Inf\", written so")
                    }
                    Some(_) => Ok(()),
                }
            }
            (Kind::Summary, "") => match number("quantile") {
                Some(quantile) if (0.0..=1.0).contains(&quantile) => Ok(()),
                _ => mistake(0, "the label `quantile` with a number from 0 to 1"),
            },
            _ => Ok(()),
        }
    }

    /// The labels that tell this metric from others of its family.
    fn group(&self, kind: Kind, suffix: &str, labels: &Group) -> Group {
        let mut group = labels.clone();
        match (kind, suffix) {
            (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => group.remove("le"),
            (Kind::Summary, "") => group.remove("quantile"),
            (Kind::StateSet, _) => group.remove(&self.name),
            _ => None,
        };
        group
    }

    /// Steps into the metric that this sample is of; says whether a new point (another metric, or another moment of
    /// the same) begins with it.
    fn enter(
        &mut self,
        group: Group,
        at_seconds: Option<f64>,
        series: (String, Group),
    ) -> Result<bool, Mistake> {
        match &mut self.current {
            Some(current) if current.group == group => {
                if current.at_seconds.is_some() != at_seconds.is_some() {
                    return mistake(0, "timestamps on all samples of a metric, or on none");
                }
                if at_seconds < current.at_seconds {
                    return mistake(0, "timestamps of a metric that do not go backwards");
                }
                let new_point = at_seconds != current.at_seconds;
                if new_point {
                    current.seen.clear();
                    current.at_seconds = at_seconds;
                }
                // Points that differ by less than a reader can tell are allowed; two without a moment are not.
                if !current.seen.insert(series) && at_seconds.is_none() {
                    return mistake(0, "each series once");
                }
                Ok(new_point)
            }
            current => {
                if !self.groups.insert(group.clone()) {
                    return mistake(0, "all samples of a metric together");
                }
                *current = Some(Current {
                    group,
                    at_seconds,
                    seen: BTreeSet::from([series]),
                });
                Ok(true)
            }
        }
    }
}

/// What is added to the name of a family in the names of its samples.
fn suffixes(kind: Option<Kind>) -> &'static [&'static str] {
    match kind {
        Some(Kind::Counter) => &["_total", "_created"],
        Some(Kind::Histogram) => &["_bucket", "_count", "_sum", "_created"],
        Some(Kind::GaugeHistogram) => &["_bucket", "_gcount", "_gsum"],
        Some(Kind::Summary) => &["", "_count", "_sum", "_created"],
        Some(Kind::Info) => &["_info"],
        Some(Kind::Gauge | Kind::StateSet | Kind::Unknown) | None => &[""],
    }
}

fn is_unit_of(unit: &str, name: &str) -> bool {
    let stem = name.strip_suffix(unit);
    unit.is_empty() || stem.is_some_and(|stem| stem.ends_with('_'))
}

fn check_value(kind: Kind, suffix: &str, sample: &Sample<'_>) -> Result<(), Mistake> {
    let value = sample.reading.value;
    let expected = match (kind, suffix) {
        (Kind::StateSet, _) if value != 0.0 && value != 1.0 => "0 or 1",
        (Kind::Info, _) if value != 1.0 => "1",
        (Kind::Summary, "") if value < 0.0 => "a quantile that is not negative",
        (_, "_total" | "_sum" | "_count" | "_bucket" | "_gcount")
            if value.is_nan() || value < 0.0 =>
        {
            "a number that is not negative"
        }
        (_, "_gsum") if value.is_nan() => "a number",
        (_, "_count" | "_bucket" | "_gcount") if value.fract() != 0.0 => "a whole number",
        _ => return Ok(()),
    };
    mistake(sample.series.len() + 1, expected)
}

fn mistake<T>(at: usize, expected: &'static str) -> Result<T, Mistake> {
    Err(Mistake { at, expected })
}
