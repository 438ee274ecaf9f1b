//! The first stage: where a request goes.

use std::rc::Rc;

use http::header::HOST;
use http::{Method, Request, Version};

use crate::Refusal;
use crate::policy::protocol::Protocol;
use crate::policy::route::{has_dot_segments, host_name};
use crate::upstream::Cluster;
use crate::worker::{Destination, Target};

/// Where one request goes.
pub(super) struct Way {
    pub cluster: Rc<Cluster>,
    pub port: Option<u16>,
    /// Bytes of the path to remove.
    pub strip: usize,
    /// The request comes from outside: what it says about itself is not believed.
    pub border: bool,
    /// The service speaks HTTP/2.
    pub http2: bool,
}

impl Way {
    /// The error is for people.
    pub(super) fn find<B>(target: &Target, request: &Request<B>) -> Result<Way, (Refusal, String)> {
        if request.method() == Method::CONNECT {
            let why = "CONNECT is for proxies that lead anywhere".to_owned();
            return Err((Refusal::BadRequest, why));
        }
        match target {
            Target::Service {
                destination,
                callers,
                protocol,
            } => Ok(Way {
                // Where nobody said what the service speaks, its client knows.
                http2: *protocol == Protocol::Http2
                    || *protocol == Protocol::Detect && request.version() == Version::HTTP_2,
                ..Way::to(destination, 0, callers.is_none())
            }),
            Target::Edge(routes) => {
                let host = host(request).map_err(|why| (Refusal::BadRequest, why.to_owned()))?;
                let path = request.uri().path();
                if has_dot_segments(path) {
                    let why = "the path has a segment that means another path".to_owned();
                    return Err((Refusal::BadRequest, why));
                }
                let host = host_name(host);
                let Some(found) = routes.find(&host, path) else {
                    return Err((Refusal::NoRoute, format!("no route for {host}{path}")));
                };
                Ok(Way::to(found.to, found.strip, true))
            }
        }
    }

    fn to(destination: &Destination, strip: usize, border: bool) -> Self {
        Way {
            cluster: destination.cluster.clone(),
            port: destination.port,
            strip,
            border,
            http2: false,
        }
    }
}

/// The host that is asked for: empty when an HTTP/1.0 client does not say.
fn host<B>(request: &Request<B>) -> Result<&str, &'static str> {
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| "the Host header is not a host"),
        (None, _) if request.version() == Version::HTTP_10 => Ok(""),
        (None, _) => Err("the Host header is missing"),
        (Some(_), Some(_)) => Err("there is more than one Host header"),
    }
}
