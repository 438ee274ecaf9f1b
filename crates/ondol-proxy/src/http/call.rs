use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response};
use hyper::body::Incoming;
use ondol_model::Time;
use tokio::time::timeout;

use super::body::Upload;
use crate::Refusal;
use crate::policy::retry;
use crate::upstream::{
    Cluster, InFlight, Pooled, Refused, Sender, Unanswered, add, connect, connect_http2,
};
use crate::worker::Shard;

/// A connection to an endpoint while a request uses it.
pub(super) struct Lease {
    shard: Rc<Shard>,
    cluster: Rc<Cluster>,
    pub in_flight: InFlight,
    connection: Pooled,
    address: SocketAddr,
}

/// A request on its way to some endpoint of a service.
pub(super) struct Call<'a> {
    pub shard: &'a Rc<Shard>,
    pub cluster: &'a Rc<Cluster>,
    pub port: u16,
    /// Waits for an endpoint while none is ready.
    pub patient: bool,
    /// The endpoint speaks HTTP/2.
    pub http2: bool,
}

impl Call<'_> {
    /// Sends the request to one endpoint, and to another when it cannot have had an effect at the first.
    pub(super) async fn send(
        &self,
        mut request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Lease), Refusal> {
        let (shard, limits) = (self.shard, &self.shard.limits);
        let has_body = matches!(request.body(), Upload::Client(..));
        let repeatable = retry::is_repeatable(request.method(), has_body);
        let mut refused = Refused::default();
        let mut only_new = false;
        let mut times_sent = 0;
        let mut refusal = Refusal::ConnectFailed;
        for _ in 0..limits.attempts_max {
            refused.pause(self.cluster).await;
            let in_flight = self.pick(&refused).await?;
            let now = shard.now();
            let reused = match only_new {
                true => None,
                false => self.reuse(&in_flight, repeatable, now),
            };
            let (mut lease, sent) = match reused {
                Some(connection) => (self.lease(in_flight, connection), now),
                None => match self.open(in_flight, &mut refused).await {
                    Some(connected) => connected,
                    None => {
                        refusal = Refusal::ConnectFailed;
                        continue;
                    }
                },
            };
            request.body_mut().count_for(&lease.in_flight);
            let spare = repeatable.then(|| copy(&request));
            match lease.connection.send(request).await {
                Ok(response) => {
                    lease.in_flight.answered(sent, shard.now());
                    if response.status().is_server_error() {
                        add(&lease.in_flight.counters.errors, 1);
                    }
                    return Ok((response, lease));
                }
                Err(Unanswered {
                    by_client: true, ..
                }) => return Err(Refusal::BadBody),
                Err(Unanswered { unsent, .. }) => {
                    refusal = Refusal::UpstreamClosed;
                    // The endpoint may just have closed an idle connection, and all idle ones are as old.
                    only_new = true;
                    let again = match unsent {
                        Some(unsent) => Some(unsent),
                        None => {
                            add(&lease.in_flight.counters.errors, 1);
                            refused.note(&lease.in_flight);
                            times_sent += 1;
                            spare.filter(|_| retry::may_repeat(times_sent))
                        }
                    };
                    request = again.ok_or(refusal)?;
                }
            }
        }
        Err(refusal)
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

    /// A new connection and when it was there; `None` when the endpoint refuses it, which is noted.
    async fn open(&self, in_flight: InFlight, refused: &mut Refused) -> Option<(Lease, Time)> {
        let limits = &self.shard.limits;
        let address = in_flight.address(self.port);
        let time_max = limits.connect_time_max;
        let dial = self.shard.dial(self.cluster.service());
        let dial = dial.as_deref();
        let opened = match self.http2 {
            true => {
                let connected = connect_http2(address, time_max, dial, limits).await;
                connected.map(|sender| in_flight.pool.add_shared(address, sender, self.shard.now()))
            }
            false => connect(address, time_max, dial, limits)
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
        Some((self.lease(in_flight, connection), opened))
    }

    fn lease(&self, in_flight: InFlight, connection: Pooled) -> Lease {
        Lease {
            shard: self.shard.clone(),
            cluster: self.cluster.clone(),
            address: in_flight.address(self.port),
            in_flight,
            connection,
        }
    }
}

impl Lease {
    /// The response is complete: the connection may serve another request.
    pub(super) fn give_back(self) {
        if self.connection.sender.is_ready() {
            self.keep();
        } else if !self.connection.sender.is_closed() {
            // The endpoint answered before it had read everything; wait for it, but not for ever.
            let mut lease = self;
            tokio::task::spawn_local(async move {
                let limit = lease.shard.limits.connect_time_max;
                if let Ok(Ok(())) = timeout(limit, lease.connection.sender.ready()).await {
                    lease.keep();
                }
            });
        }
    }

    /// The response broke off: there is nothing to give back.
    pub(super) fn broke(self, refusal: Refusal) {
        add(&self.in_flight.counters.errors, 1);
        self.cluster.count_refusal(refusal);
    }

    /// The connection is no longer one of requests.
    pub(super) fn switch(self) -> InFlight {
        self.in_flight
    }

    fn keep(self) {
        if self.in_flight.is_ready() {
            let now = self.shard.now();
            self.in_flight
                .pool
                .put(self.address, self.connection, &self.shard.limits, now);
        }
    }
}

/// The same request once more. Cheap: names and values share the bytes they were read into.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
