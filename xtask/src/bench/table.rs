//! The rows as a page shows them.

use anyhow::{Context, Result};

use super::row::Row;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

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

/// The page with the table between its markers.
pub(crate) fn put_into(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("no `{BEGIN}` in the page"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("no `{END}` in the page"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_its_words_and_gets_the_table() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(
            put_into(&page, "new\n").unwrap(),
            format!("before\n{BEGIN}\nnew\n{END}\nafter\n")
        );
        assert!(put_into("nothing", "new").is_err());
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
