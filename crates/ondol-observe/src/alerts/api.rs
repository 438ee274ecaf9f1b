//! What fires, and what the rules are: in Prometheus' words, in Alertmanager's, and for the command line.

use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use ondol_alert::wire::{alertmanager, fingerprint, prometheus};
use ondol_alert::{AlertState, Labels, Matcher, RuleHealth, matchers};
use ondol_model::{LabelMatcher, MatchBy, parse_matchers};
use serde::Serialize;
use serde_json::{Value, json};

use super::{silences, why};
use crate::clock;
use crate::server::{Answer, Ask, Params};
use crate::shared::Shared;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    let is_get = ask.method() == Method::GET || ask.method() == Method::HEAD;
    let params = ask.query();
    match parts {
        ["api", "v1", "rules"] if is_get => rules(&params, shared),
        ["api", "v1", "alerts"] if is_get => shared
            .alerts
            .look(|machine| success(&prometheus::alerts(machine))),
        ["api", "v2", "status"] if is_get => status(shared),
        ["api", "v2", "receivers"] if is_get => receivers(shared),
        ["api", "v2", "alerts"] if is_get => alerts(&params, shared),
        ["api", "v2", "alerts", ..] => refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "alerts come from rules here; expected a GET",
        ),
        ["api", "v2", "silences" | "silence", ..] => silences::answer(ask, parts, shared).await,
        ["ondol", "alerts"] if is_get => overview(shared),
        ["ondol", "alerts", "silence" | "expire"] if ask.method() == Method::POST => {
            let is_new = parts.last() == Some(&"silence");
            let work = move |shared: &Shared, _: &_| match is_new {
                true => silences::add_typed(&params, shared),
                false => silences::expire_typed(&params, shared),
            };
            shared.answer(work).await
        }
        ["ondol", "alerts", "why"] if is_get => {
            shared
                .answer(move |shared, stop| why::answer(&params, shared, stop))
                .await
        }
        _ => Answer::not_found(ask.path()),
    }
}

/// The page of Prometheus that links of alerts lead to: here it is what the query gives.
pub(crate) fn shown(ask: &Ask) -> Answer {
    let params = ask.query();
    let Some(expr) = params.get("g0.expr") else {
        let why = "expected a query: /graph?g0.expr=up";
        return Answer::refused(StatusCode::BAD_REQUEST, why);
    };
    let path = "/api/v1/query?";
    let mut query = form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len());
    query.append_pair("query", expr);
    match HeaderValue::from_str(&query.finish()) {
        Ok(place) => Answer::text(StatusCode::FOUND, "").with(LOCATION, place),
        // It is of ASCII, whatever was asked.
        Err(_) => Answer::not_found(ask.path()),
    }
}

/// Prometheus' envelope.
fn success(data: &impl Serialize) -> Answer {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        status: &'static str,
        data: &'a T,
    }
    let status = "success";
    json_of(StatusCode::OK, &Envelope { status, data })
}

pub(super) fn json_of(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::json(status, body),
        Err(error) => Answer::unavailable(&error.to_string()),
    }
}

/// As Alertmanager says no: a text in quotes.
pub(super) fn refused(status: StatusCode, why: &str) -> Answer {
    json_of(status, &why)
}

fn rules(params: &Params, shared: &Shared) -> Answer {
    let all = |name: &str| params.all(name).map(str::to_owned).collect();
    let kind = params.get("type");
    if let Some(other) = kind.filter(|kind| !matches!(*kind, "alert" | "record")) {
        let error = format!("not supported value {other:?}");
        let body = json!({"status": "error", "errorType": "bad_data", "error": error});
        return json_of(StatusCode::BAD_REQUEST, &body);
    }
    let filter = prometheus::RuleFilter {
        kind: kind.map(str::to_owned),
        names: all("rule_name[]"),
        groups: all("rule_group[]"),
        files: all("file[]"),
        exclude_alerts: params.get("exclude_alerts") == Some("true"),
    };
    let rules = shared
        .alerts
        .look(|machine| prometheus::rules(machine, &filter));
    success(&rules)
}

