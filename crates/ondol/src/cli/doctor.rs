use std::process::ExitCode;

use ondol_api::FindingLevel;

use super::failure::{ERROR, Failure};
use super::node;
use super::out::{Colour, Out};

/// What the node finds; where there is none, one is started for as long as it looks.
pub(crate) async fn doctor(out: &Out) -> Result<ExitCode, Failure> {
    let client = node::running(out).await?;
    let findings = client.doctor().await;
    node::leave_if_idle(&client).await;
    let findings = findings?;
    for finding in &findings {
        if out.json {
            out.object(finding)?;
            continue;
        }
        let (mark, colour) = match finding.level {
            FindingLevel::Ok => ('✔', Colour::Green),
            FindingLevel::Limited => ('●', Colour::Yellow),
            FindingLevel::Problem => ('✖', Colour::Red),
        };
        out.data(format_args!(
            "{} {}: {}",
            out.paint(colour, mark),
            finding.what,
            finding.found
        ));
        if let Some(hint) = &finding.hint {
            out.data(format_args!("    help: {hint}"));
        }
    }
    let problem = findings
        .iter()
        .any(|finding| finding.level == FindingLevel::Problem);
    Ok(ExitCode::from(if problem { ERROR } else { 0 }))
}
