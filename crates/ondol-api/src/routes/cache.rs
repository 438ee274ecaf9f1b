use axum::extract::{ConnectInfo, State};

use super::{Answer, Body, answer};
use crate::caller::Caller;
use crate::error::ErrorBody;
use crate::{ApiError, CacheState, Door, ErrorCode, PurgeBody, Purged, Request};

/// Addresses and tags of one question.
const WORDS_MAX: usize = 1_000;

/// Answers that the proxy keeps
#[utoipa::path(get, path = "/v1/cache", operation_id = "show_cache",
    responses((status = 200, body = CacheState), (status = 503, body = ErrorBody)))]
pub(crate) async fn show(State(door): State<Door>) -> Answer<CacheState> {
    answer(door.ask(|reply| Request::Cache { reply }).await?)
}

/// Forget answers by address or tag
#[utoipa::path(post, path = "/v1/cache/purge", operation_id = "purge_cache", request_body = PurgeBody,
    responses((status = 200, body = Purged), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn purge(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Body(what): Body<PurgeBody>,
) -> Answer<Purged> {
    let words = what.urls.len() + what.tags.len();
    if words == 0 && !what.all {
        let message = "nothing is named that the cache is to forget";
        return Err(ApiError::new(ErrorCode::Invalid, message)
            .hint("name addresses in `urls`, names in `tags`, or say `all`"));
    }
    if words > WORDS_MAX {
        let message = format!("{words} addresses and tags are too many for one question");
        return Err(ApiError::new(ErrorCode::Invalid, message)
            .hint(format!("send at most {WORDS_MAX} at once, or `all`")));
    }
    let by = caller.words();
    answer(door.ask(|reply| Request::Purge { what, by, reply }).await?)
}
