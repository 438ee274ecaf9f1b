//! Which endpoint a request goes to, and whether it goes to another one after that.

mod attempt;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use ondol_model::{BalanceBy, RunId, Time};
use tokio::time::Instant;

use super::body::Upload;
use super::guarded::Failed;
use super::lease::Lease;
use crate::Refusal;
use crate::policy::balance::hash;
use crate::policy::retry;
use crate::policy::route::cookie;
use crate::signals::Trail;
use crate::upstream::{Cluster, InFlight, Policy, Pooled, Refused, Sender, connect, connect_http2};
use crate::worker::Shard;
pub(super) use attempt::status_of;
use attempt::{Attempt, How};

/// A request on its way to some endpoint of a service.
pub(super) struct Call<'a> {
    pub shard: &'a Rc<Shard>,
    pub cluster: &'a Rc<Cluster>,
    pub port: u16,
    /// Waits for an endpoint while none is ready.
    pub patient: bool,
    /// The endpoint speaks HTTP/2.
    pub http2: bool,
    pub client: IpAddr,
    /// What is noted of it.
    pub trail: Option<&'a Trail>,
    /// An endpoint that has had the request already, and why it gave no answer.
    pub tried: Option<(RunId, Refusal)>,
}

impl Call<'_> {
    /// Sends the request to one endpoint, and to another when it cannot have had an effect at the first, or may have
    /// one twice.
    pub(super) async fn send(
        &self,
        mut request: Box<Request<Upload>>,
        policy: &Policy,
        deadline: Option<Instant>,
    ) -> Result<(Response<Incoming>, Box<Lease>), Failed> {
        let rule = &policy.traffic.resilience.retry;
        let repeatable = retry::is_repeatable(request.method(), request.body().has_some());
        let key = key_of(&policy.traffic.balance.by, request.headers(), self.client);
        let zone = self.shard.zone(&policy.traffic.balance, self.client);
        let mut refused = Refused::none_yet(key, zone);
        let mut only_new = false;
        let mut times_sent = 0;
        let mut last = Failed::new(Refusal::ConnectFailed, None);
        if let Some((run, refusal)) = self.tried {
            refused.note_run(run);
            (times_sent, only_new) = (1, true);
            let lately = self.cluster.sent_lately(self.shard.now());
            let may_repeat = repeatable && retry::may_repeat(times_sent, rule, lately);
            if is_last(refusal, policy) || !may_repeat {
                return Err(Failed::new(refusal, request));
            }
        }
        for _ in 0..self.shard.limits.attempts_max {
            refused.pause(self.cluster).await;
            let spare = repeatable.then(|| copy(&request));
            let (repeats, reuses) = (times_sent > 0, !only_new);
            let how = How {
                policy,
                deadline,
                repeats,
                reuses,
            };
            let attempt = self.attempt(request, &how, &mut refused);
            let may_repeat = |times| {
                let now = self.shard.now();
                let in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
                in_time && retry::may_repeat(times, rule, self.cluster.sent_lately(now))
            };
            let (refusal, again) = match attempt.await {
                Attempt::Answered(response, lease) => {
                    times_sent += 1;
                    let again = rule.statuses.contains(&response.status().as_u16());
                    let again = spare.filter(|_| again && may_repeat(times_sent));
                    match again {
                        None => return Ok((response, lease)),
                        Some(again) => {
                            refused.note(&lease.in_flight);
                            (Refusal::UpstreamFailed, Some(again))
                        }
                    }
                }
                Attempt::Over(refusal, request) => return Err(Failed::new(refusal, request)),
                Attempt::Unsent(refusal, unsent) => (refusal, Some(unsent)),
                Attempt::Sent(refusal) => {
                    times_sent += 1;
                    match spare {
                        Some(spare) if !is_last(refusal, policy) && may_repeat(times_sent) => {
                            (refusal, Some(spare))
                        }
                        spare => return Err(Failed::new(refusal, spare)),
                    }
                }
            };
            // The endpoint may just have closed an idle connection, and all idle ones are as old.
            only_new |= refusal != Refusal::ConnectFailed;
            last.refusal = refusal;
            match again {
                Some(again) => request = again,
                None => return Err(last),
            }
        }
        last.request = Some(request);
        Err(last)
    }

    async fn pick(&self, refused: &Refused) -> Result<InFlight, Refusal> {
        let shard = self.shard;
        match self.patient {
            true => {
                self.cluster
                    .pick_or_wait(refused, &shard.limits, || shard.now())
                    .await
            }
            false => self
                .cluster
                .pick(refused, shard.now())
                .ok_or(Refusal::NoEndpoint),
        }
    }

    fn reuse(&self, in_flight: &InFlight, repeatable: bool, now: Time) -> Option<Pooled> {
        let limits = &self.shard.limits;
        let idle_max = match repeatable {
            true => limits.pool_idle_time_max,
            false => limits.pool_idle_time_unrepeatable_max,
        };
        let (pool, address) = (&in_flight.pool, in_flight.address(self.port));
        match self.http2 {
            true => pool.share(address, limits, now),
            false => pool.take(address, idle_max, now),
        }
    }

    /// A new connection; `None` when the endpoint refuses it, which is noted.
    async fn open(
        &self,
        in_flight: InFlight,
        time_max: Option<Duration>,
        refused: &mut Refused,
    ) -> Option<Box<Lease>> {
        let limits = &self.shard.limits;
        let address = in_flight.address(self.port);
        let time_max = time_max.unwrap_or(limits.connect_time_max);
        // On the heap below: what a handshake needs would lie in the future of every request, and be moved with it.
        let dial = self.shard.dial(self.cluster.service());
        let dial = dial.as_deref();
        let opened = match self.http2 {
            true => {
                let connected = Box::pin(connect_http2(address, time_max, dial, limits)).await;
                connected.map(|sender| in_flight.pool.add_shared(address, sender, self.shard.now()))
            }
            false => Box::pin(connect(address, time_max, dial, limits))
                .await
                .map(|sender| Pooled {
                    sender: Sender::Alone(sender),
                    opened: self.shard.now(),
                }),
        };
        let Ok(connection) = opened else {
            in_flight.eject(limits, self.shard.now());
            refused.note(&in_flight);
            return None;
        };
        let opened = connection.opened;
        Some(self.lease(in_flight, connection, opened))
    }

    fn lease(&self, in_flight: InFlight, connection: Pooled, sent: Time) -> Box<Lease> {
        Box::new(Lease {
            shard: self.shard.clone(),
            cluster: self.cluster.clone(),
            address: in_flight.address(self.port),
            in_flight,
            connection,
            sent,
            place: None,
            timer: None,
            outcome: None,
        })
    }
}

/// Whether a request is not sent again because of this: whoever has waited for as long as services have where the file
/// says nothing does not wait once more.
fn is_last(refusal: Refusal, policy: &Policy) -> bool {
    refusal == Refusal::ResponseTimeout && policy.traffic.resilience.timeouts.response.is_none()
}

/// What a request is balanced by, where that is not chance.
fn key_of(by: &BalanceBy, headers: &HeaderMap, client: IpAddr) -> Option<u64> {
    let value = match by {
        BalanceBy::Latency | BalanceBy::RoundRobin | BalanceBy::LeastRequests => return None,
        BalanceBy::Header(name) => headers.get(name)?.as_bytes(),
        BalanceBy::Cookie(name) => cookie(headers, name)?.as_bytes(),
        BalanceBy::Ip => return Some(hash(client.to_string().as_bytes())),
    };
    Some(hash(value))
}

/// The same request once more. Cheap: names and values share the bytes they were read into.
pub(super) fn copy(request: &Request<Upload>) -> Box<Request<Upload>> {
    let mut copy = Box::new(Request::new(Upload::Empty));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
