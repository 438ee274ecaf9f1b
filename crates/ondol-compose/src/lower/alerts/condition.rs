//! `error_ratio > 5% over 5m`: what a condition says, in its own words or in PromQL.

use std::time::Duration;

use ondol_model::{AlertCondition, AlertSignal, Bytes, Comparison, did_you_mean};

use super::Reader;
use crate::normalise::duration;
use crate::tree::Node;

/// The alert that a condition of our own words is, by its name.
pub(crate) fn alert_name(when: &str) -> Option<&'static str> {
    let mut words = when.split_whitespace();
    let name = words.next()?;
    let bound = words.nth(1).unwrap_or_default();
    signal(name, bound).map(AlertSignal::alert_name)
}

pub(super) fn derived_name(condition: &AlertCondition) -> Option<&'static str> {
    match condition {
        AlertCondition::Signal { signal, .. } => Some(signal.alert_name()),
        AlertCondition::Promql(_) => None,
    }
}

/// The figure of this name; `memory` is a part of its limit when its bound is in percent.
fn signal(name: &str, bound: &str) -> Option<AlertSignal> {
    let of_name = |signal: &&AlertSignal| signal.name() == name;
    let mut signals = AlertSignal::ALL.iter().filter(of_name);
    match bound.ends_with('%') {
        true => signals.next_back().copied(),
        false => signals.next().copied(),
    }
}

const HELP: &str = "write `error_ratio > 5%`, `latency_p95 > 300ms over 5m`, `memory > 90%`, `restarts > 3`, or a query in PromQL";

impl Reader<'_> {
    pub(super) fn condition(&mut self, node: &Node) -> Option<AlertCondition> {
        let text = node.text().unwrap_or_default().trim();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, sign, bound, over) = match words[..] {
            [name, sign, bound] => (name, sign, bound, None),
            [name, sign, bound, "over", over] => (name, sign, bound, Some(over)),
            _ => return self.promql(node, text),
        };
        let Some(signal) = signal(name, bound) else {
            let names = AlertSignal::ALL.iter().map(|signal| signal.name());
            // `up == 0` is PromQL. What nearly is a figure's name, with a bound that PromQL has not, is a slip.
            return match did_you_mean(name, names) {
                Some(help) if bound.parse::<f64>().is_err() => {
                    self.wrong(node, format!("there is no figure `{name}`"), &help);
                    None
                }
                _ => self.promql(node, text),
            };
        };
        let Some(comparison) = comparison(sign) else {
            self.wrong(node, format!("`{sign}` compares nothing"), HELP);
            return None;
        };
        let Some(threshold) = threshold(signal, bound) else {
            let message = format!(
                "`{bound}` is no bound of `{name}`, which is {}",
                unit(signal)
            );
            self.wrong(node, message, HELP);
            return None;
        };
        let over = match over.map(duration) {
            None => signal.window(),
            Some(Some(over)) if over >= Duration::from_secs(1) => over,
            Some(_) => {
                let message = "the time behind `over` is a length of time, 1s or more";
                self.wrong(node, message, HELP);
                return None;
            }
        };
        Some(AlertCondition::Signal {
            signal,
            comparison,
            threshold,
            over,
        })
    }

    fn promql(&mut self, node: &Node, text: &str) -> Option<AlertCondition> {
        let before = self.findings.errors;
        self.findings.checked(node, self.checks.promql);
        (self.findings.errors == before).then(|| AlertCondition::Promql(text.to_owned()))
    }
}

fn comparison(sign: &str) -> Option<Comparison> {
    use Comparison::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    let all = [Above, AtLeast, Below, AtMost, Equal, NotEqual];
    all.into_iter().find(|comparison| comparison.sign() == sign)
}

/// A bound in the figure's base unit.
fn threshold(signal: AlertSignal, bound: &str) -> Option<f64> {
    let plain = || bound.parse::<f64>().ok();
    let percent = || Some(bound.strip_suffix('%')?.parse::<f64>().ok()? / 100.0);
    let threshold = match signal {
        AlertSignal::ErrorRatio | AlertSignal::MemoryRatio | AlertSignal::Cpu => {
            percent().or_else(plain)
        }
        AlertSignal::LatencyP50
        | AlertSignal::LatencyP90
        | AlertSignal::LatencyP95
        | AlertSignal::LatencyP99 => duration(bound).map(|bound| bound.as_secs_f64()),
        AlertSignal::Memory => bound.parse::<Bytes>().ok().map(|bytes| bytes.0 as f64),
        AlertSignal::Rps => bound.strip_suffix("/s").unwrap_or(bound).parse().ok(),
        AlertSignal::Restarts | AlertSignal::Ready => plain(),
    };
    threshold.filter(|threshold| threshold.is_finite() && *threshold >= 0.0)
}

fn unit(signal: AlertSignal) -> &'static str {
    match signal {
        AlertSignal::ErrorRatio | AlertSignal::MemoryRatio => "a part such as 5%",
        AlertSignal::LatencyP50
        | AlertSignal::LatencyP90
        | AlertSignal::LatencyP95
        | AlertSignal::LatencyP99 => "a length of time such as 300ms",
        AlertSignal::Memory => "an amount such as 400m, or a part of the limit such as 90%",
        AlertSignal::Cpu => "cores such as 1.5, or 150%",
        AlertSignal::Rps => "requests per second such as 100/s",
        AlertSignal::Restarts | AlertSignal::Ready => "a count",
    }
}
