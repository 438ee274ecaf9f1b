use std::process::ExitCode;

use ondol_api::EventState;

use super::args::{EventsArgs, ProjectArgs};
use super::clock::rfc3339;
use super::failure::Failure;
use super::node;
use super::out::{Colour, Out};

pub(crate) async fn events(
    files: &ProjectArgs,
    args: EventsArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let name = node::name(files, &client, out).await?;
    let mut query = format!("project={name}");
    if let Some(service) = &args.service {
        let service = ondol_model::ServiceName::new(service)
            .map_err(|why| Failure::invalid(why.to_string()))?;
        query += &format!("&service={service}");
    }
    let since = args.since.map(|since| since.0);
    let history = format!("{query}&since_unix_ms={}", since.unwrap_or_default());
    let mut last = 0;
    for event in client.events(&history).await? {
        last = event.id;
        show(&event, out)?;
    }
    if args.follow {
        let after = if last > 0 {
            format!("{query}&after_id={last}")
        } else {
            query
        };
        let mut events = client.follow_events(&after).await?;
        while let Some(event) = events.next().await {
            show(&event?, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(event: &EventState, out: &Out) -> Result<(), Failure> {
    if out.json {
        return out.object(event);
    }
    out.data(line(event, out));
    Ok(())
}

/// `2026-01-31T12:00:00.000Z  web-1  started  because...`
pub(crate) fn line(event: &EventState, out: &Out) -> String {
    let who = event.replica.as_deref().unwrap_or(event.service.as_str());
    let kind = format!("{:?}", event.kind).to_lowercase();
    let at = out.paint(Colour::Dim, rfc3339(event.at_unix_ms));
    format!("{at}  {who:12}  {kind:10}  {}", event.why)
}
