use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::body::{Busy, Download};
use super::call::{Call, Lease};
use super::headers;
use super::prepare::prepare;
use super::refuse::refuse;
use super::switch::Switch;
use super::way::Way;
use crate::Refusal;
use crate::policy::balance::next_random;
use crate::upstream::Cluster;
use crate::worker::{Client, Shard};

/// What the requests of one connection have in common.
pub(super) struct Exchange {
    pub shard: Rc<Shard>,
    pub client: Rc<Client>,
    /// The client's address, as `X-Forwarded-For` says it.
    pub address: HeaderValue,
    random: Cell<u64>,
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

/// One request and its response, whatever version of HTTP the client speaks.
///
/// The stages, in order: find the way, prepare, pick an endpoint and send (and again elsewhere), pump the answer, account.
pub(super) async fn exchange(
    at: Rc<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let version = request.version();
    let busy = Busy::new(&at.client.activity);
    let mut response = at.answer(request, busy).await;
    if version <= Version::HTTP_11 {
        at.finish_http1(&mut response);
    }
    Ok(response)
}

impl Exchange {
    async fn answer(
        self: &Rc<Self>,
        mut request: Request<Incoming>,
        busy: Busy,
    ) -> Response<Download> {
        let way = match Way::find(&self.client.serving.target(), &request) {
            Ok(way) => way,
            Err((refusal, sentence)) => {
                self.client.serving.count_refusal(refusal);
                return refuse(refusal, sentence, busy);
            }
        };
        let switch = Switch::wanted(&mut request);
        let mut request = prepare(self, request, &way);
        if let Some(switch) = &switch {
            switch.ask(&mut request);
        }
        let answered = match way.port {
            Some(port) => {
                let call = Call {
                    shard: &self.shard,
                    cluster: &way.cluster,
                    port,
                    patient: !way.border,
                    http2: way.http2 || self.speaks_http2(&way.cluster, request.headers()),
                };
                call.send(request).await
            }
            None => Err(Refusal::NoPort),
        };
        match answered {
            Ok((response, lease)) => self.pass_on(response, lease, switch, &way, busy),
            Err(refusal) => {
                way.cluster.count_refusal(refusal);
                refuse(refusal, sentence(refusal, &way.cluster), busy)
            }
        }
    }

    /// The file says so, or it is a call of gRPC, which is nothing else.
    fn speaks_http2(&self, cluster: &Cluster, headers: &HeaderMap) -> bool {
        let dial = self.shard.dial(cluster.service());
        dial.is_some_and(|dial| dial.http2) || headers::is_grpc(headers)
    }

    /// The endpoint's answer as the client gets it.
    fn pass_on(
        &self,
        mut response: Response<Incoming>,
        lease: Lease,
        switch: Option<Switch>,
        way: &Way,
        busy: Busy,
    ) -> Response<Download> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        match switch {
            Some(switch) if switched => {
                switch.go(&mut response, lease, self.client.clone(), busy);
                response.map(|_| Download::nothing())
            }
            None if switched => {
                // An answer to something that was not asked.
                lease.broke(Refusal::UpstreamBroke);
                let sentence = sentence(Refusal::UpstreamBroke, &way.cluster);
                refuse(Refusal::UpstreamBroke, sentence, busy)
            }
            _ => {
                headers::strip_hop_by_hop(response.headers_mut());
                response.map(|body| Download::endpoint(body, lease, busy))
            }
        }
    }

    /// What every response of HTTP/1 gets, whoever it is from.
    fn finish_http1(&self, response: &mut Response<Download>) {
        // An HTTP/1.0 client is answered by the version that this proxy speaks (RFC 9110, section 6.2).
        *response.version_mut() = Version::HTTP_11;
        if self.client.serving.is_closing() && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }

    pub(super) fn draw(&self) -> u128 {
        let mut state = self.random.get();
        let (high, low) = (next_random(&mut state), next_random(&mut state));
        self.random.set(state);
        u128::from(high) << 64 | u128::from(low)
    }
}

fn sentence(refusal: Refusal, cluster: &Cluster) -> String {
    let service = cluster.service();
    match refusal {
        Refusal::NoPort => format!("it is not known which port {service} listens on"),
        Refusal::WaitQueueFull => format!("too many requests wait for {service} already"),
        Refusal::ConnectFailed => format!("{service} does not accept connections"),
        Refusal::UpstreamClosed => format!("{service} closed the connection without an answer"),
        Refusal::BadBody => "the body of the request broke off".to_owned(),
        Refusal::UpstreamBroke => format!("{service} gave an answer that is not one"),
        _ => format!("no replica of {service} is ready"),
    }
}
