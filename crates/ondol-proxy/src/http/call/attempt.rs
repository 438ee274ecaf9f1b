use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use ondol_model::Time;
use tokio::time::{Instant, timeout_at};

use super::super::body::{Sent, Upload};
use super::super::headers::{is_grpc, wants_events};
use super::super::lease::{Lease, Outcome};
use super::Call;
use crate::Refusal;
use crate::policy::eject::is_failure;
use crate::policy::{grpc, retry};
use crate::upstream::{Circuit, Pass, Policy, Refused, Unanswered, add};

/// What one attempt is about.
pub(super) struct How<'a> {
    pub policy: &'a Policy,
    pub deadline: Option<Instant>,
    /// It is not the first.
    pub repeats: bool,
    /// A connection that was used before will do.
    pub reuses: bool,
}

/// What became of one attempt.
pub(super) enum Attempt {
    Answered(Response<Incoming>, Box<Lease>),
    /// Nothing was sent: another endpoint may be asked whatever the request is.
    Unsent(Refusal, Box<Request<Upload>>),
    /// Something may have been: only a request that is repeatable may be sent again.
    Sent(Refusal),
    /// There is nobody to ask, or the client is to blame.
    Over(Refusal, Option<Box<Request<Upload>>>),
}

impl Call<'_> {
    /// Sends the request to one endpoint. What became of that is counted, and noted in `refused`.
    pub(super) async fn attempt(
        &self,
        request: Box<Request<Upload>>,
        how: &How<'_>,
        refused: &mut Refused,
    ) -> Attempt {
        let in_flight = match self.pick(refused).await {
            Ok(in_flight) => in_flight,
            Err(refusal) => return Attempt::Over(refusal, Some(request)),
        };
        if let Some(trail) = self.trail {
            trail.sent_to(in_flight.upstream());
        }
        let now = self.shard.now();
        self.cluster.count_sent(how.repeats, now);
        let circuit = in_flight.circuit();
        let entered = circuit
            .as_ref()
            .map(|circuit| (circuit, circuit.enter(self.shard.index, now)));
        let pass = match entered {
            Some((_, None)) => return Attempt::Over(Refusal::CircuitOpen, Some(request)),
            Some((circuit, Some(pass))) => Some((circuit, pass)),
            None => None,
        };
        let connect_time = how.policy.traffic.resilience.timeouts.connect;
        let repeatable = retry::is_repeatable(request.method(), request.body().has_some());
        let reused = match how.reuses {
            true => self.reuse(&in_flight, repeatable, now),
            false => None,
        };
        let lease = match reused {
            Some(connection) => self.lease(in_flight, connection, now),
            // Boxed, as is what follows below: a future is as large as its largest part, and is moved.
            None => match Box::pin(self.open(in_flight, connect_time, refused)).await {
                Some(lease) => lease,
                None => {
                    end(pass, false, self.shard.now());
                    return Attempt::Unsent(Refusal::ConnectFailed, request);
                }
            },
        };
        self.send_on(lease, request, how, pass, refused).await
    }

    async fn send_on(
        &self,
        mut lease: Box<Lease>,
        mut request: Box<Request<Upload>>,
        how: &How<'_>,
        pass: Option<Entered<'_>>,
        refused: &mut Refused,
    ) -> Attempt {
        request.body_mut().count_for(&lease.in_flight);
        let sent = self.in_time(&mut lease, request, how).await;
        let now = self.shard.now();
        let refusal = match sent {
            Ok(Ok(response)) => {
                lease.in_flight.answered(lease.sent, now);
                match status_of(&response) {
                    Some(status) => {
                        self.cluster
                            .judge(&lease.in_flight, !is_failure(status), now);
                        end(pass, !is_failure(status), now);
                        if status >= 500 {
                            add(&lease.in_flight.counters.errors, 1);
                        }
                    }
                    None => {
                        let endpoint = pass.map(|(circuit, pass)| pass.keep(circuit));
                        let service = None;
                        lease.outcome = Some(Box::new(Outcome { endpoint, service }));
                    }
                }
                return Attempt::Answered(response, lease);
            }
            Ok(Err(Unanswered {
                by_client: true, ..
            })) => {
                return Attempt::Over(Refusal::BadBody, None);
            }
            Ok(Err(Unanswered {
                unsent: Some(unsent),
                ..
            })) => {
                return Attempt::Unsent(Refusal::UpstreamClosed, unsent);
            }
            Ok(Err(Unanswered { unsent: None, .. })) => Refusal::UpstreamClosed,
            Err(refusal) => refusal,
        };
        self.cluster.judge(&lease.in_flight, false, now);
        end(pass, false, now);
        add(&lease.in_flight.counters.errors, 1);
        refused.note(&lease.in_flight);
        Attempt::Sent(refusal)
    }
}

