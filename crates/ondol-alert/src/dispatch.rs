//! Who is told of which alerts, and when: groups, the pace of their messages, what is muted, and attempts that failed.

mod feed;
mod gathering;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::notice::{Delivery, DeliveryError, Message, Notice};
use crate::routing::{Pace, Route, Routing};
use crate::rule::Labels;
use crate::silence::Silences;
use feed::Feed;
pub(crate) use feed::RESEND_MS;
use gathering::Gathering;
pub use gathering::Told;

/// Groups of all receivers; an alert that would begin another is counted as dropped.
const GATHERINGS_MAX: usize = 2_000;

/// What became of deliveries since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Arrived.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Given up, or never begun because there was no room.
    pub dropped: u64,
}

/// A group that somebody was told of, for the file of states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToldGroup {
    /// Whom.
    pub receiver: String,
    /// The group's labels.
    pub group: Labels,
    /// What was said.
    pub told: Told,
}

#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    routing: Routing,
    /// All alerts that fire or ended lately.
    notices: BTreeMap<Labels, Notice>,
    gatherings: BTreeMap<(String, Labels), Gathering>,
    feeds: BTreeMap<String, Feed>,
    on_its_way: BTreeMap<u64, Whose>,
    last_id: u64,
    pub(crate) counts: BTreeMap<String, DeliveryCounts>,
    /// The last failure of each receiver, until something arrives.
    pub(crate) failures: BTreeMap<String, String>,
    told_before: BTreeMap<(String, Labels), Told>,
}

#[derive(Debug)]
enum Whose {
    Gathering(String, Labels),
    Feed(String),
}

impl Dispatch {
    pub(crate) fn restore(&mut self, told: Vec<ToldGroup>) {
        let entry = |one: ToldGroup| ((one.receiver, one.group), one.told);
        self.told_before = told.into_iter().map(entry).collect();
    }

    pub(crate) fn told(&self) -> Vec<ToldGroup> {
        let live = self
            .gatherings
            .iter()
            .filter_map(|(key, gathering)| Some((key, gathering.told.as_ref()?)));
        let all: BTreeMap<_, _> = self.told_before.iter().chain(live).collect();
        let group = |((receiver, group), told): (&(String, Labels), &Told)| ToldGroup {
            receiver: receiver.clone(),
            group: group.clone(),
            told: told.clone(),
        };
        all.into_iter().map(group).collect()
    }

    /// Takes over who is told of what. Groups of routes that are no more are forgotten, alerts go where they go now.
    pub(crate) fn set_routing(&mut self, routing: Routing, now_ms: i64) {
        self.routing = routing;
        for (key, gathering) in std::mem::take(&mut self.gatherings) {
            if let Some(told) = gathering.told {
                self.told_before.insert(key, told);
            }
        }
        self.feeds.clear();
        for notice in self.notices.values().cloned().collect::<Vec<_>>() {
            self.route(&notice, now_ms);
        }
    }

    /// An alert fires, or is over.
    pub(crate) fn put(&mut self, notice: Notice, now_ms: i64) {
        match self.notices.get(&notice.labels) {
            None if notice.is_resolved() => return,
            Some(known) if *known == notice => return,
            _ => {}
        }
        self.route(&notice, now_ms);
        self.notices.insert(notice.labels.clone(), notice);
    }

    /// What an alert's query was when it was put here last, if it still fires.
    pub(crate) fn firing(&self, labels: &Labels) -> Option<&Notice> {
        self.notices
            .get(labels)
            .filter(|notice| !notice.is_resolved())
    }

    fn route(&mut self, notice: &Notice, now_ms: i64) {
        let Dispatch {
            routing,
            gatherings,
            feeds,
            ..
        } = self;
        for route in routing
            .routes
            .iter()
            .filter(|route| route.is_for(&notice.labels))
        {
            let Pace::Grouped {
                group_by, wait_ms, ..
            } = &route.pace
            else {
                let feed = feeds.entry(route.receiver.clone()).or_default();
                if !feed.put(notice.clone(), now_ms) {
                    self.counts
                        .entry(route.receiver.clone())
                        .or_default()
                        .dropped += 1;
                }
                continue;
            };
            let key = (
                route.receiver.clone(),
                group_labels(group_by, &notice.labels),
            );
            let is_full = gatherings.len() >= GATHERINGS_MAX && !gatherings.contains_key(&key);
            if is_full || (notice.is_resolved() && !gatherings.contains_key(&key)) {
                self.counts.entry(key.0).or_default().dropped += u64::from(is_full);
                continue;
            }
            let told = self.told_before.remove(&key);
            gatherings
                .entry(key)
                .or_insert_with(|| Gathering::new(told, now_ms + wait_ms))
                .put(notice.clone());
        }
    }

