//! What to run: a service's image, Dockerfile, sources and command, made into a [`Launch`].
//!
//! Two doors: [`prepare`] fetches packages and installs dependencies; [`launch`] gives the same answer again
//! from what is there. Both block. Everything lies below the state folder: `packages/` and `prepared/`.

use crate::{Launch, PrepareRequest};

mod assemble;
mod base;
mod caller;
mod content;
mod context;
mod cook;
mod dockerfile;
mod early;
mod error;
mod expected;
mod follow;
mod image;
mod image_name;
mod known;
mod origin;
mod packages;
mod programs;
mod ready;
mod store;

pub(crate) use content::fill;
use early::ThisMachine;
pub use early::{Obstacle, ObstacleKind};
pub use error::{SourceError, SourceErrorKind};
pub(crate) use expected::port as expected_port;
pub(crate) use packages::Depot;

/// Fetches and installs what a service needs, and says meanwhile what it does. Done again only where inputs
/// changed: packages by their set, Dockerfile lines by the lines and the files that they see.
///
/// # Errors
/// What happened, with file and line where there is one, and what to do about it.
pub fn prepare(
    request: &PrepareRequest<'_>,
    say: &mut dyn FnMut(String),
) -> Result<Launch, SourceError> {
    let store = store::Store::new(request.state_dir);
    let caller = caller::Caller::of_this_process();
    let working = store.at_work()?;
    let ready = ready::make(request, &store, &caller, say)?;
    let (launch, warnings) = assemble::assemble(request, &ready, &caller)?;
    assemble::check_program(request, &launch, &caller)?;
    for warning in warnings {
        say(format!("warning: {warning}"));
    }
    store.remember(&ready::name(request), &ready)?;
    drop(working);
    store.sweep();
    Ok(launch)
}

/// What [`prepare`] answered, for this start: nothing is fetched or installed.
///
/// # Errors
/// [`SourceErrorKind::NotPrepared`] when it was never prepared, else as [`prepare`].
pub fn launch(request: &PrepareRequest<'_>) -> Result<Launch, SourceError> {
    let store = store::Store::new(request.state_dir);
    let ready: ready::Ready = store
        .recall(&ready::name(request))
        .filter(ready::Ready::is_there)
        .ok_or_else(|| {
            SourceError::new(
                SourceErrorKind::NotPrepared,
                format!(
                    "{} is not prepared any more: its files are gone from the state folder",
                    request.service.name
                ),
                format!("run `ondol up` again to prepare {}", request.service.name),
            )
        })?;
    let caller = caller::Caller::of_this_process();
    assemble::assemble(request, &ready, &caller).map(|(launch, _)| launch)
}

/// Everything in a project's files that keeps its `wanted` services from being run here, found before anything is
/// prepared: nothing is fetched, written or started. `volumes` is where named volumes lie. Blocks for a few looks.
pub(crate) fn obstacles(
    project: &ondol_model::Project,
    wanted: &dyn Fn(&ondol_model::Service) -> bool,
    volumes: &std::path::Path,
) -> Vec<Obstacle> {
    let machine = ThisMachine {
        caller: caller::Caller::of_this_process(),
        volumes: volumes.to_path_buf(),
    };
    early::obstacles(project, wanted, &machine)
}

#[cfg(test)]
mod tests;
