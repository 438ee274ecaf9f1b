//! How replicas do, in words.

use std::collections::BTreeMap;

use ondol_api::{Client, ClientError, Reading};
use ondol_model::ProjectName;

/// How each replica of a project does, by its name.
pub(super) struct Readings(BTreeMap<String, Reading>);

impl Readings {
    pub(super) async fn ask(client: &Client, project: &ProjectName) -> Result<Self, ClientError> {
        let services = client.readings(project).await?.into_iter();
        Ok(Readings(
            services.flat_map(|service| service.replicas).collect(),
        ))
    }

    /// `None` when it was sent nothing lately.
    pub(super) fn of(&self, replica: &str) -> Option<&Reading> {
        self.0.get(replica)
    }
}

/// Requests per second, the part that failed, and how long half and nearly all of them took.
pub(super) fn words(reading: Option<&Reading>) -> [String; 4] {
    let time = |millis: Option<f64>| match millis {
        None => "-".to_owned(),
        Some(millis) if millis < 10.0 => format!("{millis:.1} ms"),
        Some(millis) if millis < 1e3 => format!("{millis:.0} ms"),
        Some(millis) => format!("{:.1} s", millis / 1e3),
    };
    match reading.filter(|reading| reading.requests_per_second > 0.0) {
        None => ["-", "-", "-", "-"].map(str::to_owned),
        Some(reading) => [
            format!("{:.0}", reading.requests_per_second.max(1.0)),
            format!("{:.1}%", reading.error_ratio * 100.0),
            time(reading.p50_ms),
            time(reading.p99_ms),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_says_what_a_person_would() {
        let reading = Reading {
            requests_per_second: 41.7,
            error_ratio: 0.025,
            p50_ms: Some(1.25),
            p99_ms: Some(2300.0),
            ..Reading::default()
        };
        assert_eq!(words(Some(&reading)), ["42", "2.5%", "1.2 ms", "2.3 s"]);
        assert_eq!(words(Some(&Reading::default()))[0], "-");
        assert_eq!(words(None)[3], "-");
    }
}
