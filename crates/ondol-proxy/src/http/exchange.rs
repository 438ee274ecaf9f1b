use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use ondol_model::{RunId, ServiceName};

use super::answer;
use super::body::{Busy, Download, Upload};
use super::call::Call;
use super::change::Change;
use super::fallback::{self, Instead, instead};
use super::guarded::{Failed, guarded};
use super::headers;
use super::keep::Asked;
use super::lease::Lease;
use super::mirror::mirror;
use super::pass::{Stop, tell_user};
use super::prepare::prepare;
use super::refuse::refuse;
use super::smaller::Smaller;
use super::switch::Switch;
use super::way::Way;
use crate::Refusal;
use crate::gate::{Gate, User};
use crate::policy::balance::next_random;
use crate::policy::cache::HIT;
use crate::policy::cors::is_preflight;
use crate::policy::grpc;
use crate::policy::plan::Plan;
use crate::policy::trace::Hop;
use crate::signals::{Trail, Wrote};
use crate::upstream::Cluster;
use crate::worker::{Client, Shard};

/// What the requests of one connection have in common.
pub(super) struct Exchange {
    pub shard: Rc<Shard>,
    pub client: Rc<Client>,
    /// The client's address, as `X-Forwarded-For` says it.
    pub address: HeaderValue,
    /// The service that the client belongs to, which few do: of this there is one for each idle connection.
    pub caller: Option<Box<ServiceName>>,
    /// The endpoint that has had the next request already, and why it gave no answer.
    pub tried: Cell<Option<(RunId, Refusal)>>,
    random: Cell<u64>,
}

impl Exchange {
    pub(super) fn new(shard: Rc<Shard>, client: Rc<Client>) -> Self {
        let random = Cell::new(shard.draw(shard.clients.number()));
        Exchange {
            address: headers::address_value(client.ip),
            caller: client.caller(&shard).map(Box::new),
            tried: Cell::new(None),
            shard,
            client,
            random,
        }
    }

    /// The same for a request of its own, which an endpoint has had already.
    pub(super) fn after(&self, tried: (RunId, Refusal)) -> Self {
        Exchange {
            tried: Cell::new(Some(tried)),
            ..Exchange::new(self.shard.clone(), self.client.clone())
        }
    }
}

/// One request and its response, whatever version of HTTP the client speaks.
///
/// The stages, in order: find the way (`way`), let pass who may ask (`pass`), answer what needs no service (`answer`),
/// prepare (`prepare`), look among kept answers (`keep`), let through what the service's policy allows (`guarded`), pick an endpoint and send, and again elsewhere (`call`), answer instead
/// (`fallback`), make the answer smaller (`smaller`), pump it (`body`). Counting is done where something happens.
pub(super) async fn exchange(
    at: Rc<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let version = request.version();
    let busy = at.busy(&request);
    let mut response = at.answer(request, busy).await;
    response.body().answered(response.status());
    at.tried.set(None);
    if version <= Version::HTTP_11 {
        at.finish_http1(&mut response);
    }
    Ok(response)
}

impl Exchange {
    /// The client is served from now on, and what becomes of its request is noted.
    pub(super) fn busy<B>(&self, request: &Request<B>) -> Busy {
        let wrote = || Wrote::of(request);
        let trail = Trail::begin(&self.shard, &self.client, wrote, || self.draw());
        Busy::new(&self.client.activity, request.version(), trail)
    }

    async fn answer(
        self: &Rc<Self>,
        mut request: Request<Incoming>,
        busy: Busy,
    ) -> Response<Download> {
        let target = self.client.serving.target();
        let found = Way::find(target, &request, self.client.ip, || self.draw() as u64);
        let mut way = match found {
            Ok(way) => way,
            Err((refusal, sentence)) => {
                self.client.serving.count_refusal(refusal);
                self.trace(request.headers_mut(), busy.trail().as_deref());
                return refuse(refusal, sentence, busy);
            }
        };
        way.trail = busy.trail();
        if let Some(trail) = &way.trail {
            trail.goes(&way.cluster, way.origin(self.caller.as_deref()));
        }
        let Some(plan) = way.plan() else {
            return self.ask(request, None, &way, busy).await;
        };
        let cors = plan.cors.as_ref().map(|cors| cors.judge(request.headers()));
        let mut response = match way.gate() {
            // A preflight comes without anything that says who asks.
            Some(gate) if cors.is_none() || !is_preflight(request.method(), request.headers()) => {
                Box::pin(self.behind(gate, plan, request, &way, busy)).await
            }
            _ => match answer::answer(&way, plan, &request, busy) {
                Ok(busy) => self.ask(request, None, &way, busy).await,
                Err(answer) => {
                    self.trace(request.headers_mut(), way.trail.as_deref());
                    *answer
                }
            },
        };
        if let Some(cors) = cors.filter(|_| !answer::is_preflight_answer(&response)) {
            cors.mark(response.headers_mut());
        }
        if let Some(edits) = &plan.response {
            edits.apply(response.headers_mut());
        }
        response
    }

