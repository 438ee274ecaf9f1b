//! Questions of the proxy's own to a service: keys of tokens, and whether a request may pass.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use ondol_model::{ServicePage, ServiceRef};
use tokio::time::timeout;

use super::body::{Download, Upload};
use super::call::Call;
use super::guarded::guarded;
use crate::Refusal;
use crate::worker::Shard;

/// Answers are small: a set of keys, or a word.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A body, as far as it was wanted.
pub(super) enum Collected {
    Whole(Bytes),
    /// Longer than wanted; nothing of it is lost.
    Longer(Download),
}

/// Asks a page of a service in the project of `of`.
pub(super) async fn ask(
    shard: &Rc<Shard>,
    of: &ServiceRef,
    page: &ServicePage,
    method: Method,
    headers: HeaderMap,
) -> Result<Response<Bytes>, Refusal> {
    let service = ServiceRef {
        project: of.project.clone(),
        service: page.service.clone(),
    };
    let mut request = Box::new(Request::new(Upload::Empty));
    *request.method_mut() = method;
    *request.uri_mut() = page.path.parse().unwrap_or(Uri::from_static("/"));
    *request.headers_mut() = headers;
    if let Ok(host) = HeaderValue::from_str(service.service.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    let call = Call {
        shard,
        cluster: &shard.cluster(&service),
        port: page.port.ok_or(Refusal::NoPort)?,
        patient: false,
        http2: false,
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        trail: None,
        tried: None,
    };
    let asked = async {
        let (response, lease) = guarded(&call, request)
            .await
            .map_err(|failed| failed.refusal)?;
        let (head, body) = response.into_parts();
        match collect(Download::endpoint(body, lease), ANSWER_BYTES_MAX).await {
            Some(Collected::Whole(body)) => Ok(Response::from_parts(head, body)),
            _ => Err(Refusal::UpstreamBroke),
        }
    };
    timeout(ANSWER_TIME_MAX, asked)
        .await
        .unwrap_or(Err(Refusal::ResponseTimeout))
}

/// Reads a body of at most `max` bytes; `None` when it breaks off.
pub(super) async fn collect(mut body: Download, max: usize) -> Option<Collected> {
    let mut whole = BytesMut::new();
    loop {
        let frame = match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return Some(Collected::Whole(whole.freeze())),
            Some(frame) => frame.ok()?,
        };
        // Trailers may be left out (RFC 9110, section 6.5.1).
        whole.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if whole.len() > max {
            return Some(Collected::Longer(body.after(whole.freeze())));
        }
    }
}
