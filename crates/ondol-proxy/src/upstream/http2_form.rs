//! A request in the form of HTTP/2 (RFC 9113, section 8.3): scheme and authority beside the path, nothing about the
//! connection.

use http::header::{CONNECTION, HOST, HeaderValue};
use http::uri::{Authority, Parts, Scheme, Uri};
use http::{Request, Version};

use crate::http::Upload;

/// From a request in the form of HTTP/1.1: an origin-form target and a `Host`. One that has the form already keeps it.
pub(super) fn of_request(mut request: Request<Upload>) -> Request<Upload> {
    if request.version() == Version::HTTP_2 {
        return request;
    }
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.remove(CONNECTION);
    let host = headers.remove(HOST);
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority(host.as_ref()));
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

fn authority(host: Option<&HeaderValue>) -> Authority {
    host.and_then(|host| Authority::try_from(host.as_bytes()).ok())
        .unwrap_or_else(|| Authority::from_static("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_path_become_pseudo_headers_and_it_happens_once() {
        let request = Request::builder()
            .uri("/a?b=c")
            .header("host", "shop.example:81")
            .header("connection", "te")
            .header("te", "trailers")
            .body(Upload::Empty)
            .unwrap();
        let once = of_request(request);
        assert_eq!(*once.uri(), "http://shop.example:81/a?b=c");
        assert_eq!(once.headers().len(), 1);
        let twice = of_request(once);
        assert_eq!(*twice.uri(), "http://shop.example:81/a?b=c");
    }

    #[test]
    fn a_host_that_is_none_does_not_get_lost_in_the_path() {
        let request = Request::builder().uri("/x").body(Upload::Empty).unwrap();
        assert_eq!(*of_request(request).uri(), "http://localhost/x");
    }
}