fn status(shared: &Shared) -> Answer {
    let original = shared.alerts.look(|machine| {
        let receivers = machine.routing().routes.iter();
        receivers
            .map(|route| format!("# receiver {}\n", route.receiver))
            .collect::<String>()
    });
    let body = json!({
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": original},
        "uptime": ondol_alert::calendar::rfc3339(shared.started_ms),
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
            "version": shared.settings.version,
        },
    });
    json_of(StatusCode::OK, &body)
}

fn receivers(shared: &Shared) -> Answer {
    let names: Vec<Value> = shared.alerts.look(|machine| {
        let routes = machine.routing().routes.iter();
        routes
            .map(|route| json!({"name": route.receiver}))
            .collect()
    });
    json_of(StatusCode::OK, &names)
}

fn alerts(params: &Params, shared: &Shared) -> Answer {
    let flag = |name: &str| params.get(name) != Some("false");
    let receiver = params.get("receiver").map(|pattern| {
        Matcher::new(LabelMatcher {
            name: alertmanager::RECEIVER.to_owned(),
            by: MatchBy::Matches,
            value: pattern.to_owned(),
        })
    });
    let filters = match (filters(params), receiver.transpose()) {
        (Ok(matchers), Ok(receiver)) => alertmanager::AlertFilter {
            active: flag("active"),
            silenced: flag("silenced"),
            inhibited: flag("inhibited"),
            matchers,
            receiver,
        },
        (Err(why), _) | (_, Err(why)) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let url = shared.alerts.external_url();
    let listed = shared
        .alerts
        .look(|machine| alertmanager::alerts(machine, &filters, &url, clock::now_ms()));
    json_of(StatusCode::OK, &listed)
}

/// The matchers of all `filter`s.
pub(super) fn filters(params: &Params) -> Result<Vec<Matcher>, String> {
    let mut all = Vec::new();
    for filter in params.all("filter") {
        all.extend(matchers(&parse_matchers(filter)?)?);
    }
    Ok(all)
}

/// An alert, for the command line.
#[derive(Serialize)]
struct Line {
    name: String,
    state: &'static str,
    labels: Labels,
    annotations: Labels,
    value: f64,
    active_at: String,
    fired_at: Option<String>,
    resolved_at: Option<String>,
    expr: String,
    fingerprint: String,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    receivers: Vec<String>,
}

fn overview(shared: &Shared) -> Answer {
    let now_ms = clock::now_ms();
    let time = ondol_alert::calendar::rfc3339;
    shared.alerts.look(|machine| {
        let lines = machine.alerts().map(|(rule, alert)| Line {
            name: rule.name.clone(),
            state: match alert.state {
                AlertState::Resolved => "resolved",
                state => state.name(),
            },
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            value: alert.value,
            active_at: time(alert.active_at_ms),
            fired_at: alert.fired_at_ms.map(time),
            resolved_at: alert.resolved_at_ms.map(time),
            expr: rule.expr.clone(),
            fingerprint: fingerprint(&alert.labels),
            silenced_by: owned(machine.silenced_by(&alert.labels, now_ms)),
            inhibited_by: machine
                .inhibited_by(&alert.labels)
                .into_iter()
                .map(fingerprint)
                .collect(),
            receivers: owned(machine.receivers_of(&alert.labels)),
        });
        let lines: Vec<Line> = lines.collect();
        let rules = machine.groups().iter().flat_map(|group| group.rules());
        let rules: Vec<_> = rules.collect();
        let failing = rules
            .iter()
            .filter_map(|(rule, running)| match &running.health {
                RuleHealth::Failed(why) => Some(json!({"name": rule.name, "error": why})),
                _ => None,
            });
        let deliveries = machine.deliveries().map(|(receiver, counts, failure)| {
            json!({
                "receiver": receiver,
                "sent": counts.sent,
                "failed": counts.failed,
                "dropped": counts.dropped,
                "last_failure": failure,
            })
        });
        let body = json!({
            "alerts": serde_json::to_value(lines).unwrap_or_default(),
            "rules": rules.len(),
            "failing_rules": failing.collect::<Vec<_>>(),
            "deliveries": deliveries.collect::<Vec<_>>(),
            "receivers": machine.routing().routes.len(),
        });
        json_of(StatusCode::OK, &body)
    })
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
