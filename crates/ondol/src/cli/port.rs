use std::process::ExitCode;

use super::args::{PortArgs, ProjectArgs};
use super::failure::Failure;
use super::node;
use super::out::Out;

pub(crate) async fn port(
    files: &ProjectArgs,
    args: PortArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let service = node::service(&project, &args.service)?;
    let meant = |port: &&ondol_api::PublishedState| {
        let transport = format!("{:?}", port.transport).to_lowercase();
        args.port
            .is_none_or(|only| only == port.target && transport == args.protocol)
    };
    let mut found = false;
    for port in service.published.iter().filter(meant) {
        found = true;
        match (port.address, out.json) {
            (_, true) => out.object(port)?,
            (Some(address), false) if args.port.is_some() => out.data(address),
            (Some(address), false) => out.data(format_args!("{} → {address}", port.target)),
            (None, false) => {
                let why = port.error.as_deref().unwrap_or("not open yet");
                return Err(Failure::error(format!(
                    "port {} of `{}`: {why}",
                    port.target, service.name
                )));
            }
        }
    }
    if found || args.port.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let declared: Vec<_> = service
        .published
        .iter()
        .map(|port| port.target.to_string())
        .collect();
    let hint = match declared.is_empty() {
        true => "it publishes none; `ports:` in its file does".to_owned(),
        false => format!("it publishes {}", declared.join(", ")),
    };
    let port = args.port.unwrap_or_default();
    Err(Failure::error(format!(
        "`{}` does not publish port {port}/{}",
        service.name, args.protocol
    ))
    .hint(hint))
}
