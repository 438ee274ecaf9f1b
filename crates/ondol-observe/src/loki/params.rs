//! What a request asks for, as Loki's clients say it.

use ondol_query::logql::Direction;

use super::envelope::Failure;
use crate::prometheus::rfc3339_ms;
use crate::server::Params;

const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3600 * SECOND_NS;
/// Lines that one answer has at most, and when nothing is said.
const LINES_MAX: usize = 5000;
const LINES: usize = 100;
/// Values of each series when no step is said.
const STEPS_ABOUT: i64 = 250;

/// A span of time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
}

/// `start`, `end` and `since`; the last hour when nothing is said.
pub(super) fn span(params: &Params, now_ns: i64) -> Result<Span, Failure> {
    let end_ns = moment(params, "end")?.unwrap_or(now_ns);
    let since_ns = match params.get("since") {
        Some(text) => duration("since", text)?,
        None => HOUR_NS,
    };
    let otherwise_ns = end_ns.min(now_ns).saturating_sub(since_ns);
    let start_ns = moment(params, "start")?.unwrap_or(otherwise_ns);
    if end_ns < start_ns {
        return Err(Failure::bad("end is before start; expected it after"));
    }
    Ok(Span { start_ns, end_ns })
}

/// Nanoseconds since 1970: seconds (up to ten digits, or with a fraction), nanoseconds, or RFC 3339.
pub(super) fn moment(params: &Params, name: &str) -> Result<Option<i64>, Failure> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    if let Ok(number) = text.parse::<i64>() {
        let is_seconds = text.trim_start_matches('-').len() <= 10;
        let ns = if is_seconds {
            number.saturating_mul(SECOND_NS)
        } else {
            number
        };
        return Ok(Some(ns));
    }
    if let Some(seconds) = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite())
    {
        return Ok(Some((seconds * 1e9) as i64));
    }
    let refused = || {
        Failure::bad(format!(
            "{name} is {text:?}, which is no time; expected seconds or nanoseconds since 1970, or RFC 3339"
        ))
    };
    let ms = rfc3339_ms(text).ok_or_else(refused)?;
    Ok(Some(
        ms.saturating_mul(1_000_000).saturating_add(below_ms(text)),
    ))
}

/// Nanoseconds that a fraction has beyond milliseconds.
fn below_ms(text: &str) -> i64 {
    let fraction = text.split_once('.').map_or("", |(_, after)| after);
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).collect();
    format!("{digits:0<9}")
        .get(3..9)
        .and_then(|six| six.parse().ok())
        .unwrap_or(0)
}

/// Nanoseconds of seconds, or of `5m`.
pub(super) fn duration(name: &str, text: &str) -> Result<i64, Failure> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite());
    if let Some(seconds) = seconds {
        return Ok((seconds * 1e9) as i64);
    }
    let ms = ondol_query::parse_duration(text);
    ms.map(|ms| ms.saturating_mul(1_000_000)).map_err(|_| {
        Failure::bad(format!(
            "{name} is {text:?}, which is no duration; expected seconds, or such as 5m"
        ))
    })
}

/// `step`; so that there are some 250 values when nothing is said.
pub(super) fn step(params: &Params, span: Span) -> Result<i64, Failure> {
    let step_ns = match params.get("step") {
        Some(text) => duration("step", text)?,
        None => {
            let seconds = (span.end_ns - span.start_ns) / STEPS_ABOUT / SECOND_NS;
            seconds.max(1) * SECOND_NS
        }
    };
    if step_ns <= 0 {
        return Err(Failure::bad("step is not above zero; expected such as 15s"));
    }
    Ok(step_ns)
}

/// `limit`.
pub(super) fn lines_max(params: &Params) -> Result<usize, Failure> {
    let Some(text) = params.get("limit") else {
        return Ok(LINES);
    };
    match text.parse::<usize>() {
        Ok(limit) if (1..=LINES_MAX).contains(&limit) => Ok(limit),
        _ => Err(Failure::bad(format!(
            "limit is {text}; expected a number from 1 to {LINES_MAX}"
        ))),
    }
}

/// `direction`; backward when nothing is said.
pub(super) fn direction(params: &Params) -> Result<Direction, Failure> {
    match params
        .get("direction")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("backward") => Ok(Direction::Backward),
        Some("forward") => Ok(Direction::Forward),
        Some(other) => Err(Failure::bad(format!(
            "direction is {other}; expected forward or backward"
        ))),
    }
}

/// `interval`; none when nothing is said.
pub(super) fn interval(params: &Params) -> Result<i64, Failure> {
    params
        .get("interval")
        .map_or(Ok(0), |text| duration("interval", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, name: &str) -> Option<i64> {
        moment(&Params::of(query.as_bytes()), name).ok().flatten()
    }

    #[test]
    fn moments_are_read_in_each_of_their_forms() {
        let ns = Some(1_700_000_000_123_456_789);
        assert_eq!(read("t=1700000000123456789", "t"), ns);
        assert_eq!(read("t=2023-11-14T22:13:20.123456789Z", "t"), ns);
        assert_eq!(read("t=1700000000", "t"), Some(1_700_000_000_000_000_000));
        assert_eq!(read("t=1700000000.5", "t"), Some(1_700_000_000_500_000_000));
        assert_eq!(read("t=yesterday", "t"), None);
    }

    #[test]
    fn the_span_is_the_last_hour_unless_something_is_said() {
        let span = |query: &str| span(&Params::of(query.as_bytes()), 10 * HOUR_NS);
        let of = |start_ns, end_ns| Ok(Span { start_ns, end_ns });
        assert_eq!(span(""), of(9 * HOUR_NS, 10 * HOUR_NS));
        assert_eq!(span("since=2h"), of(8 * HOUR_NS, 10 * HOUR_NS));
        assert_eq!(span("start=3600&end=7200"), of(HOUR_NS, 2 * HOUR_NS));
        assert!(span("start=7200&end=3600").is_err());
    }

    #[test]
    fn limits_steps_and_directions_have_their_bounds() {
        let params = |query: &str| Params::of(query.as_bytes());
        assert_eq!(lines_max(&params("")), Ok(100));
        assert!(
            lines_max(&params("limit=0")).is_err() && lines_max(&params("limit=5001")).is_err()
        );
        let hour = Span {
            start_ns: 0,
            end_ns: HOUR_NS,
        };
        assert_eq!(step(&params(""), hour), Ok(14 * SECOND_NS));
        assert_eq!(step(&params("step=1m"), hour), Ok(60 * SECOND_NS));
        assert!(step(&params("step=0"), hour).is_err());
        assert_eq!(
            direction(&params("direction=FORWARD")),
            Ok(Direction::Forward)
        );
        assert!(direction(&params("direction=up")).is_err());
    }
}
