use std::process::ExitCode;

use serde_json::json;

use super::failure::Failure;
use super::node;
use super::out::Out;

pub(crate) async fn version(out: &Out) -> Result<ExitCode, Failure> {
    let own = env!("CARGO_PKG_VERSION");
    // Whether a node runs is worth a word, not a failure.
    let status = node::client()?.status().await.ok();
    if out.json {
        out.object(&json!({"version": own, "node": status}))?;
        return Ok(ExitCode::SUCCESS);
    }
    out.data(format_args!("ondol {own}"));
    match status {
        Some(node) => out.data(format_args!(
            "node  {} (process {}, {})",
            node.version,
            node.pid,
            node.state_dir.display()
        )),
        None => out.data("node  none runs"),
    }
    Ok(ExitCode::SUCCESS)
}