    /// The answer to a request of a route that not everybody may ask, or whose answers are kept or made smaller.
    async fn behind(
        self: &Rc<Self>,
        gate: &Gate,
        plan: &Plan,
        mut request: Request<Incoming>,
        way: &Way,
        busy: Busy,
    ) -> Response<Download> {
        let user = match self.pass(gate, &request).await {
            Ok(user) => user,
            Err(stop) => {
                self.trace(request.headers_mut(), way.trail.as_deref());
                if let Stop::Refused(refusal, ..) = &stop {
                    way.cluster.count_refusal(*refusal);
                }
                return stop.tell(busy);
            }
        };
        let smaller = Smaller::wanted(gate, &request);
        let response = match answer::answer(way, plan, &request, busy) {
            Err(answer) => {
                self.trace(request.headers_mut(), way.trail.as_deref());
                *answer
            }
            Ok(busy) => {
                let passed = Some((gate, user.as_deref()));
                self.ask(request, passed, way, busy).await
            }
        };
        match smaller {
            Some(smaller) => smaller.make(response),
            None => response,
        }
    }

    /// Asks the service, and others where it gives no answer. `passed` is the gate that was passed, and who it is.
    async fn ask(
        self: &Rc<Self>,
        mut request: Request<Incoming>,
        passed: Option<(&Gate, Option<&User>)>,
        way: &Way,
        mut busy: Busy,
    ) -> Response<Download> {
        let switch = Switch::wanted(&mut request);
        let kept = passed.and_then(|(gate, _)| gate.kept.as_ref());
        let kept = kept.filter(|_| switch.is_none());
        let asked = kept.and_then(|kept| Some((kept, Asked::of(kept, &request, way)?)));
        if let Some((kept, asked)) = &asked
            && let Some(stored) = self.at_hand(kept, asked, &mut request, way)
        {
            return self.give(&stored, asked, HIT, busy);
        }
        let change = Change::of(kept, &request, way);
        let mut request = prepare(self, request, way);
        if let Some((gate, user)) = passed {
            tell_user(gate, user, request.headers_mut());
        }
        if let Some(switch) = &switch {
            switch.ask(&mut request);
        }
        let plan = way.plan();
        let body_max = plan.and_then(|plan| plan.body_bytes_max);
        let exceeded = body_max.map(|max| (max, request.body_mut().limit(max)));
        if let (Some(plan), Some(to)) = (plan, way.mirror())
            && self.draw() as u64 % 100 < u64::from(plan.mirrored_percent)
        {
            mirror(&self.shard, to, way.client, &mut request);
        }
        let mut failed = match asked {
            None => match self.call(request, way).await {
                Ok((response, lease)) => {
                    if let Some(change) = change {
                        let (status, said) = (response.status(), response.headers());
                        let cache = &self.shard.crew.gates.cache;
                        change.happened(cache, way.cluster.service(), status, said);
                    }
                    return self.pass_on(response, lease, switch, way, busy);
                }
                Err(failed) => failed,
            },
            Some((kept, asked)) => match Box::pin(self.keep(kept, asked, request, way, busy)).await
            {
                Ok(response) => return response,
                Err((failed, waits)) => {
                    busy = waits;
                    failed
                }
            },
        };
        if let Some((max, _)) = exceeded.filter(|(_, exceeded)| exceeded.get()) {
            way.cluster.count_refusal(Refusal::BodyTooLarge);
            return refuse(Refusal::BodyTooLarge, answer::too_large(max), busy);
        }
        way.cluster.count_refusal(failed.refusal);
        busy.because(failed.refusal);
        match Box::pin(instead(&self.shard, way, &mut failed)).await {
            Some(Instead::Endpoint(response, lease)) => {
                self.pass_on(response, lease, None, way, busy)
            }
            Some(Instead::Stale(answer)) => answer.map(|body| Download::text(body, busy)),
            Some(Instead::Static(answer)) => fallback::answer(answer, &failed, busy),
            None => refuse(failed.refusal, sentence(failed.refusal, &way.cluster), busy),
        }
    }

