//! The long-lived kinds of process, as the command line starts them.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use ondol_runtime::Sandbox;

use crate::cli::{Roles, SandboxArg, ServeArgs, state_dir};
use crate::node;

pub(crate) const ROLES: Roles = Roles { serve, proxy };

fn serve(args: ServeArgs) -> ExitCode {
    let state_dir = match state_dir() {
        Ok(dir) => dir,
        Err(failure) => return fail(&failure.to_string()),
    };
    let ondol = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => return fail(&format!("this program's own path cannot be read: {error}")),
    };
    let options = node::Options {
        state_dir,
        ephemeral: args.ephemeral,
        sandbox: args.sandbox.map(sandbox),
        ondol,
        path: std::env::var("PATH").unwrap_or_default(),
        home: std::env::var_os("HOME").map(PathBuf::from),
        telemetry: args.telemetry.asked(),
    };
    match node::serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => fail(&failed.to_string()),
    }
}

fn sandbox(arg: SandboxArg) -> Sandbox {
    match arg {
        SandboxArg::Root => Sandbox::Root,
        SandboxArg::User => Sandbox::User,
        SandboxArg::None => Sandbox::None,
    }
}

/// `ondol proxy STATE_DIR`.
fn proxy(args: Vec<String>) -> ExitCode {
    let Some(state_dir) = args.first().map(PathBuf::from) else {
        return fail("`ondol proxy` is started by the node");
    };
    let options = ondol_proxy::Options {
        control_socket: node::proxy_socket(&state_dir),
        state_folder: state_dir.join("proxy"),
        workers: 0,
    };
    ondol_proxy::run(&options, &mut io::stderr())
}

fn fail(what: &str) -> ExitCode {
    use io::Write as _;
    // When even that cannot be written, the exit code has to say it.
    let _ = writeln!(io::stderr(), "error: {what}");
    ExitCode::FAILURE
}
