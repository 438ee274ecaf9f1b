//! A request, taken in: the same for HTTP and for gRPC.

use bytes::Bytes;
use ondol_ingest::otlp::{self, Encoding, Signal};
use ondol_ingest::{Dropped, IngestError, Limits};
use ondol_telemetry::StoreError;

use crate::clock::now_ms;
use crate::ingest;
use crate::intake::push_events;
use crate::shared::Shared;
use crate::traces::{self, SOURCE_OTLP};

/// Why nothing of a request was kept.
pub(super) enum Failure {
    /// It is not what it says it is: it must not come again.
    Bad(IngestError),
    /// It could not be stored.
    Store(StoreError),
    /// The service is leaving.
    Leaving,
}

/// Takes a request in; says what of it was refused.
pub(super) async fn take(
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
    shared: &Shared,
) -> Result<Dropped, Failure> {
    let work = move |shared: &Shared| keep(signal, encoding, &body, shared, now_ms());
    ingest::beside(shared, work)
        .await
        .unwrap_or(Err(Failure::Leaving))
}

fn keep(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    shared: &Shared,
    now_ms: i64,
) -> Result<Dropped, Failure> {
    let limits = Limits::default();
    match signal {
        Signal::Traces => {
            let batch = otlp::traces(body, encoding, &limits).map_err(Failure::Bad)?;
            traces::take(&batch.items, SOURCE_OTLP, shared, now_ms).map_err(Failure::Store)?;
            shared.drops.refuse_events(batch.dropped.items);
            Ok(batch.dropped)
        }
        Signal::Logs => {
            let batch = otlp::logs(body, encoding, &limits).map_err(Failure::Bad)?;
            let events = ingest::events(batch.items, now_ms);
            push_events(&events, shared, now_ms).map_err(Failure::Store)?;
            shared.drops.refuse_events(batch.dropped.items);
            Ok(batch.dropped)
        }
        Signal::Metrics => {
            let batch = otlp::metrics(body, encoding, &limits).map_err(Failure::Bad)?;
            let mut dropped = batch.dropped;
            let kept = ingest::keep(batch.series, &mut shared.stores.samples.write(), now_ms);
            let refused = kept.map_err(Failure::Store)?;
            for (count, reason) in [
                (refused.over_cap, "too many series"),
                (refused.bad_labels, "too many labels, or too long ones"),
                (
                    refused.out_of_time,
                    "a sample is too old, or too far in the future",
                ),
            ] {
                if count > 0 {
                    dropped.items += count;
                    dropped.reason.get_or_insert(reason);
                }
            }
            shared.drops.refuse_samples(dropped.items);
            Ok(dropped)
        }
    }
}
