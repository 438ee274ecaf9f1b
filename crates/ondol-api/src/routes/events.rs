use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use ondol_model::EventQuery;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::{Answer, Query, answer};
use crate::error::ErrorBody;
use crate::{ApiError, Door, ErrorCode, EventState, Request};

const LIMIT: u32 = 1_000;
const LIMIT_MAX: u32 = 10_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Only of this project.
    project: Option<String>,
    /// Only of this service of `project`.
    service: Option<String>,
    /// Only those with a greater id.
    #[serde(default)]
    after_id: u64,
    /// Only those at this moment (milliseconds since 1970) or later.
    #[serde(default)]
    since_unix_ms: u64,
    /// At most so many (1000; not above 10000).
    limit: Option<u32>,
}

/// Decisions and their reasons, the newest, in order
#[utoipa::path(get, path = "/v1/events", operation_id = "list_events", params(EventsQuery),
    responses((status = 200, body = Vec<EventState>), (status = 400, body = ErrorBody)))]
pub(crate) async fn list(
    State(door): State<Door>,
    Query(query): Query<EventsQuery>,
) -> Answer<Vec<EventState>> {
    let query = query.checked()?;
    answer(door.ask(|reply| Request::Events { query, reply }).await?)
}

/// Decisions as they are taken, as server-sent events, each with its id
///
/// Begins with those after `after_id` or since `since_unix_ms`, or with the next one when neither is given.
#[utoipa::path(get, path = "/v1/events/stream", operation_id = "follow_events", params(EventsQuery),
    responses((status = 200, body = EventState, content_type = "text/event-stream"), (status = 400, body = ErrorBody)))]
pub(crate) async fn stream(
    State(door): State<Door>,
    Query(query): Query<EventsQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    let mut query = query.checked()?;
    query.oldest_first = true;
    if query.after_id == 0 && query.since_unix_ms == 0 {
        query.after_id = *door.newest_event.borrow();
    }
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(send_events(door, query, sender));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

impl EventsQuery {
    fn checked(self) -> Result<EventQuery, ApiError> {
        let invalid = |why: String| ApiError::new(ErrorCode::Invalid, why);
        if self.service.is_some() && self.project.is_none() {
            return Err(invalid("`service` needs `project`".into()));
        }
        let project = self.project.map(|name| name.parse()).transpose();
        let service = self.service.map(|name| name.parse()).transpose();
        Ok(EventQuery {
            project: project.map_err(|why: ondol_model::NameError| invalid(why.to_string()))?,
            service: service.map_err(|why: ondol_model::NameError| invalid(why.to_string()))?,
            after_id: self.after_id,
            since_unix_ms: self.since_unix_ms,
            limit: self.limit.unwrap_or(LIMIT).min(LIMIT_MAX),
            oldest_first: false,
        })
    }
}

/// Sends what the query asks for, batch by batch, until nobody listens. Reads from the store each time,
/// so that one who listens slowly misses nothing that is kept.
async fn send_events(
    mut door: Door,
    mut query: EventQuery,
    sender: mpsc::Sender<Result<Event, axum::Error>>,
) {
    loop {
        door.newest_event.mark_unchanged();
        let asked = query.clone();
        let asked = door.ask(|reply| Request::Events {
            query: asked,
            reply,
        });
        let Ok(events) = asked.await else { return };
        let more = events.len() >= query.limit as usize && query.limit > 0;
        for event in events {
            query.after_id = event.id;
            let message = Event::default().id(event.id.to_string()).json_data(&event);
            if sender.send(message).await.is_err() {
                return;
            }
        }
        if more {
            continue;
        }
        tokio::select! {
            changed = door.newest_event.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}
