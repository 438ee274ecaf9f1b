use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use http::header::{CONNECTION, HOST, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::body::{Busy, Download, Upload};
use super::call::Call;
use super::headers;
use super::refuse::refuse;
use super::switch::Switch;
use crate::Refusal;
use crate::policy::balance::next_random;
use crate::policy::route::{has_dot_segments, host_name};
use crate::upstream::Cluster;
use crate::worker::{Client, Destination, Shard, Target};

/// What the requests of one connection have in common.
pub(super) struct Exchange {
    shard: Rc<Shard>,
    client: Rc<Client>,
    /// The client's address, as `X-Forwarded-For` says it.
    address: HeaderValue,
    random: Cell<u64>,
}

/// Where one request goes.
struct Way {
    cluster: Rc<Cluster>,
    port: Option<u16>,
    /// Bytes of the path to remove.
    strip: usize,
    border: bool,
}

impl Exchange {
    pub(super) fn new(shard: Rc<Shard>, client: Rc<Client>) -> Self {
        let random = Cell::new(shard.draw(shard.clients.number()));
        Exchange {
            address: headers::address_value(client.ip),
            shard,
            client,
            random,
        }
    }
}

/// One request and its response: find where it goes, send it there, bring the answer back.
pub(super) async fn exchange(
    at: Rc<Exchange>,
    mut request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let busy = Busy::new(&at.client.activity);
    let way = match at.find(&request) {
        Ok(way) => way,
        Err((refusal, sentence)) => {
            at.client.serving.count_refusal(refusal);
            return Ok(at.finish(refuse(refusal, sentence, busy)));
        }
    };
    let switch = headers::wanted_switch(request.headers())
        .filter(|_| request.version() == Version::HTTP_11)
        .map(|protocol| Switch::new(&mut request, protocol));
    let mut request = at.prepare(request, &way);
    if let Some(switch) = &switch {
        switch.ask(&mut request);
    }
    let answered = match way.port {
        Some(port) => {
            let call = Call {
                shard: &at.shard,
                cluster: &way.cluster,
                port,
                patient: !way.border,
            };
            call.send(request).await
        }
        None => Err(Refusal::NoPort),
    };
    let (mut response, lease) = match answered {
        Ok(answered) => answered,
        Err(refusal) => {
            way.cluster.count_refusal(refusal);
            let sentence = sentence(refusal, &way.cluster);
            return Ok(at.finish(refuse(refusal, sentence, busy)));
        }
    };
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let response = match switch {
        Some(switch) if switched => {
            switch.go(&mut response, lease, at.client.clone(), busy);
            response.map(|_| Download::nothing())
        }
        None if switched => {
            // An answer to something that was not asked.
            lease.broke(Refusal::UpstreamBroke);
            refuse(
                Refusal::UpstreamBroke,
                sentence(Refusal::UpstreamBroke, &way.cluster),
                busy,
            )
        }
        _ => {
            headers::strip_hop_by_hop(response.headers_mut());
            *response.version_mut() = Version::HTTP_11;
            response.map(|body| Download::endpoint(body, lease, busy))
        }
    };
    Ok(at.finish(response))
}

impl Exchange {
    fn find(&self, request: &Request<Incoming>) -> Result<Way, (Refusal, String)> {
        if request.method() == Method::CONNECT {
            let why = "CONNECT is for proxies that lead anywhere".to_owned();
            return Err((Refusal::BadRequest, why));
        }
        let target = self.client.serving.target();
        match &*target {
            Target::Service {
                destination,
                callers,
                ..
            } => Ok(Way::to(destination, 0, callers.is_none())),
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

    /// The request as the endpoint gets it.
    fn prepare(&self, request: Request<Incoming>, way: &Way) -> Request<Upload> {
        let (parts, body) = request.into_parts();
        let mut prepared = Request::new(match body.is_end_stream() {
            true => Upload::Empty,
            false => Upload::Client(body, None),
        });
        *prepared.method_mut() = parts.method;
        *prepared.headers_mut() = parts.headers;
        let headers = prepared.headers_mut();
        headers::strip_request(headers);
        if let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            // The target's own name wins (RFC 9112, section 3.2.2).
            headers.insert(HOST, host);
        }
        if way.border {
            let host = headers.get(HOST).cloned();
            headers::set_forwarded(headers, &self.address, host);
        }
        if way.strip > 0 {
            headers::set_prefix(headers, &parts.uri.path()[..way.strip]);
        }
        headers::ensure_request_id(headers, || self.draw());
        *prepared.uri_mut() = origin_form(parts.uri, way.strip);
        prepared
    }

    /// What every response gets, whoever it is from.
    fn finish(&self, mut response: Response<Download>) -> Response<Download> {
        if self.client.serving.is_closing() && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn draw(&self) -> u128 {
        let mut state = self.random.get();
        let (high, low) = (next_random(&mut state), next_random(&mut state));
        self.random.set(state);
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Way {
    fn to(destination: &Destination, strip: usize, border: bool) -> Self {
        Way {
            cluster: destination.cluster.clone(),
            port: destination.port,
            strip,
            border,
        }
    }
}

/// The host that is asked for: empty when an HTTP/1.0 client does not say.
fn host(request: &Request<Incoming>) -> Result<&str, &'static str> {
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

/// The target as a server expects it: path and query, without the first `strip` bytes.
fn origin_form(uri: Uri, strip: usize) -> Uri {
    if strip == 0 && uri.authority().is_none() {
        return uri;
    }
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.get(strip..).unwrap_or("/");
    let target = match rest.starts_with('/') {
        true => PathAndQuery::try_from(rest),
        false => PathAndQuery::try_from(format!("/{rest}")),
    };
    // A part of a valid target is valid.
    target.map_or_else(|_| Uri::from_static("/"), Uri::from)
}

fn sentence(refusal: Refusal, cluster: &Cluster) -> String {
    let service = cluster.service();
    match refusal {
        Refusal::NoPort => format!("it is not known which port {service} listens on"),
        Refusal::WaitQueueFull => format!("too many requests wait for {service} already"),
        Refusal::ConnectFailed => format!("{service} does not accept connections"),
        Refusal::UpstreamClosed => format!("{service} closed the connection without an answer"),
        Refusal::UpstreamBroke => format!("{service} gave an answer that is not one"),
        _ => format!("no replica of {service} is ready"),
    }
}
