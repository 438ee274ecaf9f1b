//! The microservice platform in one binary.
//!
//! One program, several kinds of process. The small ones are decided first, before anything is allocated or started.

mod authority;
mod cli;
mod node;
mod roles;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|role| role.to_str()) {
        Some("shim") => ondol_runtime::shim::main(args),
        Some("world") => ondol_runtime::world_main(args),
        Some("enter") => ondol_runtime::enter_main(),
        _ => cli::run(roles::ROLES),
    }
}
