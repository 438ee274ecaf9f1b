use std::time::Duration;

use ondol_model::{Check, Healthcheck, Probe};

use super::words::{exec_form, flags};

/// HEALTHCHECK (Dockerfile reference; the defaults are Docker's). `shell` runs the shell form.
/// The error says what is wrong with it.
pub(super) fn read(rest: &str, shell: &[String]) -> Result<Healthcheck, String> {
    let (flags, rest) = flags(rest);
    let (word, test) = match rest.split_once(char::is_whitespace) {
        Some((word, test)) => (word, test.trim()),
        None => (rest, ""),
    };
    if word.eq_ignore_ascii_case("NONE") {
        return Ok(Healthcheck::Disabled);
    }
    if !word.eq_ignore_ascii_case("CMD") || test.is_empty() {
        return Err("expected NONE, or CMD and a command".into());
    }
    let command = exec_form(test).unwrap_or_else(|| [shell, &[test.to_string()]].concat());
    let mut probe = Probe::new(Check::Exec { command });
    probe.start_interval = Duration::from_secs(1);
    for (name, values) in &flags {
        let value = values.last().map(String::as_str).unwrap_or_default();
        let span = || duration(value).ok_or_else(|| format!("`{value}` is not a duration"));
        match name.as_str() {
            "interval" => probe.interval = span()?,
            "timeout" => probe.timeout = span()?,
            "start-period" => probe.start_period = span()?,
            "start-interval" => probe.start_interval = span()?,
            "retries" => {
                let retries = value.parse::<u32>();
                probe.failures_max = retries
                    .map_err(|_| format!("`{value}` is not a number"))?
                    .max(1);
            }
            other => return Err(format!("`--{other}` is not known")),
        }
    }
    Ok(Healthcheck::Check(probe))
}

/// Go's durations: `1m30s`, `500ms`, `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0.0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit_len = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len() - digits);
        let (unit, after) = rest[digits..].split_at(unit_len);
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += amount * factor;
        rest = after;
    }
    (!text.is_empty()).then_some(())?;
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_forms_are_read() {
        let shell = ["/bin/sh".to_string(), "-c".to_string()];
        let read = |text| read(text, &shell);
        let Ok(Healthcheck::Check(probe)) =
            read("--interval=1m30s --retries=5 --timeout=500ms CMD curl -f x || exit 1")
        else {
            panic!("not read");
        };
        assert_eq!(probe.interval, Duration::from_secs(90));
        assert_eq!(probe.timeout, Duration::from_millis(500));
        assert_eq!(probe.failures_max, 5);
        assert_eq!(
            probe.check,
            Check::Exec {
                command: ["/bin/sh", "-c", "curl -f x || exit 1"]
                    .map(str::to_string)
                    .to_vec()
            }
        );
        assert_eq!(read("none"), Ok(Healthcheck::Disabled));
        for wrong in ["", "CMD", "--interval=9x CMD a", "--what=1 CMD a", "true"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
