//! `/api/v1/write`: remote write 1.0, as Prometheus, its agents and OpenTelemetry's collector send it.

use http::StatusCode;
use ondol_ingest::{Limits, remote_write};
use ondol_telemetry::Metadata;

use crate::clock;
use crate::ingest::{self, BODY_BYTES_MAX};
use crate::server::{Answer, Ask};
use crate::shared::Shared;

pub(super) async fn answer(mut ask: Ask, shared: &Shared) -> Answer {
    if ask
        .header("x-prometheus-remote-write-version")
        .is_some_and(|said| said.starts_with('2'))
    {
        // By it a sender of 2.0 knows that it is to speak 1.0.
        return Answer::refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "remote write 2.0 is not spoken here; expected 1.0 (prometheus.WriteRequest)",
        );
    }
    let body = match ask.body(BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let taken = ingest::beside(shared, move |shared| take(&body, shared)).await;
    taken.unwrap_or_else(|| Answer::unavailable("the service is leaving"))
}

fn take(body: &[u8], shared: &Shared) -> Answer {
    let batch = match remote_write::decode(body, &Limits::default()) {
        Ok(batch) => batch,
        Err(error) => return Answer::refused(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let left_out = batch.dropped;
    for said in batch.metadata {
        let metadata = Metadata {
            kind: said.kind,
            help: said.help,
            unit: said.unit,
        };
        shared
            .stores
            .samples
            .write()
            .describe_family(&said.family, metadata);
    }
    let kept = ingest::keep(
        batch.series,
        &mut shared.stores.samples.write(),
        clock::now_ms(),
    );
    match kept {
        Err(error) => Answer::not_stored(&error),
        Ok(refused) if refused.sum() > 0 => {
            // The rest is stored; 400 says that sending the same again changes nothing.
            let why = format!(
                "{} samples were not taken: {} beyond the number of series, {} with labels that are too many, too long or twice, {} too old or from the future",
                refused.sum(),
                refused.over_cap,
                refused.bad_labels,
                refused.out_of_time,
            );
            Answer::refused(StatusCode::BAD_REQUEST, why)
        }
        Ok(_) if left_out.items > 0 => {
            let why = left_out.reason.unwrap_or("there were too many");
            let why = format!("{} samples were not taken: {why}", left_out.items);
            Answer::refused(StatusCode::BAD_REQUEST, why)
        }
        Ok(_) => Answer::done(),
    }
}
