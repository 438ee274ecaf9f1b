//! The rules of OpenMetrics that need a memory of earlier lines.

use std::collections::BTreeSet;

use super::family::Family;
use super::line::{Line, Lines};
use super::{ExpositionError, Format};

/// Whether `page` is OpenMetrics 1.0 to the letter. The error is the first mistake and its place.
///
/// ```
/// let error = ondol_telemetry::check(b"# TYPE a counter\na_total -1\n# EOF\n").unwrap_err();
/// assert_eq!((error.line, error.column), (2, 9));
/// ```
pub fn check(page: &[u8]) -> Result<(), ExpositionError> {
    let mut lines = Lines::of_bytes(page, Format::OpenMetrics)?;
    let mut names = BTreeSet::new();
    let mut family: Option<Family> = None;
    let mut rest = lines.rest();
    loop {
        let text = rest.split('\n').next().unwrap_or_default();
        let Some(line) = lines.next().transpose()? else {
            let number = lines.number() + 1;
            return Err(ExpositionError::new(number, 1, "`# EOF` at the end", ""));
        };
        let number = lines.number();
        rest = lines.rest();
        let name = match &line {
            Line::End => break,
            Line::Comment => continue,
            Line::Help { family, .. } | Line::Type { family, .. } | Line::Unit { family, .. } => {
                family.meant()
            }
            Line::Sample(sample) => sample.name.meant(),
        };
        let belongs = |family: &Family| match line {
            Line::Sample(_) => family.has_sample(&name),
            _ => family.is(&name),
        };
        let mut current = match family.take() {
            Some(family) if belongs(&family) => family,
            before => {
                if let Some(before) = before {
                    before.close(&mut names)?;
                }
                Family::new(name.into_owned(), number, text)
            }
        };
        current
            .add(&line)
            .map_err(|mistake| mistake.on(number, text))?;
        family = Some(current);
    }
    if let Some(family) = family {
        family.close(&mut names)?;
    }
    if !rest.is_empty() {
        let (number, found) = (lines.number() + 1, rest.lines().next().unwrap_or_default());
        return Err(ExpositionError::new(
            number,
            1,
            "nothing after `# EOF`",
            found,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(page: &str) -> Result<(), String> {
        check(page.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn well_made_pages_pass() {
        for page in [
            "# EOF\n",
            "# EOF",
            "a 1\n# EOF\n",
            "# HELP a \n# UNIT a \n# EOF\n",
            "# TYPE a info\na_info{foo=\"bar\"} 1 1\na_info{foo=\"baz\"} 1 0\n# EOF\n",
            "# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0\n# EOF\n",
            "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 3\na_gcount 3\na_gsum 2\n# EOF\n",
            "# TYPE a gaugehistogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 3\na_gsum -4\na_gcount 3\n# EOF\n",
            "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\na_seconds_created 5\n# EOF\n",
            "# TYPE a summary\na{quantile=\"0.5\"} 1\na_sum 2\na_count 3\na_created 4\n# EOF\n",
            "{\"a.b\",\"c d\"=\"e\"} 1\n# EOF\n",
            "# TYPE a gauge\na{b=\"1\"} 0 -1\na{b=\"1\"} 0 2\na{b=\"2\"} 0 1\n# EOF\n",
        ] {
            assert_eq!(verdict(page), Ok(()), "{page}");
        }
    }

    #[test]
    fn badly_made_pages_are_told_where() {
        for (page, place) in [
            ("", "line 1, column 1: expected `# EOF` at the end"),
            ("a 1\n\n# EOF\n", "line 2, column 1: expected a metric name"),
            (
                "a 1\n# EOF\nb 1\n",
                "line 3, column 1: expected nothing after",
            ),
            ("a  1\n# EOF\n", "line 1, column 3: expected a number"),
            (
                "a{b=\"1\"}1\n# EOF\n",
                "line 1, column 9: expected a blank and a value",
            ),
            (
                "a{b=\"1\",} 1\n# EOF\n",
                "line 1, column 9: expected a label name",
            ),
            ("a{,} 1\n# EOF\n", "line 1, column 3: expected a label name"),
            (
                "a{b=\"1\",b=\"2\"} 1\n# EOF\n",
                "line 1, column 1: expected each label once",
            ),
            (
                "a 1\na 2\n# EOF\n",
                "line 2, column 1: expected each series once",
            ),
            (
                "# TYPE a gauge\n# TYPE a gauge\n# EOF\n",
                "line 2, column 1: expected one `# TYPE`",
            ),
            (
                "# TYPE a counter\na 1\n# EOF\n",
                "line 2, column 1: expected a name that no earlier family uses",
            ),
            (
                "a 1\nb 1\na 1\n# EOF\n",
                "line 3, column 1: expected a name that no earlier",
            ),
            (
                "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
                "line 2, column 1: expected the unit at the end of the name",
            ),
            (
                "# TYPE a histogram\na_bucket{le=\"1\"} 0.5\na_bucket{le=\"+Inf\"} 1\n# EOF\n",
                "line 2, column 18: expected a whole number",
            ),
            (
                "# TYPE a histogram\na_bucket{le=\"1\"} 1\n# EOF\n",
                "line 1, column 1: expected a bucket with le=\"+Inf\"",
            ),
            (
                "# TYPE a gauge\na 1 # {a=\"b\"} 1\n# EOF\n",
                "line 2, column 4: expected an exemplar only",
            ),
        ] {
            let said = verdict(page).unwrap_err();
            assert!(said.starts_with(place), "{page}: {said}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_where() {
        let error = check(b"a 1\nb{c=\"\xff\"} 1\n# EOF\n").unwrap_err();
        assert_eq!((error.line, error.column, error.expected), (2, 6, "UTF-8"));
    }
}
