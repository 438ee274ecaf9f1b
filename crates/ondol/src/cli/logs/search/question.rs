//! What was typed as a query.

use ondol_api::ProjectState;
use ondol_query::logql::{Expr, parse};

use super::super::super::args::LogsArgs;
use super::super::super::failure::Failure;
use super::super::super::node;

/// From the mildest to the gravest.
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];
/// What replicas write and send, and what Ondol says of them; requests have a stream of their own.
const OUTPUTS: &str = "stdout|stderr|ondol|otlp";

/// The query, checked: what is wrong with it is said before anybody is asked.
pub(super) fn of(project: &ProjectState, args: &LogsArgs) -> Result<String, Failure> {
    let mut query = match args.query.as_deref().map(str::trim) {
        Some(stages) if stages.starts_with(['|', '!']) => {
            format!("{} {stages}", selector(project, &args.services)?)
        }
        Some(_) if !args.services.is_empty() => {
            return Err(
                Failure::error("services are named twice: beside the query and in it")
                    .hint("name them in the query, or begin it with | instead of {"),
            );
        }
        Some(whole) => whole.to_owned(),
        None => selector(project, &args.services)?,
    };
    for pattern in &args.grep {
        query += &format!(" |~ {}", quoted(pattern));
    }
    if let Some(level) = &args.level {
        query += &format!(" | detected_level=~\"{}\"", at_least(level)?);
    }
    match parse(&query) {
        Ok(Expr::Log(_)) => Ok(query),
        Ok(Expr::Metric(_)) => Err(Failure::error("the query gives values and no lines")
            .hint("expected such as '|= \"timeout\" | json | status >= 500'")),
        Err(error) => Err(Failure::error(format!("{query}: {error}"))),
    }
}

fn selector(project: &ProjectState, names: &[String]) -> Result<String, Failure> {
    let mut replicas = (project.services.iter()).flat_map(|service| &service.replicas);
    let whose = match names {
        [] => String::new(),
        [name] if replicas.any(|replica| replica.name == *name) => {
            format!(", replica={}", quoted(name))
        }
        names => {
            let names = node::services(project, names)?;
            // Names of services have no sign that means something in a pattern but the dot.
            let names: Vec<String> = names
                .iter()
                .map(|name| name.to_string().replace('.', "\\."))
                .collect();
            format!(", service=~{}", quoted(&names.join("|")))
        }
    };
    let project = quoted(&project.name.to_string());
    Ok(format!(
        "{{project={project}, stream=~\"{OUTPUTS}\"{whose}}}"
    ))
}

/// In LogQL's quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A level and those that are graver, as a pattern.
fn at_least(level: &str) -> Result<String, Failure> {
    let level = level.to_ascii_lowercase();
    match LEVELS.iter().position(|known| *known == level) {
        Some(at) => Ok(LEVELS.get(at..).unwrap_or_default().join("|")),
        None => Err(Failure::error(format!("{level} is no level"))
            .hint(format!("expected one of {}", LEVELS.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_stands_for_those_that_are_graver() {
        assert_eq!(at_least("WARN").unwrap(), "warn|error|fatal");
        assert_eq!(at_least("fatal").unwrap(), "fatal");
        assert!(at_least("loud").is_err());
    }

    #[test]
    fn what_is_quoted_is_read_back_as_the_same() {
        for text in ["a", "say \"hi\"", r"\d+\.", "two\nlines", "`x`"] {
            let query = format!("{{a={}}}", quoted(text));
            let matchers = ondol_query::logql::parse_selector(&query).unwrap();
            assert_eq!(matchers[0].value(), text);
        }
    }
}