    /// What is due now.
    pub(crate) fn due(&mut self, silences: &Silences, now_ms: i64) -> Vec<Delivery> {
        let mut due = Vec::new();
        let muted = self.muted(silences, now_ms);
        let routes: BTreeMap<&str, &Route> = self
            .routing
            .routes
            .iter()
            .map(|r| (r.receiver.as_str(), r))
            .collect();
        for (key, gathering) in &mut self.gatherings {
            let Some(route) = routes.get(key.0.as_str()) else {
                continue;
            };
            if let Some(notice) = gathering.due(route, &key.1, &muted, now_ms) {
                self.last_id += 1;
                self.on_its_way
                    .insert(self.last_id, Whose::Gathering(key.0.clone(), key.1.clone()));
                due.push(Delivery {
                    id: self.last_id,
                    receiver: key.0.clone(),
                    message: Message::Group(notice),
                });
            }
        }
        self.gatherings.retain(|_, gathering| !gathering.is_over());
        for (receiver, feed) in &mut self.feeds {
            if let Some(alerts) = feed.due(now_ms) {
                self.last_id += 1;
                self.on_its_way
                    .insert(self.last_id, Whose::Feed(receiver.clone()));
                due.push(Delivery {
                    id: self.last_id,
                    receiver: receiver.clone(),
                    message: Message::Alerts(alerts),
                });
            }
        }
        self.notices.retain(|_, notice| {
            notice
                .ends_at_ms
                .is_none_or(|end| now_ms - end <= crate::active::RESOLVED_KEPT_MS)
        });
        due
    }

    /// When something will be due.
    pub(crate) fn wake_at_ms(&self) -> Option<i64> {
        let groups = self.gatherings.values().filter_map(Gathering::wake_at_ms);
        let feeds = self.feeds.values().filter_map(Feed::wake_at_ms);
        groups.chain(feeds).min()
    }

    /// What became of a delivery. Whether the file of states has something new.
    pub(crate) fn delivered(
        &mut self,
        id: u64,
        outcome: Result<(), DeliveryError>,
        now_ms: i64,
    ) -> bool {
        let Some(whose) = self.on_its_way.remove(&id) else {
            return false;
        };
        let receiver = match &whose {
            Whose::Gathering(receiver, _) | Whose::Feed(receiver) => receiver.clone(),
        };
        let counts = self.counts.entry(receiver.clone()).or_default();
        match &outcome {
            Ok(()) => {
                counts.sent += 1;
                self.failures.remove(&receiver);
            }
            Err(error) => {
                counts.failed += 1;
                counts.dropped += u64::from(!error.is_passing);
                self.failures.insert(receiver, error.message.clone());
            }
        }
        match whose {
            Whose::Gathering(receiver, labels) => {
                if let Some(gathering) = self.gatherings.get_mut(&(receiver, labels)) {
                    gathering.delivered(&outcome, now_ms);
                }
                outcome.is_ok()
            }
            Whose::Feed(receiver) => {
                if let Some(feed) = self.feeds.get_mut(&receiver) {
                    feed.delivered(&outcome, now_ms);
                }
                false
            }
        }
    }

    /// Alerts nobody is told of now.
    fn muted(&self, silences: &Silences, now_ms: i64) -> Muted {
        let notices = self.notices.values();
        let muted = notices.filter(|notice| {
            !silences.of_alert(&notice.labels, now_ms).is_empty()
                || !self.inhibited_by(&notice.labels).is_empty()
        });
        muted.map(|notice| notice.labels.clone()).collect()
    }

    /// Alerts that fire and make this one superfluous.
    pub(crate) fn inhibited_by(&self, labels: &Labels) -> Vec<&Labels> {
        if self.routing.inhibit.is_empty() {
            return Vec::new();
        }
        let firing = self.notices.values().filter(|notice| !notice.is_resolved());
        let mutes = firing.filter(|source| {
            self.routing
                .inhibit
                .iter()
                .any(|rule| rule.mutes(&source.labels, labels))
        });
        mutes.map(|notice| &notice.labels).collect()
    }

    /// Names of the receivers that an alert goes to.
    pub(crate) fn receivers_of(&self, labels: &Labels) -> Vec<&str> {
        let routes = self
            .routing
            .routes
            .iter()
            .filter(|route| route.is_for(labels));
        routes.map(|route| route.receiver.as_str()).collect()
    }

    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }
}

type Muted = std::collections::BTreeSet<Labels>;

fn group_labels(group_by: &[String], labels: &Labels) -> Labels {
    let all = group_by.iter().any(|name| name == "...");
    let is_in = |name: &String| all || group_by.contains(name);
    let of_group = labels.iter().filter(|(name, _)| is_in(name));
    of_group
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
