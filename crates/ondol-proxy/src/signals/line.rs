use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::log::Piece;
use super::record::{host_of, said, version};
use super::{LogWriter, Trail};
use crate::policy::trace::digits;

/// Lines are handed on when there is so much of them, or when a second is over.
const PIECE_BYTES: usize = 64 << 10;

/// The lines of one worker for one access log.
pub(super) struct LineBuffer {
    path: Arc<Path>,
    writer: Arc<LogWriter>,
    bytes: Vec<u8>,
    lines: u64,
}

/// A line of the access log. What is not known is left out.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<u32>,
    client: std::net::IpAddr,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    version: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    attempts: u32,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    tls: bool,
    #[serde(skip_serializing_if = "is_false")]
    health_check: bool,
}

fn is_false(said: &bool) -> bool {
    !said
}

impl LineBuffer {
    pub(super) fn new(path: &Path, writer: &Arc<LogWriter>) -> Self {
        LineBuffer {
            path: path.into(),
            writer: writer.clone(),
            bytes: Vec::new(),
            lines: 0,
        }
    }

    pub(super) fn write(&mut self, trail: &Trail, duration: Duration) {
        let began = trail
            .shard
            .crew
            .clock
            .unix_ns()
            .saturating_sub(duration.as_nanos() as u64);
        let time = moment(began);
        let hop = trail.hop.get();
        let trace: Option<[u8; 32]> = hop.map(|hop| digits(hop.trace));
        let span: Option<[u8; 16]> = hop.map(|hop| digits(hop.span.into()));
        let parent: Option<[u8; 16]> = hop.and_then(|hop| hop.parent).map(|id| digits(id.into()));
        let (way, endpoint) = (trail.way.borrow(), trail.endpoint.borrow());
        let (cluster, origin) = way.as_ref().map_or((None, None), |(cluster, origin)| {
            (Some(cluster), Some(origin))
        });
        let request_id = trail.request_id.borrow();
        let line = Line {
            time: text(&time),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            service: cluster.map(|cluster| cluster.service().service.as_str()),
            route: origin.and_then(|origin| origin.route()),
            from: origin
                .and_then(|origin| origin.caller())
                .map(|caller| caller.as_str()),
            replica: endpoint.as_ref().map(|endpoint| endpoint.replica().number),
            client: trail.client.ip,
            method: trail.method(),
            host: host_of(trail),
            path: trail.uri.path(),
            query: trail.uri.query(),
            version: version(trail).word(),
            status: trail.status.get(),
            grpc_status: trail.grpc_status.get(),
            reason: trail.reason.get().map(|reason| reason.word()),
            attempts: trail.attempts.get(),
            bytes_in: trail.bytes_in.get(),
            bytes_out: trail.bytes_out.get(),
            trace_id: trace.as_ref().map(|digits| text(digits)),
            span_id: span.as_ref().map(|digits| text(digits)),
            parent_id: parent.as_ref().map(|digits| text(digits)),
            request_id: said(request_id.as_ref()),
            user_agent: said(trail.user_agent.as_ref()),
            tls: trail.client.secured.is_some(),
            health_check: trail.is_health_check(),
        };
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.bytes, &line);
        self.bytes.push(b'\n');
        self.lines += 1;
        if self.bytes.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Hands on what there is.
    pub(super) fn flush(&mut self) {
        if self.lines > 0 {
            self.writer.write(Piece {
                path: self.path.clone(),
                bytes: std::mem::take(&mut self.bytes),
                lines: std::mem::take(&mut self.lines),
            });
        }
    }
}

impl Drop for LineBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What is made of digits only.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

/// A moment in UTC, to the microsecond (RFC 3339): `2026-11-21T18:06:32.250000Z`.
fn moment(unix_ns: u64) -> [u8; 27] {
    let (seconds, micros) = (unix_ns / 1_000_000_000, unix_ns / 1_000 % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |at: usize, digits: usize, mut number: u64| {
        for at in (at..at + digits).rev() {
            text[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, second / 3_600);
    put(14, 2, second / 60 % 60);
    put(17, 2, second % 60);
    put(20, 6, micros);
    text
}

/// Year, month and day of so many days after 1970-01-01, in the Gregorian calendar. A year is counted from March, so
/// that its leap day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    let since_year_0 = days + 719_468;
    let (era, day_of_era) = (since_year_0 / DAYS_PER_ERA, since_year_0 % DAYS_PER_ERA);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_what_the_calendar_says() {
        let moment = |seconds: u64| {
            String::from_utf8(moment(seconds * 1_000_000_000 + 250_000).to_vec()).unwrap()
        };
        assert_eq!(moment(0), "1970-01-01T00:00:00.000250Z");
        assert_eq!(moment(951_782_399), "2000-02-28T23:59:59.000250Z");
        assert_eq!(moment(951_782_400), "2000-02-29T00:00:00.000250Z");
        assert_eq!(moment(1_795_284_392), "2026-11-21T18:06:32.000250Z");
    }
}
