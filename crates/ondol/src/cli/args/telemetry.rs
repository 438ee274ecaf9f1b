//! What may be typed about the telemetry of a node.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::{Args, Subcommand};
use http::Uri;
use ondol_model::Bytes;
use ondol_telemetry::Retention;

use super::Since;
use crate::cli::clock;
use crate::node::{TelemetryAsked, TelemetryListen};

#[derive(Args, Debug)]
pub(crate) struct MetricsArgs {
    /// A query of PromQL; without one the names of all metrics are listed
    pub(crate) query: Option<String>,
    /// From when on: 30m, 2h, or a moment
    #[arg(long, value_name = "TIME", value_parser = clock::since)]
    pub(crate) since: Option<Since>,
    /// How far apart the points are: 15s
    #[arg(long, value_name = "TIME")]
    pub(crate) step: Option<Span>,
    /// The values of now instead of a chart
    #[arg(long, conflicts_with_all = ["since", "step"])]
    pub(crate) now: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// The trace to show as a waterfall; without one the newest are listed
    pub(crate) id: Option<String>,
    /// Only with a span of this service
    #[arg(long, value_name = "SERVICE", conflicts_with = "id")]
    pub(crate) service: Option<String>,
    /// From when on: 30m, 2h, or a moment; an hour when left out
    #[arg(long, value_name = "TIME", value_parser = clock::since, conflicts_with = "id")]
    pub(crate) since: Option<Since>,
    /// Only with a span that took so long: 250ms, 2s
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    pub(crate) min_duration: Option<Span>,
    /// Only with a span that failed
    #[arg(long, conflicts_with = "id")]
    pub(crate) error: bool,
    /// The slowest first
    #[arg(long, conflicts_with = "id")]
    pub(crate) slowest: bool,
    /// At most so many
    #[arg(
        short = 'n',
        long,
        value_name = "TRACES",
        default_value_t = 20,
        conflicts_with = "id"
    )]
    pub(crate) limit: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TelemetryVerb {
    /// Where it listens, and how much it keeps
    Status,
    /// Move everything in memory to the disk, and merge what is there
    Compact,
    /// Write samples as JSON, one series per line
    Export(TelemetryExportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TelemetryExportArgs {
    /// Which series: a selector of PromQL, such as {job="web"}
    #[arg(
        value_name = "SELECTOR",
        default_value = "{__name__!=\"\"}",
        hide_default_value = true
    )]
    pub(crate) selector: String,
    /// From when on: 30m, 2h, or a moment
    #[arg(long, value_name = "TIME", value_parser = clock::since)]
    pub(crate) since: Option<Since>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct TelemetryArgs {
    /// Where telemetry is sent and asked for, or off; 127.0.0.1:4318 when left out
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ONDOL_TELEMETRY",
        hide_env = true,
        value_parser = listen
    )]
    telemetry: Option<TelemetryListen>,
    /// How long it is kept: 15d, or metrics=30d,events=7d
    #[arg(
        long,
        value_name = "TIME",
        env = "ONDOL_TELEMETRY_KEEP",
        hide_env = true,
        value_parser = each::<Span>
    )]
    telemetry_keep: Option<Each<Span>>,
    /// How much of the disk each kind may take: 4g, or metrics=2g,events=8g
    #[arg(
        long,
        value_name = "BYTES",
        env = "ONDOL_TELEMETRY_MAX",
        hide_env = true,
        value_parser = each::<Bytes>
    )]
    telemetry_max: Option<Each<Bytes>>,
    /// How much of the disk it leaves free: 256m
    #[arg(
        long,
        value_name = "BYTES",
        env = "ONDOL_TELEMETRY_FREE",
        hide_env = true
    )]
    telemetry_free: Option<Bytes>,
    /// Where it goes on to: metrics=URL (remote write), events=URL (OTLP), or both
    #[arg(
        long,
        value_name = "URL",
        env = "ONDOL_TELEMETRY_FORWARD",
        hide_env = true,
        value_parser = forward
    )]
    telemetry_forward: Option<Each<Uri>>,
    /// Where people reach it, for links in alerts: https://telemetry.example
    #[arg(
        long,
        value_name = "URL",
        env = "ONDOL_TELEMETRY_URL",
        hide_env = true,
        value_parser = whole
    )]
    telemetry_url: Option<Uri>,
}

/// A value for metrics and one for log lines and spans; what was not said is as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Each<T> {
    metrics: Option<T>,
    events: Option<T>,
}

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms = ondol_query::parse_duration(text)?;
        match u64::try_from(ms) {
            Ok(ms) if ms > 0 => Ok(Span(ms)),
            _ => Err("expected a time that is longer than nothing, such as 15d or 36h".to_owned()),
        }
    }
}

