use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::header::{COOKIE, HeaderMap, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::body::Download;
use super::exchange::{Exchange, exchange};
use super::refuse::refuse;
use super::serve::at_the_door;
use crate::Refusal;
use crate::exec::Local;
use crate::guard::{Fault, is_host, is_target};
use crate::stream::ClientStream;
use crate::worker::{Client, Shard};

/// Received of one request and not yet taken by its endpoint.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// The same of all requests of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Of an answer that the client is too slow to take.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Requests that a client took back before they were looked at (CVE-2023-44487).
const RESETS_WAITING_MAX: usize = 20;
/// Requests that a client made this side take back (CVE-2025-8671).
const RESETS_PROVOKED_MAX: usize = 256;
/// A client that is gone without a word is noticed within twice this time.
const PING: Duration = Duration::from_secs(30);

/// Serves the requests of one connection of HTTP/2, several at once, until the client leaves or the listener closes.
pub(crate) async fn serve_http2(shard: Rc<Shard>, client: Client, stream: ClientStream) {
    let limits = shard.limits;
    let client = Rc::new(client);
    let at = Rc::new(Exchange::new(shard, client.clone()));
    let serving = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection_max)
        .max_header_list_size(limits.head_bytes_max as u32)
        .max_pending_accept_reset_streams(RESETS_WAITING_MAX)
        .max_local_error_reset_streams(RESETS_PROVOKED_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(at.clone(), request)),
        );
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = client.serving.closing() => {
            // GOAWAY: what was asked is answered, and the client asks the rest elsewhere (RFC 9113, section 6.8).
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended
        && let Some(refusal) = refusal(&error)
    {
        client.serving.count_refusal(refusal);
    }
}

async fn answer(
    at: Rc<Exchange>,
    mut request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    if let Some(fault) = fault(&request) {
        at.client.serving.count_refusal(Refusal::BadHead);
        let sentence = fault.sentence().to_owned();
        let response = refuse(Refusal::BadHead, sentence, at.busy(&request));
        response.body().answered(response.status());
        return Ok(response);
    }
    let mut names = request.headers().keys();
    if names.any(|name| name.as_str().contains('_')) {
        at.client.activity.note_underscore();
    }
    join_cookies(request.headers_mut());
    match at.client.serving.at_the_door.get() {
        true => Box::pin(at_the_door(at, request)).await,
        // A request is a task here, which is moved more than once until it runs: it is to be small.
        false => Box::pin(exchange(at, request)).await,
    }
}

/// What HTTP/1 could not carry unchanged; all else was checked where the frames were read.
fn fault(request: &Request<Incoming>) -> Option<Fault> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if !is_target(target.as_bytes()) {
        return Some(Fault::Target);
    }
    let authority = uri.authority()?.as_str();
    (!is_host(authority.as_bytes())).then_some(Fault::Host)
}

/// HTTP/2 may cut cookies apart, and HTTP/1 may not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Why a connection ended that its client did not end properly; `None` when it is simply gone.
fn refusal(error: &hyper::Error) -> Option<Refusal> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    match error.reason()? {
        h2::Reason::NO_ERROR => None,
        h2::Reason::ENHANCE_YOUR_CALM => Some(Refusal::Http2Abuse),
        _ if error.is_remote() => None,
        _ => Some(Refusal::BadFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_become_one_header_again() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
        assert_eq!(headers[COOKIE], "a=1; b=2; c=3; d=4");
    }
}
