//! Names that Prometheus takes. Names of any UTF-8 (Prometheus 3) are refused: Debian's tools refuse them too.

/// The name of a series or of an alert.
pub(super) fn rule_name(name: &str, is_alert: bool) -> Result<(), String> {
    if is_alert {
        return match name.is_empty() {
            true => Err("an alert needs a name".to_owned()),
            false => Ok(()),
        };
    }
    let good = |(at, c): (usize, char)| match c {
        'a'..='z' | 'A'..='Z' | '_' | ':' => true,
        '0'..='9' => at > 0,
        _ => false,
    };
    match !name.is_empty() && name.char_indices().all(good) {
        true => Ok(()),
        false => Err(format!(
            "`{name}` cannot be the name of a series: letters, digits, `_` and `:`, not beginning with a digit"
        )),
    }
}

/// The name of a label that a rule may set.
pub(super) fn label_name(name: &str) -> Result<(), String> {
    let good = |(at, c): (usize, char)| match c {
        'a'..='z' | 'A'..='Z' | '_' => true,
        '0'..='9' => at > 0,
        _ => false,
    };
    if name == "__name__" {
        return Err("`__name__` is set by `record` only".to_owned());
    }
    match !name.is_empty() && name.char_indices().all(good) {
        true => Ok(()),
        false => Err(format!(
            "`{name}` cannot be the name of a label: letters, digits and `_`, not beginning with a digit"
        )),
    }
}
