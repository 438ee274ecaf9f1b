//! Answers that the proxy keeps: told, and forgotten.

use ondol_api::{ApiError, CacheState, ErrorCode, PurgeBody, Purged};
use ondol_proxy::{Link, Purge};

pub(super) async fn show(link: &Link) -> Result<CacheState, ApiError> {
    let cache = link.status().await.ok_or_else(no_proxy)?.cache;
    Ok(CacheState {
        bytes: cache.bytes,
        hits: cache.hits,
        stale: cache.stale,
        misses: cache.misses,
        stored: cache.stored,
        purged: cache.purged,
    })
}

pub(super) async fn purge(link: &Link, what: PurgeBody) -> Result<Purged, ApiError> {
    let urls = what.urls.into_iter().map(Purge::Address);
    let tags = what.tags.into_iter().map(Purge::Tag);
    let all = what.all.then_some(Purge::All);
    let mut purged = 0;
    for purge in all.into_iter().chain(urls).chain(tags) {
        purged += link.purge(purge).await.ok_or_else(no_proxy)?;
    }
    Ok(Purged { purged })
}

/// What was asked for, as it is written down.
pub(super) fn words(what: &PurgeBody) -> String {
    let all = what.all.then(|| "everything".to_owned());
    let tags = what.tags.iter().map(|tag| format!("tag {tag}"));
    let words: Vec<_> = all
        .into_iter()
        .chain(what.urls.clone())
        .chain(tags)
        .collect();
    format!("purge {}", words.join(", "))
}

fn no_proxy() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "no proxy runs at this moment")
        .hint("it is started again within a second; what it kept is gone with it")
}
