mod explain;

use std::process::ExitCode;

use ondol_api::ScaleBody;

use super::args::{ProjectArgs, ScaleArgs};
use super::failure::Failure;
use super::out::Out;
use super::{node, restart};
pub(super) use explain::lines;

pub(crate) async fn scale(
    files: &ProjectArgs,
    args: ScaleArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    if let Some(name) = &args.explain {
        return explain::explain(node::service(&project, name)?, out);
    }
    let mut body = ScaleBody::default();
    for (name, count) in &args.counts {
        body.scale
            .insert(node::service(&project, name)?.name.clone(), *count);
    }
    client.scale(&project.name, &body).await?;
    restart::settle("scale", &client, &project.name, out).await
}
