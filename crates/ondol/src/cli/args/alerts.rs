//! What may be typed about alerts.

use std::time::Duration;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    pub(crate) what: Option<AlertsVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsVerb {
    /// Say why an alert fires: what it compared over time, and the series that it stands on
    Why {
        /// Name of the alert, or the beginning of its fingerprint
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SilenceArgs {
    #[command(subcommand)]
    pub(crate) what: SilenceVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SilenceVerb {
    /// Add a silence, and show its id
    Add {
        /// What alerts must have: `service=web`, `severity=~"page|warning"`, or the name of an alert
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<String>,
        /// How long: 30m, 2h, 3d
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = span)]
        span: Duration,
        /// Why
        #[arg(short, long, value_name = "TEXT", default_value = "")]
        comment: String,
        /// Who says so; your name on this machine when left out
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// List silences
    List {
        /// Those that are over too
        #[arg(long)]
        expired: bool,
    },
    /// End a silence
    Expire {
        /// Its id, or the beginning of it
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time such as 30m, 2h or 3d");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}
