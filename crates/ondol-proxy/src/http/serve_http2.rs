use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;

use http::header::{COOKIE, HeaderMap, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ondol_model::RunId;
use tokio::io::DuplexStream;

use super::body::Download;
use super::exchange::{Exchange, exchange};
use super::h2::{STREAM_WINDOW_BYTES, TRIED};
use super::refuse::refuse;
use super::serve::at_the_door;
use crate::Refusal;
use crate::exec::Local;
use crate::guard::{Fault, is_host, is_target};

/// The window of a connection: what is received of all requests and not yet taken by their endpoints.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Of an answer that the client is too slow to take.
const SEND_BYTES_MAX: usize = 64 << 10;

/// Serves requests of HTTP/2 by hyper, several at once, until `io` ends.
pub(super) async fn serve_streams(at: Rc<Exchange>, io: DuplexStream) {
    let (limits, client) = (at.shard.limits, at.client.clone());
    let serving = http2::Builder::new(Local)
        .max_concurrent_streams(limits.streams_per_connection_max)
        .max_header_list_size(limits.head_bytes_max as u32)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .serve_connection(
            TokioIo::new(io),
            service_fn(move |request| answer(at.clone(), request)),
        );
    if let Err(error) = serving.await
        && let Some(refusal) = refusal(&error)
    {
        client.serving.count_refusal(refusal);
    }
}

async fn answer(
    at: Rc<Exchange>,
    mut request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let at = match request.headers_mut().remove(TRIED) {
        Some(run) => again(&at, &run),
        None => at,
    };
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

/// For a request that an endpoint has had already, and gave no answer.
fn again(at: &Rc<Exchange>, tried: &HeaderValue) -> Rc<Exchange> {
    let said = tried.to_str().ok().and_then(|said| said.split_once(' '));
    let tried = said.and_then(|(run, why)| {
        let late = why == Refusal::ResponseTimeout.word();
        let refusal = if late {
            Refusal::ResponseTimeout
        } else {
            Refusal::UpstreamClosed
        };
        Some((RunId(run.parse().ok()?), refusal))
    });
    tried.map_or_else(|| at.clone(), |tried| Rc::new(at.after(tried)))
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
