//! A copy of a request for another service, whose answers nobody waits for.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::body::Upload;
use super::call::{Call, copy};
use super::headers::is_grpc;
use crate::Refusal;
use crate::upstream::Cluster;
use crate::worker::{Destination, Shard};

/// Says to the service that it is not asked in earnest.
pub(super) const MIRRORED: HeaderName = HeaderName::from_static("x-ondol-mirrored");
/// Copies that may be on their way, per service and worker.
const COPIES_MAX: u32 = 64;
/// A larger body is not copied.
const BODY_BYTES_MAX: usize = 64 << 10;
/// What a copy may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// A copy that goes out when the body of its original has passed by.
pub(super) struct Mirror {
    shard: Rc<Shard>,
    cluster: Rc<Cluster>,
    port: u16,
    client: IpAddr,
    request: RefCell<Option<Box<Request<Upload>>>>,
    body: RefCell<Vec<u8>>,
}

/// Begins to copy a request; it changes nothing about it but that its body is looked at as it passes.
pub(super) fn mirror(
    shard: &Rc<Shard>,
    to: &Destination,
    client: IpAddr,
    request: &mut Request<Upload>,
) {
    let Some(port) = to.port else {
        return to.cluster.count_refusal(Refusal::NoPort);
    };
    if to.cluster.mirrored() >= COPIES_MAX {
        return to.cluster.count_refusal(Refusal::MirrorFull);
    }
    let mut copied = copy(request);
    copied
        .headers_mut()
        .insert(MIRRORED, HeaderValue::from_static("1"));
    let mirror = Rc::new(Mirror {
        shard: shard.clone(),
        cluster: to.cluster.clone(),
        port,
        client,
        request: RefCell::new(Some(copied)),
        body: RefCell::default(),
    });
    match request.body().is_end_stream() {
        true => mirror.go(),
        false => request.body_mut().mirror_to(mirror),
    }
}

impl Mirror {
    /// A piece of the body passes by.
    pub(super) fn see(&self, bytes: &[u8]) {
        let mut body = self.body.borrow_mut();
        match body.len() + bytes.len() <= BODY_BYTES_MAX {
            true => body.extend_from_slice(bytes),
            false if self.request.take().is_some() => {
                self.cluster.count_refusal(Refusal::MirrorFull);
            }
            false => {}
        }
    }

    /// The body is complete.
    pub(super) fn go(&self) {
        let Some(mut request) = self.request.take() else {
            return;
        };
        let body = self.body.take();
        if !body.is_empty() {
            *request.body_mut() = Upload::Bytes(Some(Bytes::from(body)));
        }
        let (shard, cluster, port, client) = (
            self.shard.clone(),
            self.cluster.clone(),
            self.port,
            self.client,
        );
        tokio::task::spawn_local(async move {
            let _counted = cluster.count_mirrored();
            let call = Call {
                shard: &shard,
                cluster: &cluster,
                port,
                patient: false,
                http2: is_grpc(request.headers()),
                client,
                trail: None,
                tried: None,
            };
            let asked = async {
                match call.send(request, &cluster.policy(), None).await {
                    Ok((response, lease)) => {
                        let mut body = response.into_body();
                        while next_frame(&mut body)
                            .await
                            .is_some_and(|frame| frame.is_ok())
                        {}
                        lease.give_back();
                    }
                    Err(failed) => cluster.count_refusal(failed.refusal),
                }
            };
            if timeout(TIME_MAX, asked).await.is_err() {
                cluster.count_refusal(Refusal::RequestTimeout);
            }
        });
    }
}

async fn next_frame(body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
    poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}
