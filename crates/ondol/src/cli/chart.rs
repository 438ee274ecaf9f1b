//! Curves over time as text: one as tall as it is worth looking at, many as a line each.

/// A series, a point for each step; `None` where there is no sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<Option<f64>>,
}

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Rows of a single curve.
const HEIGHT: usize = 8;
/// Series that are drawn; the others are only counted.
const CURVES_MAX: usize = 40;
const SPARK_WIDTH: usize = 40;

/// The lines of a picture that is `width` columns wide and shows the last `span`.
pub(crate) fn lines(curves: &[Curve], width: usize, span: &str) -> Vec<String> {
    match curves {
        [one] => tall(one, width, span),
        many => {
            let mut lines: Vec<String> = many.iter().take(CURVES_MAX).map(spark).collect();
            if many.len() > CURVES_MAX {
                lines.push(format!("... and {} more", many.len() - CURVES_MAX));
            }
            lines
        }
    }
}

/// One curve: its ends at the left, its bars, the time below.
fn tall(curve: &Curve, width: usize, span: &str) -> Vec<String> {
    let Some((low, high)) = ends(curve) else {
        return vec![format!("{}  no numbers", curve.name)];
    };
    let (top, bottom) = (shown(high), shown(low));
    let margin = top.len().max(bottom.len());
    let bars = narrowed(&curve.points, width.saturating_sub(margin + 3).max(10));
    let mut lines = vec![curve.name.clone()];
    for row in (0..HEIGHT).rev() {
        let label = match row {
            0 => &bottom,
            row if row == HEIGHT - 1 => &top,
            _ => "",
        };
        let cells: String = bars.iter().map(|bar| cell(*bar, low, high, row)).collect();
        lines.push(format!("{label:>margin$} ┤{}", cells.trim_end()));
    }
    let from = format!("{span} ago");
    let gap = bars.len().saturating_sub(from.len() + 3);
    lines.push(format!("{:margin$}  {from}{:gap$}now", "", ""));
    lines
}

/// A line: the curve, its last, least and greatest value, its name.
fn spark(curve: &Curve) -> String {
    let Some((low, high)) = ends(curve) else {
        return format!("{}  no numbers", curve.name);
    };
    let bars = narrowed(&curve.points, SPARK_WIDTH);
    let step = |value: f64| EIGHTHS[(share(value, low, high) * 7.0).round() as usize];
    let drawn: String = bars
        .iter()
        .map(|bar| bar.filter(|value| value.is_finite()).map_or(' ', step))
        .collect();
    let last = curve.points.iter().rev().find_map(|point| *point);
    format!(
        "{drawn:SPARK_WIDTH$}  {:>10}  ({} to {})  {}",
        last.map_or("-".to_owned(), shown),
        shown(low),
        shown(high),
        curve.name
    )
}

fn ends(curve: &Curve) -> Option<(f64, f64)> {
    let numbers = || {
        curve
            .points
            .iter()
            .flatten()
            .filter(|value| value.is_finite())
    };
    let low = numbers().copied().reduce(f64::min)?;
    let high = numbers().copied().reduce(f64::max)?;
    Some((low, high))
}

/// From 0 at the low end to 1 at the high one; a flat curve is in the middle.
fn share(value: f64, low: f64, high: f64) -> f64 {
    match high > low {
        true => ((value - low) / (high - low)).clamp(0.0, 1.0),
        false => 0.5,
    }
}

fn cell(bar: Option<f64>, low: f64, high: f64, row: usize) -> char {
    let Some(value) = bar.filter(|value| !value.is_nan()) else {
        return ' ';
    };
    // The low end is an eighth of the lowest row, so that it is seen.
    let eighths = 1.0 + share(value, low, high) * (HEIGHT * 8 - 1) as f64;
    let in_row = eighths.round() as usize;
    match in_row.saturating_sub(row * 8) {
        0 => ' ',
        eighths => EIGHTHS[eighths.min(8) - 1],
    }
}

/// As many points as there are columns: of those that share one, the greatest, so that no peak is lost.
fn narrowed(points: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    if points.len() <= width {
        return points.to_vec();
    }
    (0..width)
        .map(|column| {
            let from = column * points.len() / width;
            let to = (column + 1) * points.len() / width;
            points[from..to].iter().copied().flatten().reduce(f64::max)
        })
        .collect()
}

/// A number for people: three significant digits, with k, M, G beyond a thousand.
fn shown(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        large if large >= 1e12 => return format!("{value:.2e}"),
        large if large >= 1e9 => (value / 1e9, "G"),
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e4 => (value / 1e3, "k"),
        small if small != 0.0 && small < 1e-3 => return format!("{value:.2e}"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        whole if whole >= 100.0 => 0,
        tens if tens >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{scaled:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: impl IntoIterator<Item = f64>) -> Curve {
        Curve {
            name: "up".to_owned(),
            points: points.into_iter().map(Some).collect(),
        }
    }

    #[test]
    fn one_curve_is_drawn_with_its_ends() {
        let lines = lines(&[curve((0..16).map(f64::from))], 30, "4 min");
        assert_eq!(lines.len(), HEIGHT + 2);
        assert!(
            lines[1].starts_with("15 ┤") && lines[1].ends_with('█'),
            "{lines:?}"
        );
        assert!(lines[HEIGHT].starts_with(" 0 ┤▁"), "{lines:?}");
        assert_eq!(lines[HEIGHT].chars().count(), 4 + 16);
        assert_eq!(lines[HEIGHT + 1].trim_start(), "4 min ago    now");
    }

    #[test]
    fn many_curves_are_a_line_each_and_gaps_stay_gaps() {
        let mut gap = curve([1.0, 2.0, 3.0]);
        gap.points[1] = None;
        let lines = lines(&[gap, curve([5.0])], 80, "1 h");
        assert!(lines[0].starts_with("▁ █ "), "{lines:?}");
        assert!(lines[0].ends_with("3  (1 to 3)  up"), "{lines:?}");
        assert!(lines[1].starts_with('▅'), "{lines:?}");
    }

    #[test]
    fn a_peak_is_kept_when_points_share_a_column() {
        let mut points = vec![Some(0.0); 1000];
        points[501] = Some(9.0);
        assert_eq!(
            narrowed(&points, 40)
                .iter()
                .filter(|p| **p == Some(9.0))
                .count(),
            1
        );
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 1.5, 1234.0, 25_000.0, 3.2e9, 0.000_12, 99.95].map(shown);
        assert_eq!(texts, ["0", "1.5", "1234", "25k", "3.2G", "1.20e-4", "100"]);
    }
}
