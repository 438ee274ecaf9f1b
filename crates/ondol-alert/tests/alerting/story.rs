//! A machine and the world around it, to tell stories with.

use std::collections::BTreeMap;

use ondol_alert::{
    Action, Delivery, DeliveryError, Durable, Event, Labels, Machine, Message, Pace, Route,
    Routing, Sample, matchers, parse_rules,
};
use ondol_model::parse_matchers;

/// `a=1,b=2` and a value.
pub(crate) fn sample(text: &str, value: f64) -> Sample {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Sample {
        labels: pairs.map(owned).collect(),
        value,
    }
}

pub(crate) struct Story {
    pub(crate) machine: Machine,
    pub(crate) now_ms: i64,
    /// What queries answer.
    pub(crate) results: BTreeMap<String, Result<Vec<Sample>, String>>,
    /// What was sent, with when.
    pub(crate) sent: Vec<(i64, Delivery)>,
    /// How sending goes.
    pub(crate) outcome: Result<(), DeliveryError>,
    /// What was written, as text.
    pub(crate) written: Vec<String>,
    /// What was kept last.
    pub(crate) kept: Durable,
    pub(crate) saves: usize,
}

/// When stories begin: a multiple of every interval in them.
pub(crate) const BEGIN_MS: i64 = 1_800_000_000_000;

impl Story {
    pub(crate) fn of(rules: &str, routing: Routing) -> Self {
        Story::after(Durable::default(), BEGIN_MS, rules, routing)
    }

    pub(crate) fn after(durable: Durable, now_ms: i64, rules: &str, routing: Routing) -> Self {
        let mut story = Story {
            machine: Machine::new(durable.clone(), now_ms),
            now_ms,
            results: BTreeMap::new(),
            sent: Vec::new(),
            outcome: Ok(()),
            written: Vec::new(),
            kept: durable,
            saves: 0,
        };
        let groups = parse_rules("rules.yaml", rules, &|_| Ok(())).unwrap();
        story.machine.set_external_url("http://ondol:4318");
        story.handle(Event::Routing(routing));
        story.handle(Event::Rules(groups));
        story
    }

    pub(crate) fn answer(&mut self, expr: &str, result: Vec<Sample>) {
        self.results.insert(expr.to_owned(), Ok(result));
    }

    /// Lets time go by until nothing is due before its end.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now_ms + ms;
        while let Some(at) = self.machine.wake_at_ms().filter(|at| *at <= end) {
            self.now_ms = at.max(self.now_ms);
            self.handle(Event::Tick);
        }
        self.now_ms = end;
        self.handle(Event::Tick);
    }

    pub(crate) fn handle(&mut self, event: Event) {
        let mut waiting = vec![event];
        while let Some(event) = waiting.pop() {
            for action in self.machine.handle(event, self.now_ms) {
                match action {
                    Action::Ask { group, expr, .. } => {
                        let result = self.results.get(&expr).cloned().unwrap_or(Ok(Vec::new()));
                        waiting.push(Event::Answer {
                            group,
                            expr,
                            result,
                        });
                    }
                    Action::Write { samples, stale, .. } => {
                        let series = |labels: &Labels| {
                            labels
                                .iter()
                                .map(|(k, v)| format!("{k}={v}"))
                                .collect::<Vec<_>>()
                                .join(",")
                        };
                        self.written = samples
                            .iter()
                            .map(|s| format!("{} {}", series(&s.labels), s.value))
                            .collect();
                        self.written.extend(
                            stale
                                .iter()
                                .map(|labels| format!("{} ended", series(labels))),
                        );
                    }
                    Action::Send(delivery) => {
                        waiting.push(Event::Delivered {
                            id: delivery.id,
                            outcome: self.outcome.clone(),
                        });
                        self.sent.push((self.now_ms, delivery));
                    }
                    Action::Save => {
                        self.kept = self.machine.durable(self.now_ms);
                        self.saves += 1;
                    }
                    Action::Turned(_) => {}
                }
            }
        }
    }

    /// States of all alerts: `web=firing`.
    pub(crate) fn states(&self) -> Vec<String> {
        let all = self.machine.alerts();
        all.map(|(_, alert)| {
            let service = alert.labels.get("service").map_or("", String::as_str);
            format!("{service}={}", alert.state.name())
        })
        .collect()
    }

    /// What was told since the last look: seconds since the beginning, receiver, and the alerts of groups: `web!` fires,
    /// `web.` is over.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
            .iter()
            .map(|(at, delivery)| {
                let alerts = match &delivery.message {
                    Message::Group(group) => &group.alerts,
                    Message::Alerts(alerts) => alerts,
                };
                let alert = |alert: &ondol_alert::Notice| {
                    let service = alert.labels.get("service").map_or("", String::as_str);
                    format!("{service}{}", if alert.is_resolved() { "." } else { "!" })
                };
                let alerts: Vec<String> = alerts.iter().map(alert).collect();
                format!(
                    "{} {} {}",
                    (at - BEGIN_MS) / 1000,
                    delivery.receiver,
                    alerts.join(" ")
                )
            })
            .collect()
    }
}

/// A receiver of groups by `alertname`: 30 s, 5 min, 4 h.
pub(crate) fn grouped(receiver: &str, matches: &str) -> Route {
    Route {
        receiver: receiver.to_owned(),
        matchers: matchers(&parse_matchers(matches).unwrap()).unwrap(),
        pace: Pace::Grouped {
            group_by: vec!["alertname".to_owned()],
            wait_ms: 30_000,
            interval_ms: 300_000,
            repeat_ms: 4 * 3_600_000,
            send_resolved: true,
        },
    }
}

pub(crate) fn to(routes: Vec<Route>) -> Routing {
    Routing {
        routes,
        inhibit: Vec::new(),
    }
}