/// A circuit, and that it let a request through.
type Entered<'a> = (&'a Arc<Circuit>, Pass<&'a Circuit>);

/// What an answer came to, as a status of HTTP; `None` when it is one of gRPC whose end will say.
pub(in crate::http) fn status_of(response: &Response<Incoming>) -> Option<u16> {
    let (status, headers) = (response.status(), response.headers());
    match is_grpc(headers) && status == StatusCode::OK {
        true => grpc::status(headers).map(grpc::http_status),
        false => Some(status.as_u16()),
    }
}

impl Call<'_> {
    /// Sends the request, and waits for the head of the answer as long as may be.
    async fn in_time(
        &self,
        lease: &mut Lease,
        request: Box<Request<Upload>>,
        how: &How<'_>,
    ) -> Result<Result<Response<Incoming>, Unanswered>, Refusal> {
        let own = how.policy.traffic.resilience.timeouts.response;
        let usual = (own.is_none() && !may_last(request.headers()))
            .then_some(self.shard.limits.response_time_max);
        let body = request.body().sent();
        let sending = lease.connection.send(request);
        match (own.filter(|own| !own.is_zero()), usual, how.deadline) {
            (None, None, None) => Ok(sending.await),
            (None, Some(usual), None) => self.patiently(usual, body, sending).await,
            (own, usual, deadline) => {
                Box::pin(within(own.or(usual), deadline, body, sending)).await
            }
        }
    }

    /// What `sending` brings, or nothing in about this time.
    async fn patiently<T>(
        &self,
        time_max: Duration,
        body: Option<Rc<Sent>>,
        sending: impl Future<Output = T>,
    ) -> Result<T, Refusal> {
        let waiting = self.shard.waits.begin(self.shard.now());
        let mut sending = std::pin::pin!(sending);
        loop {
            if let Some(sent) = waiting.while_it_lasts(sending.as_mut()).await {
                return Ok(sent);
            }
            if left(time_max, body.as_deref()).is_zero() {
                return Err(Refusal::ResponseTimeout);
            }
            waiting.begin_again(self.shard.now());
        }
    }
}

/// Whether nothing may come for long although all is well: a call of gRPC says itself when it is over, and events come
/// when there are any.
fn may_last(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT);
    is_grpc(headers) || accept.is_some_and(|accept| wants_events(accept.as_bytes()))
}

/// How much is left of the time that an endpoint has, when that would be over if the request had been sent at once: it
/// begins when the endpoint has taken the last piece of it, and stands still while the client is waited for.
fn left(time_max: Duration, body: Option<&Sent>) -> Duration {
    match body {
        None => Duration::ZERO,
        Some(body) => body
            .since()
            .map_or(time_max, |since| time_max.saturating_sub(since.elapsed())),
    }
}

/// What `sending` brings, or which of the two times ran out.
async fn within<T>(
    response: Option<Duration>,
    deadline: Option<Instant>,
    body: Option<Rc<Sent>>,
    sending: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let mut sending = std::pin::pin!(sending);
    let mut over = response.map(|time| Instant::now() + time);
    loop {
        let Some(end) = [over, deadline].into_iter().flatten().min() else {
            return Ok(sending.await);
        };
        if let Ok(sent) = timeout_at(end, sending.as_mut()).await {
            return Ok(sent);
        }
        if deadline == Some(end) {
            return Err(Refusal::RequestTimeout);
        }
        let left = left(response.unwrap_or_default(), body.as_deref());
        if left.is_zero() {
            return Err(Refusal::ResponseTimeout);
        }
        over = Some(Instant::now() + left);
    }
}

fn end(pass: Option<Entered<'_>>, is_good: bool, now: Time) {
    if let Some((_, pass)) = pass {
        pass.ended(is_good, now);
    }
}
