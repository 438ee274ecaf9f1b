use std::rc::Rc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

use super::body::{Busy, Upload};
use super::lease::Lease;
use crate::upstream::{Counted, add};
use crate::worker::Client;

/// One direction of the tunnel after a switch.
const BUFFER_BYTES: usize = 8 << 10;

/// A request that wants another protocol (`Upgrade: websocket`).
pub(super) struct Switch {
    client: OnUpgrade,
    protocol: HeaderValue,
}

impl Switch {
    /// `None` when the request is an ordinary one, or of a version that has no upgrades.
    pub(super) fn wanted(request: &mut Request<Incoming>) -> Option<Self> {
        let protocol = super::headers::wanted_switch(request.headers())
            .filter(|_| request.version() == Version::HTTP_11)?;
        Some(Switch {
            client: hyper::upgrade::on(request),
            protocol,
        })
    }

    /// Asks the endpoint for it too.
    pub(super) fn ask(&self, request: &mut Request<Upload>) {
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(UPGRADE, self.protocol.clone());
    }

    /// The endpoint agreed: bytes go both ways from now on, until both ends are done.
    pub(super) fn go(
        self,
        response: &mut Response<Incoming>,
        lease: Lease,
        client: Rc<Client>,
        busy: Busy,
    ) {
        let protocol = response
            .headers()
            .get(UPGRADE)
            .cloned()
            .unwrap_or(self.protocol);
        let upstream = hyper::upgrade::on(&mut *response);
        super::headers::strip_hop_by_hop(response.headers_mut());
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocol);
        let in_flight = lease.switch();
        client.activity.switch();
        let trail = busy.trail();
        if let Some(trail) = &trail {
            trail.switched();
        }
        tokio::task::spawn_local(async move {
            let _open = (client, busy);
            let (Ok(from), Ok(upstream)) = tokio::join!(self.client, upstream) else {
                add(&in_flight.counters.errors, 1);
                return;
            };
            let mut from = TokioIo::new(from);
            let mut upstream = Counted::new(TokioIo::new(upstream), in_flight.upstream());
            // An error is the end of one of them, and neither can be told more than that.
            let copied =
                copy_bidirectional_with_sizes(&mut from, &mut upstream, BUFFER_BYTES, BUFFER_BYTES);
            if let (Ok((received, gave)), Some(trail)) = (copied.await, &trail) {
                trail.carried(received, gave);
            }
        });
    }
}