impl TelemetryArgs {
    /// What is asked of the node.
    pub(crate) fn asked(&self) -> TelemetryAsked {
        let (keep, max) = (self.telemetry_keep, self.telemetry_max);
        let retention = |keep: Option<Span>, max: Option<Bytes>| {
            let usual = Retention::default();
            Retention {
                keep_ms: keep.map_or(usual.keep_ms, |span| span.0),
                bytes_max: max.map_or(usual.bytes_max, |bytes| bytes.0),
                free_bytes_min: self
                    .telemetry_free
                    .map_or(usual.free_bytes_min, |bytes| bytes.0),
            }
        };
        TelemetryAsked {
            listen: self.telemetry.unwrap_or_default(),
            forward: (self.telemetry_forward.as_ref()).and_then(|to| to.metrics.clone()),
            forward_events: (self.telemetry_forward.as_ref()).and_then(|to| to.events.clone()),
            url: (self.telemetry_url.as_ref())
                .map(|url| url.to_string().trim_end_matches('/').to_owned()),
            metrics: retention(
                keep.and_then(|keep| keep.metrics),
                max.and_then(|max| max.metrics),
            ),
            events: retention(
                keep.and_then(|keep| keep.events),
                max.and_then(|max| max.events),
            ),
        }
    }
}

fn listen(text: &str) -> Result<TelemetryListen, String> {
    if text == "off" {
        return Ok(TelemetryListen::Nowhere);
    }
    let address = text.parse::<SocketAddr>();
    address.map(TelemetryListen::At).map_err(|_| {
        "expected an address with a port, such as 127.0.0.1:9090 or 0.0.0.0:9090, or off".to_owned()
    })
}

fn whole(text: &str) -> Result<Uri, String> {
    let url = text.parse::<Uri>().ok();
    let is_whole = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https"));
    url.filter(is_whole).ok_or_else(|| {
        "expected a whole address, such as https://metrics.example/api/v1/write".to_owned()
    })
}

/// One address without a word before it is a remote write. Commas separate addresses where a kind follows.
fn forward(text: &str) -> Result<Each<Uri>, String> {
    let mut each = Each::default();
    let events = text.find(",events=").map(|at| text.split_at(at));
    let metrics = text.find(",metrics=").map(|at| text.split_at(at));
    let (first, second) = events.or(metrics).unwrap_or((text, ""));
    for part in [first, second.trim_start_matches(',')] {
        if let Some(url) = part.strip_prefix("events=") {
            each.events = Some(whole(url)?);
        } else if !part.is_empty() {
            let url = part.strip_prefix("metrics=").unwrap_or(part);
            each.metrics = Some(whole(url)?);
        }
    }
    match each.metrics.is_some() || each.events.is_some() {
        true => Ok(each),
        false => whole("").map(|_| each),
    }
}

fn each<T: FromStr<Err: ToString> + Copy>(text: &str) -> Result<Each<T>, String> {
    let mut each = Each {
        metrics: None,
        events: None,
    };
    for part in text.split(',') {
        let (signal, value) = part.split_once('=').unwrap_or(("", part));
        let value: T = value.parse().map_err(|error: T::Err| error.to_string())?;
        match signal {
            "" => (each.metrics, each.events) = (Some(value), Some(value)),
            "metrics" => each.metrics = Some(value),
            "events" => each.events = Some(value),
            other => {
                return Err(format!(
                    "`{other}` is nothing that is kept apart; expected metrics or events"
                ));
            }
        }
    }
    Ok(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_said_for_all_or_for_each() {
        let all: Each<Span> = each("2h").unwrap();
        assert_eq!(all.metrics, all.events);
        let apart: Each<Bytes> = each("metrics=1g,events=512m").unwrap();
        assert_eq!(apart.metrics, Some(Bytes(1 << 30)));
        assert_eq!(apart.events, Some(Bytes(512 << 20)));
        assert!(
            each::<Span>("traces=1d")
                .unwrap_err()
                .contains("metrics or events")
        );
        assert!(each::<Span>("0s").is_err() && each::<Span>("x").is_err());
    }

    #[test]
    fn it_forwards_to_a_whole_address() {
        assert!(whole("http://127.0.0.1:9090/api/v1/write").is_ok());
        for text in ["metrics.example", "/api/v1/write", "ftp://x/y", "http://"] {
            assert!(
                whole(text).is_err_and(|why| why.contains("whole address")),
                "{text}"
            );
        }
    }

    #[test]
    fn metrics_go_to_one_address_and_events_to_another() {
        let of = |text: &str| {
            let to = forward(text)?;
            let text = |url: Option<Uri>| url.map(|url| url.to_string()).unwrap_or_default();
            Ok::<_, String>((text(to.metrics), text(to.events)))
        };
        let (write, endpoint) = (
            "http://a/api/v1/write?x=1,2".to_owned(),
            "https://b:4318/".to_owned(),
        );
        assert_eq!(of(&write), Ok((write.clone(), String::new())));
        assert_eq!(
            of(&format!("events={endpoint}")),
            Ok((String::new(), endpoint.clone()))
        );
        let both = Ok((write.clone(), endpoint.clone()));
        assert_eq!(of(&format!("metrics={write},events={endpoint}")), both);
        assert_eq!(of(&format!("events={endpoint},metrics={write}")), both);
        for wrong in ["", "events=", "traces=http://b", "http://a,events=b"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_listens_at_an_address_or_nowhere() {
        assert_eq!(listen("off"), Ok(TelemetryListen::Nowhere));
        assert!(matches!(listen("127.0.0.1:0"), Ok(TelemetryListen::At(_))));
        assert!(listen("4318").unwrap_err().contains("127.0.0.1:9090"));
    }
}
