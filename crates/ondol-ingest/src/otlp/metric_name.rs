//! Names of OpenTelemetry in Prometheus' alphabet, with unit and type as suffixes.
//!
//! Source: "Prometheus and OpenMetrics Compatibility" of the OpenTelemetry specification.

/// What a metric is, as far as its name is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A sum that only rises.
    Counter,
    Gauge,
    Other,
}

/// `http.server.duration` in `ms` to `http_server_duration_milliseconds`.
pub(super) fn metric_name(name: &str, unit: &str, shape: Shape) -> String {
    let mut words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
        .filter(|word| !word.is_empty())
        .collect();
    let is_ratio = unit == "1";
    let (unit, per) = unit.split_once('/').unwrap_or((unit, ""));
    let (unit, per) = (unit_words(unit.trim()), per_word(per.trim()));
    let suffix: Vec<&str> = unit
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    for word in suffix {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if !per.is_empty() && !words.contains(&per) {
        words.extend(["per", per]);
    }
    if shape == Shape::Counter {
        words.retain(|word| *word != "total");
        words.push("total");
    }
    if shape == Shape::Gauge && is_ratio {
        words.retain(|word| *word != "ratio");
        words.push("ratio");
    }
    let joined = words.join("_");
    match joined.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("_{joined}"),
        None => "_".to_owned(),
        _ => joined,
    }
}

/// An attribute's name as a label's.
pub(super) fn label_name(name: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let label: String = name.chars().map(clean).collect();
    match label.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("key_{label}"),
        Some(_) => label,
        None => "key_".to_owned(),
    }
}

/// Units of UCUM by the words that Prometheus uses.
fn unit_words(unit: &str) -> &str {
    match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        // A number of nothing.
        "1" => "",
        // Annotations such as {request} are for people.
        unit if unit.contains(['{', '}']) => "",
        unit => unit,
    }
}

fn per_word(unit: &str) -> &str {
    match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        unit if unit.contains(['{', '}']) => "",
        unit => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_prometheus_makes() {
        let name = |name, unit, shape| metric_name(name, unit, shape);
        assert_eq!(
            name("http.server.request.duration", "s", Shape::Other),
            "http_server_request_duration_seconds"
        );
        assert_eq!(
            name("requests", "{request}", Shape::Counter),
            "requests_total"
        );
        assert_eq!(
            name("requests_total", "1", Shape::Counter),
            "requests_total"
        );
        assert_eq!(name("disk.usage", "1", Shape::Gauge), "disk_usage_ratio");
        assert_eq!(name("io", "By/s", Shape::Gauge), "io_bytes_per_second");
        assert_eq!(name("wait_seconds", "s", Shape::Other), "wait_seconds");
        assert_eq!(name("5xx", "", Shape::Gauge), "_5xx");
        assert_eq!(label_name("http.method"), "http_method");
        assert_eq!(label_name("2nd"), "key_2nd");
    }
}
