//! How long a request may still take, over all hops.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// What is left of the time for a request, in milliseconds. A service that copies it to the calls it makes has them
/// end with its own.
pub(super) const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-ondol-timeout-ms");
/// The same of gRPC (PROTOCOL-HTTP2, "Timeout").
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// When a request has to be answered: as the service's file says, or sooner when its caller says so. Only calls of
/// gRPC are looked at for gRPC's way to say it.
pub(super) fn deadline(
    headers: &HeaderMap,
    is_grpc: bool,
    time_max: Option<Duration>,
) -> Option<Instant> {
    let told = headers.get(TIMEOUT_MS).and_then(millis);
    let told_grpc = || headers.get(GRPC_TIMEOUT).and_then(grpc_timeout);
    let told = told.or_else(|| is_grpc.then(told_grpc).flatten());
    let time = match (told, time_max) {
        (Some(told), Some(time_max)) => told.min(time_max),
        (told, time_max) => told.or(time_max)?,
    };
    Some(Instant::now() + time)
}

/// Tells the service what is left.
pub(super) fn tell(headers: &mut HeaderMap, deadline: Instant) {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .as_millis();
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    headers.insert(TIMEOUT_MS, HeaderValue::from(left));
    if headers.contains_key(GRPC_TIMEOUT)
        && let Ok(value) = HeaderValue::try_from(format!("{}m", left.min(99_999_999)))
    {
        headers.insert(GRPC_TIMEOUT, value);
    }
}

fn millis(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

fn grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let (digits, unit) = value.to_str().ok()?.split_at_checked(value.len() - 1)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_sooner_of_both_ends_counts_and_what_is_left_is_told() {
        let left = |told: &[(HeaderName, &'static str)], seconds: Option<u64>| {
            let pairs = told
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            let headers: HeaderMap = pairs.collect();
            deadline(&headers, true, seconds.map(Duration::from_secs))
                .map(|end| (end - Instant::now()).as_millis())
        };
        assert_eq!(left(&[], None), None);
        assert_eq!(left(&[], Some(2)), Some(2000));
        assert_eq!(left(&[(TIMEOUT_MS, "300")], Some(2)), Some(300));
        assert_eq!(left(&[(TIMEOUT_MS, "3000")], Some(2)), Some(2000));
        assert_eq!(left(&[(GRPC_TIMEOUT, "1S")], None), Some(1000));
        assert_eq!(left(&[(GRPC_TIMEOUT, "x")], None), None);
        assert_eq!(left(&[(TIMEOUT_MS, "-1")], None), None);

        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, HeaderValue::from_static("5S"));
        let end = Instant::now() + Duration::from_secs(2);
        tokio::time::advance(Duration::from_millis(500)).await;
        tell(&mut headers, end);
        assert_eq!(headers[TIMEOUT_MS], "1500");
        assert_eq!(headers[GRPC_TIMEOUT], "1500m");
    }
}
