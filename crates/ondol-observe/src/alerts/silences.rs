//! Silences, in Alertmanager's words (`amtool silence` speaks them).

use http::{Method, StatusCode};
use ondol_alert::wire::alertmanager::{self, GettableSilence, PostableSilence};
use ondol_alert::{Silence, SilenceError, SilenceState};
use ondol_model::parse_matchers;
use serde_json::json;

use super::api::{filters, json_of, refused};
use super::desk::Unsilenced;
use crate::clock;
use crate::server::{Answer, Ask, Params};
use crate::shared::Shared;

/// A silence, as JSON.
const BODY_BYTES_MAX: usize = 64 << 10;

pub(super) async fn answer(mut ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    match (ask.method().clone(), parts) {
        (Method::GET | Method::HEAD, ["api", "v2", "silences"]) => list(&ask.query(), shared),
        (Method::POST, ["api", "v2", "silences"]) => match ask.body(BODY_BYTES_MAX).await {
            Ok(body) => shared.answer(move |shared, _| add(&body, shared)).await,
            Err(answer) => answer,
        },
        (Method::GET | Method::HEAD, ["api", "v2", "silence", id]) => show(id, shared),
        (Method::DELETE, ["api", "v2", "silence", id]) => {
            let id = (*id).to_owned();
            shared.answer(move |shared, _| expire(&id, shared)).await
        }
        _ => Answer::not_found(ask.path()),
    }
}

fn list(params: &Params, shared: &Shared) -> Answer {
    let filters = match filters(params) {
        Ok(filters) => filters,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let now_ms = clock::now_ms();
    let listed: Vec<GettableSilence> = shared.alerts.look(|machine| {
        // Those that hold first, the next to end at the top: as Alertmanager has it.
        let all = machine
            .silences()
            .filter(|silence| alertmanager::silence_has(silence, &filters));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|silence| (silence.state(now_ms), silence.ends_at_ms));
        all.into_iter()
            .map(|silence| alertmanager::silence(silence, now_ms))
            .collect()
    });
    json_of(StatusCode::OK, &listed)
}

fn show(id: &str, shared: &Shared) -> Answer {
    let now_ms = clock::now_ms();
    let found = shared.alerts.look(|machine| {
        let mut all = machine.silences();
        all.find(|silence| silence.id == id)
            .map(|silence| alertmanager::silence(silence, now_ms))
    });
    match found {
        Some(silence) => json_of(StatusCode::OK, &silence),
        None => refused(StatusCode::NOT_FOUND, "there is no silence of this id"),
    }
}

fn add(body: &[u8], shared: &Shared) -> Answer {
    let posted: PostableSilence = match serde_json::from_slice(body) {
        Ok(posted) => posted,
        Err(error) => {
            return refused(
                StatusCode::BAD_REQUEST,
                &format!("this is not a silence: {error}"),
            );
        }
    };
    let now_ms = clock::now_ms();
    let known = posted.id.clone().filter(|id| !id.is_empty());
    let is_there = |id: &String| {
        shared
            .alerts
            .look(|machine| machine.silences().any(|silence| silence.id == *id))
    };
    if known.as_ref().is_some_and(|id| !is_there(id)) {
        return refused(StatusCode::NOT_FOUND, "there is no silence of this id");
    }
    let id = known.unwrap_or_else(|| shared.alerts.new_id(now_ms));
    let added = match posted.into_silence(id.clone(), now_ms) {
        Ok(silence) => shared.alerts.silence(silence, now_ms),
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    match added {
        Ok(()) => json_of(StatusCode::OK, &json!({"silenceID": id})),
        Err(error) => not_changed(&error),
    }
}

/// A silence in the words of the command line: `matcher`s, `seconds`, `comment`, `by`.
pub(super) fn add_typed(params: &Params, shared: &Shared) -> Answer {
    let now_ms = clock::now_ms();
    let mut matchers = Vec::new();
    for text in params.all("matcher") {
        match parse_matchers(text) {
            Ok(read) => matchers.extend(read),
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        }
    }
    let seconds: Option<i64> = params.get("seconds").and_then(|text| text.parse().ok());
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let id = shared.alerts.new_id(now_ms);
    let silence = Silence {
        id: id.clone(),
        matchers,
        starts_at_ms: now_ms,
        ends_at_ms: now_ms.saturating_add(seconds.unwrap_or(3_600).saturating_mul(1_000)),
        updated_at_ms: now_ms,
        created_by: text("by"),
        comment: text("comment"),
    };
    match shared.alerts.silence(silence, now_ms) {
        Ok(()) => json_of(StatusCode::OK, &json!({"silenceID": id})),
        Err(error) => not_changed(&error),
    }
}

/// Ends the silence whose id begins so.
pub(super) fn expire_typed(params: &Params, shared: &Shared) -> Answer {
    let begin = params.get("id").unwrap_or_default();
    let now_ms = clock::now_ms();
    let found: Vec<String> = shared.alerts.look(|machine| {
        let live = machine
            .silences()
            .filter(|silence| silence.state(now_ms) != SilenceState::Expired);
        let meant = live.filter(|silence| !begin.is_empty() && silence.id.starts_with(begin));
        meant.map(|silence| silence.id.clone()).collect()
    });
    match &found[..] {
        [id] => match shared.alerts.expire(id, now_ms) {
            Ok(()) => json_of(StatusCode::OK, &json!({"silenceID": id})),
            Err(error) => not_changed(&error),
        },
        [] => refused(
            StatusCode::NOT_FOUND,
            &format!("there is no silence whose id begins with {begin:?}"),
        ),
        many => {
            let why = format!(
                "{} silences have ids that begin with {begin:?}; write more of it",
                many.len()
            );
            refused(StatusCode::BAD_REQUEST, &why)
        }
    }
}

fn expire(id: &str, shared: &Shared) -> Answer {
    match shared.alerts.expire(id, clock::now_ms()) {
        Ok(()) => Answer::json(StatusCode::OK, ""),
        Err(error) => not_changed(&error),
    }
}

fn not_changed(error: &Unsilenced) -> Answer {
    match error {
        Unsilenced::Refused(SilenceError::Unknown) => {
            refused(StatusCode::NOT_FOUND, &SilenceError::Unknown.to_string())
        }
        Unsilenced::Refused(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        Unsilenced::NotKept(error) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}
