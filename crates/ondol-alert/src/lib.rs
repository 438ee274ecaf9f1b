//! Alerting: rules, what becomes of their alerts, and who is told of them.
//!
//! Pure. [`Machine`] is told what happened and the time, and answers what is to be done: which query is to be
//! evaluated at which moment, which samples are to be written, who is to be told what, and when its state is to be
//! kept. It knows no PromQL: expressions are texts, and results come back to it as labels and values.
//!
//! ```text
//! rule file -> parse_rules -> Group --.
//!                                     v                        .-> Ask    a query, answered by Event::Answer
//! clock ----------------- Event -> Machine ---- Action --------+-> Write  ALERTS, ALERTS_FOR_STATE, recorded series
//! silences ---------------------------^                        +-> Send   to a receiver, answered by Event::Delivered
//!                                                              '-> Save   what survives a restart
//! ```
//!
//! Rules, their templates and the lives of alerts follow Prometheus; groups, silences, inhibition and the pace of
//! messages follow Alertmanager. [`wire`] has the shapes in which both speak to others.

mod active;
pub mod calendar;
mod dispatch;
mod duration;
mod file;
mod machine;
mod matcher;
mod notice;
mod number;
mod own;
mod problem;
mod routing;
mod rule;
mod sample;
mod silence;
mod template;
pub mod wire;
mod yaml;

pub use active::{
    Alert, AlertState, Evaluated, RESOLVED_KEPT_MS, RuleState, Surroundings, Unevaluated,
};
pub use dispatch::{DeliveryCounts, Told, ToldGroup};
pub use file::{CheckExpr, ExprError, INTERVAL_DEFAULT_MS, parse_rules};
pub use machine::{
    Action, Durable, DurableAlert, Event, Machine, RuleHealth, RunningGroup, RunningRule,
};
pub use matcher::{Matcher, matchers};
pub use notice::{Delivery, DeliveryError, GroupNotice, Message, Notice};
pub use own::{Plan, SHIPPED, plan};
pub use problem::Problem;
pub use routing::{Inhibit, Pace, Route, Routing};
pub use rule::{ALERT_NAME, Alerting, Except, Group, Labels, Rule, RuleKind};
pub use sample::{METRIC_NAME, QueryResult, Sample};
pub use silence::{Silence, SilenceError, SilenceState};
pub use template::{Template, TemplateContext, TemplateError, Unfilled};
