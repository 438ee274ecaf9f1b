//! The rows as a page shows them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::row::Row;

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | unit | Ondol | goal | met | beside | measured | Ondol / it |\n|---|---|---:|---:|---|---|---:|---:|\n",
    );
    for row in rows {
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let cells = [
            row.name.to_owned(),
            row.unit.to_owned(),
            row.value.map_or("not measured".to_owned(), number),
            row.wanted.clone(),
            met.to_owned(),
            row.peer.unwrap_or_default().to_owned(),
            row.peer_value.map_or(String::new(), number),
            row.ratio
                .map_or(String::new(), |ratio| format!("{}x", number(ratio))),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Writes `table` into a page, between the comments `marker` and `/marker`.
pub(super) fn write_into(path: &Path, marker: &str, table: &str) -> Result<()> {
    let page =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let page = put_into(&page, marker, table).with_context(|| path.display().to_string())?;
    fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
}

fn put_into(page: &str, marker: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {marker} -->"), format!("<!-- /{marker} -->"));
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("no `{begin}` in the page"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("no `{end}` in the page"))?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_words_and_gets_the_table() {
        let page = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n";
        assert_eq!(
            put_into(page, "bench", "new\n").unwrap(),
            page.replace("old", "new")
        );
        assert!(put_into(page, "bench proxy", "new\n").is_err());
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (0.25, "0.25"),
            (12.34, "12.3"),
            (25_123.4, "25123"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
