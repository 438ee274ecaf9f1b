//! How many replicas a service needs, by what it has to do: the algorithm of Kubernetes' HorizontalPodAutoscaler
//! (KEP-853 and its `replica_calculator`), with readings of a second and a round every second.
//!
//! A round asks for a reading ([`crate::Action::Measure`]); its answer goes through `figure` (what a metric is now),
//! `recommend` (how many replicas that asks for), `window` (what held long enough) and `pace` (how fast).

mod decision;
mod figure;
mod follow;
mod pace;
mod recommend;
mod window;

use std::collections::VecDeque;
use std::time::Duration;

use ondol_model::{Autoscale, LoadReading, ScaleMetric, ScaleSource, Service, Time};

use crate::span::span;
pub use decision::{ScaleDecision, ScaleFigure, ScalingView};
use figure::{Figure, figure};
use pace::Pace;
pub(crate) use recommend::Staff;
use recommend::recommend;
use window::Window;

/// From one round to the next.
const EVERY: Duration = Duration::from_secs(1);
/// What was measured longer ago says nothing any more.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// Decisions that changed something and can be asked for.
const CHANGES_MAX: usize = 20;

/// Follows the load of one service.
#[derive(Debug)]
pub(crate) struct Scaler {
    /// When the next round begins.
    next: Time,
    /// A reading was asked for and has not come.
    asked: bool,
    /// Somebody wanted something of it last, as far as is known.
    busy: Time,
    window: Window,
    pace: Pace,
    last: Option<ScaleDecision>,
    changes: VecDeque<ScaleDecision>,
}

impl Scaler {
    /// With so many replicas.
    pub(crate) fn new(count: u32, now: Time) -> Self {
        Scaler {
            next: next(now),
            asked: false,
            busy: now,
            window: Window::new(count, now),
            pace: Pace::default(),
            last: None,
            changes: VecDeque::new(),
        }
    }

    /// What follows from a reading.
    fn decide(
        &mut self,
        service: &Service,
        rules: &Autoscale,
        staff: &Staff,
        reading: &LoadReading,
        now: Time,
    ) -> ScaleDecision {
        self.note_requests(reading, now);
        let figures: Vec<_> = rules
            .metrics
            .iter()
            .map(|metric| self::ask(service, metric, staff, reading, now))
            .collect();
        let (to, why) = match self.is_idle(rules, &figures, reading, now) {
            true if staff.current == 0 => (0, "nobody asks for it".to_owned()),
            true => (0, format!("no request for {}", span(rules.idle))),
            false => self.weigh(rules, staff.current, &figures, now),
        };
        ScaleDecision {
            at: now,
            from: staff.current,
            to,
            figures,
            why,
        }
    }

    /// The most that any figure asks for, as far as it held long enough, and no faster than is good.
    fn weigh(
        &mut self,
        rules: &Autoscale,
        current: u32,
        figures: &[ScaleFigure],
        now: Time,
    ) -> (u32, String) {
        let most = figures.iter().filter(|one| one.wants.is_some());
        let Some(most) = most.max_by_key(|one| one.wants) else {
            return (current, "no figure can be used: it stays".to_owned());
        };
        let wants = most.wants.unwrap_or(current);
        let missing = figures.iter().find(|one| one.wants.is_none());
        if let (true, Some(missing)) = (wants < current, missing) {
            let why = format!(
                "{wants} would do for {}, but {} is not known: it stays",
                most.name, missing.name
            );
            return (current, why);
        }
        // Only what was asleep may go on sleeping.
        let least = rules.min.max(u32::from(current > 0));
        let bounded = wants.clamp(least, rules.max);
        let held = self.window.stabilise(bounded, current, rules, now);
        let paced = held.min(self.pace.most(current, now).max(current));
        (paced, words(rules, current, most, bounded, held, paced))
    }

    fn note_requests(&mut self, reading: &LoadReading, now: Time) {
        let Some(traffic) = &reading.traffic else {
            return;
        };
        if traffic.in_flight > 0 || traffic.waiting > 0 {
            self.busy = self.busy.max(traffic.at.min(now));
        }
        self.busy = self.busy.max(traffic.last.unwrap_or_default().min(now));
    }

    /// It may sleep: nobody has asked for it long enough, and nothing else has work for it.
    fn is_idle(
        &self,
        rules: &Autoscale,
        figures: &[ScaleFigure],
        reading: &LoadReading,
        now: Time,
    ) -> bool {
        let traffic = reading.traffic.as_ref();
        let seen = traffic.is_some_and(|traffic| figure::fresh(traffic.at, now).is_ok());
        let queries = rules.metrics.iter().zip(figures);
        let mut queries = queries.filter(|(metric, _)| matches!(metric.of, ScaleSource::Query(_)));
        rules.min == 0
            && seen
            && now.since(self.busy) >= rules.idle
            && queries.all(|(_, figure)| figure.value.is_some_and(|value| value <= 0.0))
    }

    /// Keeps what was decided.
    fn keep(&mut self, decision: &ScaleDecision, now: Time) {
        if decision.from != decision.to {
            self.pace.changed(decision.from, decision.to, now);
            self.changes.truncate(CHANGES_MAX - 1);
            self.changes.push_front(decision.clone());
        }
        self.last = Some(decision.clone());
    }
}

/// The next round after `now`: of all services in the same moment, so that they are measured together.
fn next(now: Time) -> Time {
    let every = EVERY.as_nanos() as u64;
    Time::from_nanos((now.as_nanos() / every + 1) * every)
}

/// What one metric is and asks for.
fn ask(
    service: &Service,
    metric: &ScaleMetric,
    staff: &Staff,
    reading: &LoadReading,
    now: Time,
) -> ScaleFigure {
    let target = figure::target(service, metric);
    let seen = figure(metric, staff, reading, now);
    let asked = seen.and_then(|seen| {
        let wants = recommend(&seen, &target, staff)?;
        let value = match &seen {
            Figure::Whole(value) => *value,
            Figure::Each(values) => figure::mean(values),
        };
        Ok((value, wants))
    });
    let (value, wants, missing) = match asked {
        Ok((value, wants)) => (Some(value), Some(wants), None),
        Err(why) => (None, None, Some(why)),
    };
    ScaleFigure {
        name: figure::name(metric),
        saw: value.map(|value| figure::words(metric, &target, value)),
        target: figure::target_words(metric, &target),
        value,
        wants,
        missing,
    }
}

/// Why so many.
fn words(
    rules: &Autoscale,
    current: u32,
    most: &ScaleFigure,
    bounded: u32,
    held: u32,
    paced: u32,
) -> String {
    let saw = most.saw.as_deref().unwrap_or("nothing");
    let asks = format!("{} is {saw}, target {}", most.name, most.target);
    let wants = most.wants.unwrap_or(current);
    if paced < held {
        return format!("{asks}; {held} are wanted, but no more than 4 or twice as many in 15 s");
    }
    if held != bounded {
        let (few, window) = match bounded < held {
            true => ("fewer", rules.down_window),
            false => ("more", rules.up_window),
        };
        let window = span(window);
        return format!("{asks}; {bounded} would do, {few} come when that held for {window}");
    }
    match wants.cmp(&bounded) {
        std::cmp::Ordering::Greater => {
            format!("{asks}; {wants} are wanted, at most {bounded} allowed")
        }
        std::cmp::Ordering::Less if held != current => {
            format!("{asks}; at least {bounded} are kept")
        }
        _ if held < current => format!(
            "{asks}; no more was asked for in {}",
            span(rules.down_window)
        ),
        _ => asks,
    }
}
