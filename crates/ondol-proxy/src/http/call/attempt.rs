use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use ondol_model::Time;
use tokio::time::{Instant, timeout_at};

use super::super::body::Upload;
use super::super::lease::Lease;
use super::Call;
use crate::Refusal;
use crate::policy::eject::is_failure;
use crate::policy::retry;
use crate::upstream::{Pass, Policy, Refused, Unanswered, add};

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
            .map(|circuit| circuit.enter(self.shard.index, now));
        let pass = match entered {
            Some(None) => return Attempt::Over(Refusal::CircuitOpen, Some(request)),
            entered => entered.flatten(),
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
        pass: Option<Pass<'_>>,
        refused: &mut Refused,
    ) -> Attempt {
        request.body_mut().count_for(&lease.in_flight);
        let sending = lease.connection.send(request);
        let response_time = how.policy.traffic.resilience.timeouts.response;
        let sent = match (response_time, how.deadline) {
            (None, None) => Ok(sending.await),
            (response, deadline) => Box::pin(within(response, deadline, sending)).await,
        };
        let now = self.shard.now();
        let refusal = match sent {
            Ok(Ok(response)) => {
                let is_good = !is_failure(response.status().as_u16());
                self.cluster.judge(&lease.in_flight, is_good, now);
                end(pass, is_good, now);
                lease.in_flight.answered(lease.sent, now);
                if response.status().is_server_error() {
                    add(&lease.in_flight.counters.errors, 1);
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

/// What `sending` brings, or which of the two times ran out.
async fn within<T>(
    response: Option<Duration>,
    deadline: Option<Instant>,
    sending: impl Future<Output = T>,
) -> Result<T, Refusal> {
    let response = response.map(|time| Instant::now() + time);
    let Some(end) = [response, deadline].into_iter().flatten().min() else {
        return Ok(sending.await);
    };
    let refusal = match deadline == Some(end) {
        true => Refusal::RequestTimeout,
        false => Refusal::ResponseTimeout,
    };
    timeout_at(end, sending).await.map_err(|_| refusal)
}

fn end(pass: Option<Pass<'_>>, is_good: bool, now: Time) {
    if let Some(pass) = pass {
        pass.ended(is_good, now);
    }
}
