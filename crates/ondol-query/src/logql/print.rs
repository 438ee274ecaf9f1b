//! Expressions as text, which reads back as the same expression.

use std::fmt::{self, Display, Formatter};

use super::ast::{
    Aggregate, Binary, Compared, Expr, Extraction, Format, Grouping, LabelFilter, LabelReplace,
    LineFilter, LogQuery, LogRange, Metric, Needle, Number, Pick, RangeAggregate, Stage, Unwrap,
};
use super::{Path, duration, size};
use crate::number::plain;
use crate::promql::Cardinality;
use crate::quote::Quoted;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(query) => query.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
        }
    }
}

impl Display for LogQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        joined(&self.matchers, f)?;
        f.write_str("}")?;
        self.stages
            .iter()
            .try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(filter) => filter.fmt(f),
            Self::Json(only) => {
                f.write_str("| json")?;
                extractions(only, Path::as_str, f)
            }
            Self::Logfmt {
                strict,
                keep_empty,
                only,
            } => {
                f.write_str("| logfmt")?;
                f.write_str(if *strict { " --strict" } else { "" })?;
                f.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                extractions(only, String::as_str, f)
            }
            Self::Pattern(pattern) => write!(f, "| pattern {pattern}"),
            Self::Regexp(regex) => write!(f, "| regexp {regex}"),
            Self::Unpack => f.write_str("| unpack"),
            Self::Decolorize => f.write_str("| decolorize"),
            Self::Label(filter) => write!(f, "| {filter}"),
            Self::LineFormat(template) => write!(f, "| line_format {template}"),
            Self::LabelFormat(formats) => {
                f.write_str("| label_format ")?;
                for (at, format) in formats.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{}=", format.label)?;
                    match &format.to {
                        Format::Rename(label) => f.write_str(label)?,
                        Format::Template(template) => template.fmt(f)?,
                    }
                }
                Ok(())
            }
            Self::Drop(picks) => {
                f.write_str("| drop ")?;
                joined(picks, f)
            }
            Self::Keep(picks) => {
                f.write_str("| keep ")?;
                joined(picks, f)
            }
        }
    }
}

fn extractions<P>(
    list: &[Extraction<P>],
    text: fn(&P) -> &str,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    for (at, extraction) in list.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(
            f,
            "{comma} {}={}",
            extraction.label,
            Quoted(text(&extraction.from))
        )?;
    }
    Ok(())
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        for (at, needle) in self.needles.iter().enumerate() {
            write!(f, "{} {needle}", if at > 0 { " or" } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Needle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Regex(regex) => regex.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Ip(range) => range.fmt(f),
        }
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // They are read from left to right: only what is on the right needs parentheses.
        let right = |side: &Self| match side {
            Self::And(_) | Self::Or(_) => format!("({side})"),
            side => side.to_string(),
        };
        match self {
            Self::Text(matcher) => matcher.fmt(f),
            Self::Value(comparison) => write!(
                f,
                "{} {} {}",
                comparison.label,
                comparison.test.as_str(),
                comparison.with
            ),
            Self::Ip {
                label,
                negated,
                range,
            } => write!(f, "{label}{}{range}", if *negated { "!=" } else { "=" }),
            Self::And(sides) => write!(f, "{} and {}", sides[0], right(&sides[1])),
            Self::Or(sides) => write!(f, "{} or {}", sides[0], right(&sides[1])),
        }
    }
}

impl Display for Compared {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&plain(*value)),
            Self::Duration(ns) => f.write_str(&duration::format(*ns)),
            Self::Bytes(bytes) => f.write_str(&size::format(*bytes)),
        }
    }
}

impl Display for Pick {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Matching(matcher) => matcher.fmt(f),
        }
    }
}

impl Display for Metric {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Vector(number) => write!(f, "vector({number})"),
            Self::Range(range) => range.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::LabelReplace(replace) => replace.fmt(f),
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(self.0))
    }
}

impl Display for RangeAggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.as_str())?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.range)?;
        match &self.grouping {
            Some(grouping) => write!(f, " {grouping}"),
            None => Ok(()),
        }
    }
}

impl Display for LogRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.query.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            unwrap.fmt(f)?;
        }
        write!(f, " [{}]", duration::format(self.range_ns))?;
        if self.offset_ns != 0 {
            write!(f, " offset {}", duration::format(self.offset_ns))?;
        }
        Ok(())
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Some(conversion) => write!(f, " | unwrap {}({})", conversion.as_str(), self.label)?,
            None => write!(f, " | unwrap {}", self.label)?,
        }
        self.filters
            .iter()
            .try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.without { "without" } else { "by" };
        write!(f, "{word} ({})", self.labels.join(", "))
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if let Some(grouping) = &self.grouping {
            write!(f, " {grouping} ")?;
        }
        match self.parameter {
            Some(parameter) => write!(f, "({parameter}, {})", self.of),
            None => write!(f, "({})", self.of),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.as_str())?;
        f.write_str(if self.return_bool { " bool" } else { "" })?;
        let matching = &self.matching;
        let group = match matching.cardinality {
            Cardinality::ManyToOne => "group_left",
            Cardinality::OneToMany => "group_right",
            Cardinality::OneToOne | Cardinality::ManyToMany => "",
        };
        if matching.on || !matching.labels.is_empty() || !group.is_empty() {
            let word = if matching.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", matching.labels.join(", "))?;
            if !group.is_empty() {
                write!(f, " {group} ({})", matching.include.join(", "))?;
            }
        }
        write!(f, " {}", self.right)
    }
}

impl Display for LabelReplace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "label_replace({}, {}, {}, {}, {})",
            self.of,
            Quoted(&self.destination),
            Quoted(&self.replacement),
            Quoted(&self.source),
            Quoted(&self.pattern)
        )
    }
}

fn joined(list: &[impl Display], f: &mut Formatter<'_>) -> fmt::Result {
    for (at, item) in list.iter().enumerate() {
        write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
    }
    Ok(())
}
