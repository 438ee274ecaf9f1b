//! What stands between a request and its service: the circuit, the gate and the deadline.

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

use super::body::Upload;
use super::call::{Call, copy, status_of};
use super::deadline;
use super::lease::Lease;
use crate::Refusal;
use crate::policy::retry::is_repeatable;
use crate::upstream::{Circuit, Pass, Policy};

/// No answer came from the service, or none that counts.
pub(super) struct Failed {
    pub refusal: Refusal,
    /// The request, when it can be sent elsewhere.
    pub request: Option<Box<Request<Upload>>>,
    /// What is kept of an earlier answer and may stand in for this one.
    pub stale: Option<Box<Response<Bytes>>>,
}

impl Failed {
    pub(super) fn new(refusal: Refusal, request: impl Into<Option<Box<Request<Upload>>>>) -> Self {
        Failed {
            refusal,
            request: request.into(),
            stale: None,
        }
    }

    /// Whether the service is to blame.
    fn is_its_fault(&self) -> bool {
        !matches!(
            self.refusal,
            Refusal::BadBody | Refusal::BodyTooLarge | Refusal::CircuitOpen
        )
    }
}

/// A call as the service's policy wants it.
pub(super) async fn guarded(
    call: &Call<'_>,
    mut request: Box<Request<Upload>>,
) -> Result<(Response<Incoming>, Box<Lease>), Failed> {
    let policy = call.cluster.policy();
    let shard = call.shard;
    let circuit = policy.circuit.as_ref();
    let pass = match circuit.map(|circuit| circuit.enter(shard.index, shard.now())) {
        Some(None) => return Err(Failed::new(Refusal::CircuitOpen, request)),
        entered => entered.flatten(),
    };
    let place = match &policy.gate {
        None => None,
        Some(gate) => match gate.enter().await {
            Ok(place) => Some(place),
            Err(refusal) => return Err(Failed::new(refusal, request)),
        },
    };
    let timeouts = &policy.traffic.resilience.timeouts;
    let deadline = deadline::deadline(request.headers(), call.http2, timeouts.request);
    if let Some(deadline) = deadline {
        deadline::tell(request.headers_mut(), deadline);
    }
    let spare = spare_for_fallback(&request, &policy);
    let mut sent = call.send(request, &policy, deadline).await;
    let outcome = match &mut sent {
        Ok((_, lease)) => lease.outcome.as_mut(),
        Err(_) => None,
    };
    match (pass, circuit, outcome) {
        (Some(pass), Some(circuit), Some(outcome)) => outcome.service = Some(pass.keep(circuit)),
        (Some(pass), ..) => record(pass, &sent, call),
        (None, ..) => {}
    }
    let (response, mut lease) = sent?;
    if let Some(place) = &place {
        let now = shard.now();
        place.answered(now.since(lease.sent), now);
    }
    if spare.is_some()
        && policy
            .traffic
            .resilience
            .fallback_on
            .contains(&response.status().as_u16())
    {
        return Err(Failed::new(Refusal::UpstreamFailed, spare));
    }
    lease.limit(place, deadline, timeouts.idle);
    Ok((response, lease))
}

/// A copy to ask others with, when an answer may turn out not to count.
fn spare_for_fallback(request: &Request<Upload>, policy: &Policy) -> Option<Box<Request<Upload>>> {
    if policy.traffic.resilience.fallback_on.is_empty() || policy.fallback.is_empty() {
        return None;
    }
    let has_body = request.body().has_some();
    is_repeatable(request.method(), has_body).then(|| copy(request))
}

fn record(
    pass: Pass<&Circuit>,
    sent: &Result<(Response<Incoming>, Box<Lease>), Failed>,
    call: &Call<'_>,
) {
    let now = call.shard.now();
    match sent {
        Ok((response, _)) => pass.ended(status_of(response).is_none_or(|status| status < 500), now),
        Err(failed) if failed.is_its_fault() => pass.ended(false, now),
        Err(_) => {}
    }
}
