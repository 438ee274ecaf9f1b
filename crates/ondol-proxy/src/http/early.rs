//! What is answered before a route is looked for.

use http::header::{CONNECTION, HOST, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};
use ondol_model::Local;

use super::body::Download;
use super::exchange::Exchange;
use crate::policy::route::host_name;

/// Where an authority looks for the proof that a host is ours (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The answer to a request that no service is to see: an authority's question, or one that is to be asked by TLS.
pub(super) fn early<B>(at: &Exchange, request: &Request<B>) -> Option<Response<Download>> {
    let client = &at.client;
    let entrance = client.serving.entrance();
    let busy = |reason: Local| {
        let busy = at.busy(request);
        busy.because(reason);
        busy
    };
    if client.secured.is_none()
        && let Some(token) = request.uri().path().strip_prefix(CHALLENGES)
        && let Some(proof) = entrance.challenges.get(token)
    {
        let busy = busy(Local::Challenge);
        return Some(Response::new(Download::text(proof.clone().into(), busy)));
    }
    let port = entrance.redirect_to?;
    let place = place(request, port)?;
    let mut response = Response::new(Download::text("".into(), busy(Local::Redirect)));
    // The method and the body are to be sent again as they are (RFC 9110, section 15.4.9).
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, place);
    if !http_body_is_empty(request) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Some(response)
}

fn http_body_is_empty<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    !headers.contains_key(http::header::CONTENT_LENGTH)
        && !headers.contains_key(http::header::TRANSFER_ENCODING)
}

/// The same by TLS; `None` when the request does not say where it is.
fn place<B>(request: &Request<B>, port: u16) -> Option<HeaderValue> {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = authority.or_else(|| request.headers().get(HOST)?.to_str().ok());
    let host = host_name(host?);
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let place = match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    HeaderValue::from_str(&place)
        .ok()
        .filter(|_| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_same_host_and_path_at_another_port() {
        let request = |host: &str| {
            let request = Request::builder().uri("/a/b?c=d").header(HOST, host);
            request.body(()).unwrap()
        };
        let place = |host: &str, port| {
            place(&request(host), port).map(|place| place.to_str().unwrap().to_owned())
        };
        assert_eq!(
            place("Shop.example:8080", 443).unwrap(),
            "https://shop.example/a/b?c=d"
        );
        assert_eq!(
            place("shop.example", 8443).unwrap(),
            "https://shop.example:8443/a/b?c=d"
        );
        assert_eq!(
            place("[::1]:80", 8443).unwrap(),
            "https://[::1]:8443/a/b?c=d"
        );
        assert_eq!(place("", 443), None);
    }
}
