use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::body::Download;
use super::early::early;
use super::exchange::{Exchange, exchange};
use super::raw;
use super::refuse::refuse;
use crate::Refusal;
use crate::guard::Fault;
use crate::stream::{ClientStream, REFUSED_METHOD};
use crate::worker::{Client, Shard};

/// A connection of HTTP/1, ready to be served.
pub(crate) struct Http1 {
    at: Rc<Exchange>,
    stream: ClientStream,
}

impl Http1 {
    pub(crate) fn new(shard: Rc<Shard>, client: Client, stream: ClientStream) -> Self {
        let at = Rc::new(Exchange::new(shard, Rc::new(client)));
        Http1 { at, stream }
    }
}

/// Serves the requests of one connection, one after another, once it has `begun`.
///
/// No timer of hyper's: how long a client may take is looked at once a second for all connections of the worker.
/// Idle connections are many: what is not needed between requests is on the heap, and each thing stands in the future
/// once.
pub(crate) async fn serve<F: Future<Output = Option<Http1>>>(begun: Pin<Box<F>>) {
    let Some(mut http1) = begun.await else { return };
    if raw::serve(&http1.at, &mut http1.stream).await {
        Box::pin(serve_parsed(http1)).await;
    }
}

/// The same by requests that were parsed.
async fn serve_parsed(http1: Http1) {
    let Http1 { at, stream } = http1;
    let (limits, client) = (at.shard.limits, at.client.clone());
    let serving = http1::Builder::new()
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max)
        .header_read_timeout(None)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(at.clone(), request)),
        )
        .with_upgrades();
    if let Err(error) = serving.await
        && (error.is_parse() || client.activity.fault() == Some(Fault::NotHttp))
    {
        // hyper has answered 400, 414 or 431.
        client.serving.count_refusal(Refusal::BadHead);
    }
}

async fn answer(
    at: Rc<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    if request.method().as_str() == REFUSED_METHOD {
        return Ok(refuse_head(&at, &request));
    }
    match at.client.serving.at_the_door.get() {
        // Boxed: the common way is not to carry it.
        true => Box::pin(at_the_door(at, request)).await,
        // It is moved into what polls it, more than once: a pointer is cheaper.
        false => Box::pin(exchange(at, request)).await,
    }
}

/// What is answered at once is; everything else is exchanged. All that goes out by TLS says what the file wants.
pub(super) async fn at_the_door(
    at: Rc<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let client = at.client.clone();
    let mut response = match early(&at, &request) {
        Some(response) => {
            response.body().answered(response.status());
            response
        }
        None => exchange(at, request).await?,
    };
    if client.secured.is_some()
        && let Some(tls) = &client.serving.entrance().tls
        && let Some(hsts) = &tls.hsts
    {
        let headers = response.headers_mut();
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    Ok(response)
}

/// The answer to a request that the guard did not let through.
fn refuse_head(at: &Exchange, request: &Request<Incoming>) -> Response<Download> {
    let (client, busy) = (&at.client, at.busy(request));
    let refusal = match client.activity.fault() {
        Some(Fault::TooLarge) => Refusal::HeadTooLarge,
        _ => Refusal::BadHead,
    };
    client.serving.count_refusal(refusal);
    let sentence = client
        .activity
        .fault()
        .unwrap_or(Fault::RequestLine)
        .sentence();
    let mut response = refuse(refusal, sentence.to_owned(), busy);
    response.body().answered(response.status());
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, F: Future>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// With what tokio adds, it is three times 128 bytes, in which tasks are counted.
    #[test]
    fn a_connection_that_waits_is_small() {
        let size = size_of_future(serve::<std::future::Ready<Option<Http1>>>);
        assert!(size <= 272, "{size}");
    }
}
