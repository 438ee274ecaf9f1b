use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{LabelMatcher, ServiceName};

/// `x-ondol.alerts`, `x-ondol.receivers` and `x-ondol.inhibit`: of what people are told, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// Rules in the file's own words, those of the project first.
    pub rules: Vec<AlertRule>,
    /// Rule files of Prometheus.
    pub files: Vec<RuleFile>,
    /// Who is told.
    pub receivers: BTreeMap<String, Receiver>,
    /// Which alerts make others superfluous.
    pub inhibit: Vec<Inhibition>,
}

// Thresholds are numbers that were read from a file, and never NaN.
impl Eq for Alerts {}

/// One alert in the words of `x-ondol`. It takes the place of a shipped rule of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Its name; `alertname` of its alerts.
    pub name: String,
    /// The service it is about; `None` for each service of the project.
    pub service: Option<ServiceName>,
    /// What must hold; `None` turns the rule of this name off.
    pub condition: Option<AlertCondition>,
    /// How long it must hold before anybody is told.
    pub hold: Duration,
    /// How long it is told after it held last.
    pub keep_firing: Duration,
    /// The label `severity`.
    pub severity: String,
    /// Further labels; their values are templates.
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description` and others; their values are templates.
    pub annotations: BTreeMap<String, String>,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertCondition {
    /// A figure that Ondol has of each service, and its bound.
    Signal {
        /// The figure.
        signal: AlertSignal,
        /// How it is compared.
        comparison: Comparison,
        /// In the signal's base unit: a ratio, seconds, bytes, or a count.
        threshold: f64,
        /// The time that the figure is taken over.
        over: Duration,
    },
    /// A query that has a result.
    Promql(String),
}

/// Figures that a condition can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSignal {
    /// Part of the requests that were answered with 5xx.
    ErrorRatio,
    /// Median time to answer.
    LatencyP50,
    /// 90th percentile of it.
    LatencyP90,
    /// 95th percentile of it.
    LatencyP95,
    /// 99th percentile of it.
    LatencyP99,
    /// Requests per second.
    Rps,
    /// Cores in use by a replica.
    Cpu,
    /// Bytes in use by a replica.
    Memory,
    /// The same as a part of its limit.
    MemoryRatio,
    /// Starts of a replica after its first.
    Restarts,
    /// Replicas that take requests.
    Ready,
}

impl AlertSignal {
    /// All of them.
    pub const ALL: [AlertSignal; 11] = [
        AlertSignal::ErrorRatio,
        AlertSignal::LatencyP50,
        AlertSignal::LatencyP90,
        AlertSignal::LatencyP95,
        AlertSignal::LatencyP99,
        AlertSignal::Rps,
        AlertSignal::Cpu,
        AlertSignal::Memory,
        AlertSignal::MemoryRatio,
        AlertSignal::Restarts,
        AlertSignal::Ready,
    ];

    /// As a condition names it. `memory` in percent is [`AlertSignal::MemoryRatio`].
    pub const fn name(self) -> &'static str {
        match self {
            AlertSignal::ErrorRatio => "error_ratio",
            AlertSignal::LatencyP50 => "latency_p50",
            AlertSignal::LatencyP90 => "latency_p90",
            AlertSignal::LatencyP95 => "latency_p95",
            AlertSignal::LatencyP99 => "latency_p99",
            AlertSignal::Rps => "rps",
            AlertSignal::Cpu => "cpu",
            AlertSignal::Memory | AlertSignal::MemoryRatio => "memory",
            AlertSignal::Restarts => "restarts",
            AlertSignal::Ready => "ready",
        }
    }

    /// What an alert about it is called, unless its file says another name. The shipped rules are called so too.
    pub const fn alert_name(self) -> &'static str {
        match self {
            AlertSignal::ErrorRatio => "ErrorRatio",
            AlertSignal::LatencyP50 => "LatencyP50",
            AlertSignal::LatencyP90 => "LatencyP90",
            AlertSignal::LatencyP95 => "LatencyP95",
            AlertSignal::LatencyP99 => "LatencyP99",
            AlertSignal::Rps => "RequestRate",
            AlertSignal::Cpu => "Cpu",
            AlertSignal::Memory => "Memory",
            AlertSignal::MemoryRatio => "MemoryNearLimit",
            AlertSignal::Restarts => "CrashLoop",
            AlertSignal::Ready => "NotReady",
        }
    }

    /// The time that it is taken over when nobody says another; zero for what is as it is now.
    pub const fn window(self) -> Duration {
        match self {
            AlertSignal::Memory | AlertSignal::MemoryRatio | AlertSignal::Ready => Duration::ZERO,
            AlertSignal::Restarts => Duration::from_secs(600),
            _ => Duration::from_secs(60),
        }
    }
}

/// How a figure and its bound are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>`
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `<`
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
}

impl Comparison {
    /// The operator, as PromQL and the short form write it.
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
        }
    }
}

/// A rule file of Prometheus, as it was when the project was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Who is told of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// By which way.
    pub kind: ReceiverKind,
    /// Alerts that it is told of; all where there are none.
    pub matchers: Vec<LabelMatcher>,
    /// Labels whose alerts are told together; `...` for each alert alone.
    pub group_by: Vec<String>,
    /// How long the first alert of a group waits for others.
    pub group_wait: Duration,
    /// How long a group that changed waits since it was told last.
    pub group_interval: Duration,
    /// How long until a group that did not change is told again.
    pub repeat_interval: Duration,
    /// Whether the end of an alert is told too.
    pub send_resolved: bool,
}

/// By which way somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// A POST of Alertmanager's webhook JSON, version 4.
    Webhook {
        /// `http://` or `https://`.
        url: String,
    },
    /// An incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat, Discord's `/slack`).
    Slack {
        /// `http://` or `https://`.
        url: String,
        /// Overrides the webhook's own channel, where that is allowed.
        channel: Option<String>,
    },
    /// A mail.
    Email {
        /// Addresses it goes to.
        to: Vec<String>,
        /// Address it comes from.
        from: String,
        /// The server that takes it.
        smtp: Smtp,
    },
    /// A real Alertmanager, which groups, silences and routes by itself.
    Alertmanager {
        /// Its address, with the prefix of its paths if it has one.
        url: String,
    },
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte (`smtps`), not by STARTTLS.
    pub tls: bool,
    /// Whether a server without STARTTLS is spoken to in the clear.
    pub clear: bool,
    /// Who says it, and the password; sent over TLS only.
    pub login: Option<(String, String)>,
}

/// While an alert fires that `source` matches, nobody is told of those that `target` matches and that have the same
/// values of the labels in `equal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inhibition {
    /// Who silences.
    pub source: Vec<LabelMatcher>,
    /// Who is silenced.
    pub target: Vec<LabelMatcher>,
    /// What both must have in common.
    pub equal: Vec<String>,
}
