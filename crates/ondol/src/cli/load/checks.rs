//! What is written in other languages inside of a Compose file, checked by those who know them.

use ondol_compose::{Checks, Misfit};
use ondol_query::promql::{Features, parse};

pub(super) const CHECKS: Checks = Checks {
    promql: Some(promql),
    template: Some(template),
    rule_file: Some(rule_file),
};

fn promql(text: &str) -> Vec<Misfit> {
    let wrong = expression(text).err();
    let misfit = |(message, bytes): ondol_alert::ExprError| Misfit {
        message: format!("this is not PromQL: {message}"),
        help: None,
        start: bytes.start,
        end: bytes.end,
    };
    wrong.map(misfit).into_iter().collect()
}

fn expression(text: &str) -> Result<(), ondol_alert::ExprError> {
    match parse(text, Features::STABLE) {
        Ok(_) => Ok(()),
        Err(error) => Err((error.reason, error.place.start..error.place.end)),
    }
}

fn template(text: &str) -> Vec<Misfit> {
    let wrong = ondol_alert::Template::parse(text).err();
    let misfit = |error: ondol_alert::TemplateError| Misfit {
        message: format!("the template cannot be read: {}", error.message),
        help: None,
        start: error.at.min(text.len()),
        end: text.len(),
    };
    wrong.map(misfit).into_iter().collect()
}

fn rule_file(text: &str) -> Vec<Misfit> {
    let problems = ondol_alert::parse_rules("", text, &expression).err();
    let misfit = |problem: ondol_alert::Problem| Misfit {
        message: problem.message,
        help: problem.help,
        start: problem.bytes.start,
        end: problem.bytes.end,
    };
    problems
        .unwrap_or_default()
        .into_iter()
        .map(misfit)
        .collect()
}