    /// Sends a request on its way.
    pub(super) async fn call(
        &self,
        request: Box<Request<Upload>>,
        way: &Way,
    ) -> Result<(Response<Incoming>, Box<Lease>), Failed> {
        let Some(port) = way.port else {
            return Err(Failed::new(Refusal::NoPort, request));
        };
        let call = Call {
            shard: &self.shard,
            cluster: &way.cluster,
            port,
            patient: !way.border || way.cluster.may_sleep(),
            http2: way.http2 || self.speaks_http2(&way.cluster, request.headers()),
            client: way.client,
            trail: way.trail.as_deref(),
            tried: self.tried.take(),
        };
        if let (Some(trail), Some(_)) = (call.trail, call.tried) {
            trail.was_tried();
        }
        guarded(&call, request).await
    }

    /// Goes on with the trace of a request, or begins one. What begins here is recorded as far as the project's rules
    /// say.
    pub(super) fn trace(&self, headers: &mut HeaderMap, trail: Option<&Trail>) {
        let random = self.draw();
        let begins = || trail.is_none_or(|trail| trail.begins_trace(random as u64));
        let hop = Hop::through(headers, random, begins);
        if let Some(trail) = trail {
            trail.belongs(hop);
        }
    }

    /// The file says so, or it is a call of gRPC, which is nothing else.
    fn speaks_http2(&self, cluster: &Cluster, headers: &HeaderMap) -> bool {
        let dial = self.shard.dial(cluster.service());
        dial.is_some_and(|dial| dial.http2) || headers::is_grpc(headers)
    }

    /// Some servers take `_` for `-`, so that a client could say what only this proxy may.
    pub(super) fn drop_underscored(&self, headers: &mut HeaderMap, cluster: &Cluster) {
        let dial = self.shard.dial(cluster.service());
        if !dial.is_some_and(|dial| dial.underscores) {
            headers::drop_underscored(headers);
        }
    }

    /// The endpoint's answer as the client gets it.
    fn pass_on(
        &self,
        mut response: Response<Incoming>,
        lease: Box<Lease>,
        switch: Option<Switch>,
        way: &Way,
        busy: Busy,
    ) -> Response<Download> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        match switch {
            Some(switch) if switched => {
                switch.go(&mut response, *lease, self.client.clone(), busy);
                response.map(|_| Download::nothing())
            }
            None if switched => {
                // An answer to something that was not asked.
                lease.broke(Refusal::UpstreamBroke);
                let sentence = sentence(Refusal::UpstreamBroke, &way.cluster);
                refuse(Refusal::UpstreamBroke, sentence, busy)
            }
            _ => {
                if let (Some(trail), Some(status)) = (&way.trail, grpc::status(response.headers()))
                {
                    trail.came_to(status);
                }
                headers::strip_hop_by_hop(response.headers_mut());
                response.map(|body| Download::endpoint(body, lease).with(busy))
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
        Refusal::NotCached => format!("nothing is stored of {service} that answers it"),
        Refusal::ConnectFailed => format!("{service} does not accept connections"),
        Refusal::UpstreamClosed => format!("{service} closed the connection without an answer"),
        Refusal::BadBody => "the body of the request broke off".to_owned(),
        Refusal::UpstreamBroke => format!("{service} gave an answer that is not one"),
        Refusal::CircuitOpen => {
            format!("{service} failed too often lately and is left alone for a while")
        }
        Refusal::ConcurrencyFull => format!("{service} has as many requests as it may have"),
        Refusal::Overloaded => format!("{service} answers too slowly to be asked more"),
        Refusal::ResponseTimeout | Refusal::RequestTimeout => {
            format!("{service} took too long to answer")
        }
        Refusal::UpstreamFailed => format!("{service} failed to answer"),
        _ => format!("no replica of {service} is ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, F: Future>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// A future is moved on its way into what polls it: what hardly any request needs is boxed.
    #[test]
    fn a_request_on_its_way_is_small() {
        let size = size_of_future(exchange);
        assert!(size <= 4 << 10, "{size}");
    }
}
