//! `ExportMetricsServiceRequest` in the model of Prometheus.

use std::collections::BTreeMap;

use super::metric_name::{Shape, label_name, metric_name};
use super::points::{self, Point};
use super::resource::{Group, messages, resource, text_of};
use crate::span::Attribute;
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};
use crate::{Limits, Metadata, Pair, Reading, Series, SeriesBatch};

pub(super) fn decode(body: &[u8], limits: &Limits) -> Result<SeriesBatch, Malformed> {
    let mut taking = Taking::new(limits);
    let mut batch = SeriesBatch::default();
    for of_resource in messages(body, 1) {
        let of_resource = Group::read(of_resource?)?;
        let resource = resource(of_resource.owner, &mut taking)?;
        let sender = sender(&resource);
        let mut latest_ms = 0;
        for of_scope in of_resource.members() {
            for metric in Group::read(of_scope?)?.members() {
                let mut reading = Metric::new(&sender, &mut batch);
                reading.read(metric?, &mut taking)?;
                latest_ms = latest_ms.max(reading.latest_ms);
            }
        }
        if latest_ms > 0 {
            batch.series.push(target(&sender, &resource, latest_ms));
        }
    }
    batch.dropped = taking.dropped;
    Ok(batch)
}

/// Labels of the sender: Prometheus' `job` and `instance`, and Ondol's own words.
fn sender(resource: &[Attribute]) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let [project, service, replica] = ["service.namespace", "service.name", "service.instance.id"]
        .map(|name| text_of(resource, name));
    let service = service.unwrap_or_else(|| "unknown_service".to_owned());
    let job = match &project {
        Some(project) => format!("{project}/{service}"),
        None => service.clone(),
    };
    let mut put = |name: &str, value: String| labels.insert(name.to_owned(), value);
    put("job", job);
    put("service", service);
    if let Some(replica) = replica {
        put("instance", replica.clone());
        put("replica", replica);
    }
    if let Some(project) = project {
        put("project", project);
    }
    labels
}

/// `target_info`: what else is known about the sender.
fn target(sender: &BTreeMap<String, String>, resource: &[Attribute], at_ms: i64) -> Series {
    let mut labels = sender.clone();
    for attribute in resource {
        labels
            .entry(label_name(&attribute.name))
            .or_insert_with(|| attribute.value.text().into_owned());
    }
    labels.insert("__name__".to_owned(), "target_info".to_owned());
    Series {
        labels: labels.into_iter().collect(),
        samples: vec![(at_ms, Reading::Float(1.0))],
        exemplars: Vec::new(),
    }
}

/// A `Metric` being read.
pub(super) struct Metric<'a> {
    sender: &'a BTreeMap<String, String>,
    batch: &'a mut SeriesBatch,
    name: String,
    latest_ms: i64,
}

impl<'a> Metric<'a> {
    fn new(sender: &'a BTreeMap<String, String>, batch: &'a mut SeriesBatch) -> Self {
        Metric {
            sender,
            batch,
            name: String::new(),
            latest_ms: 0,
        }
    }

    fn read(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<(), Malformed> {
        let (mut name, mut help, mut unit) = (String::new(), String::new(), String::new());
        let mut of_points = None;
        for field in Fields(bytes) {
            match field? {
                (1, Wire::Bytes(text)) => name = taking.name(text),
                (2, Wire::Bytes(text)) => help = taking.value(text),
                (3, Wire::Bytes(text)) => unit = taking.name(text),
                (kind @ (5 | 7 | 9 | 10 | 11), Wire::Bytes(bytes)) => {
                    of_points = Some((kind, bytes));
                }
                _ => {}
            }
        }
        let Some((kind, bytes)) = of_points else {
            return Ok(());
        };
        let (mut is_delta, mut is_monotonic) = (false, false);
        for field in Fields(bytes) {
            match field? {
                (2, Wire::Varint(temporality)) => is_delta = temporality == 1,
                (3, Wire::Varint(flag)) => is_monotonic = flag != 0,
                _ => {}
            }
        }
        let (word, shape) = match kind {
            7 if is_monotonic => ("counter", Shape::Counter),
            5 | 7 => ("gauge", Shape::Gauge),
            11 => ("summary", Shape::Other),
            _ => ("histogram", Shape::Other),
        };
        self.name = metric_name(&name, &unit, shape);
        self.batch.metadata.push(Metadata {
            family: self.name.clone(),
            kind: word,
            help,
            unit,
        });
        for point in messages(bytes, 1) {
            let point = point?;
            if !taking.admits() {
                continue;
            }
            if is_delta && kind != 5 {
                (taking.dropped).refuse("delta temporality is not kept; choose cumulative");
                continue;
            }
            match kind {
                5 | 7 => points::number(point, self, taking)?,
                9 => points::histogram(point, self, taking)?,
                10 => points::exponential(point, self, taking)?,
                _ => points::summary(point, self, taking)?,
            }
        }
        Ok(())
    }

    /// Adds a series of one sample: the metric's name with `suffix`, the point's labels, and one more.
    pub(super) fn add(
        &mut self,
        suffix: &str,
        point: &mut Point,
        more: Option<(&str, String)>,
        reading: Reading,
    ) -> &mut Series {
        self.latest_ms = self.latest_ms.max(point.at_ms);
        let mut labels = self.sender.clone();
        for (name, value) in &point.labels {
            labels.insert(name.clone(), value.clone());
        }
        if let Some((name, value)) = more {
            labels.insert(name.to_owned(), value);
        }
        labels.insert("__name__".to_owned(), format!("{}{suffix}", self.name));
        self.batch.series.push(Series {
            labels: labels.into_iter().collect(),
            samples: vec![(point.at_ms, reading)],
            exemplars: Vec::new(),
        });
        let last = self.batch.series.len() - 1;
        &mut self.batch.series[last]
    }
}

/// Attributes as labels. Where two become the same name, both values stand in it, as the specification has it.
pub(super) fn add_label(labels: &mut BTreeMap<String, String>, (name, value): Pair) {
    labels
        .entry(label_name(&name))
        .and_modify(|known| {
            known.push(';');
            known.push_str(&value);
        })
        .or_insert(value);
}
