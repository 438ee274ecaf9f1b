use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use ondol_api::{ProjectState, ReplicaState};
use ondol_runtime::{ExecTarget, Program, Streams};

use super::args::{ExecArgs, ProjectArgs};
use super::failure::Failure;
use super::node;
use super::out::Out;
use super::pty::{self, Pty};

/// What shells end with when a program cannot be run, so that nobody takes it for the program's own code.
pub(crate) const NOT_RUN: u8 = 126;

/// Finds the replica, then becomes a part of it: the program has this terminal as its own.
pub(crate) fn exec(files: &ProjectArgs, args: ExecArgs, out: &Out) -> Result<ExitCode, Failure> {
    let target = super::block_on(target(files, &args, out))?;
    let enter = |streams| ondol_runtime::enter(&target, &args.command, streams).map_err(not_run);
    if args.detach {
        enter(Streams::Nowhere)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = match !args.no_tty && pty::wanted() {
        true => {
            let pty = Pty::open(target.room_pid).map_err(no_terminal)?;
            let program = enter(Streams::Terminal(pty.program()))?;
            carry(pty, &program)?;
            program
        }
        false => {
            let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
            enter(Streams::Own([
                input.as_fd(),
                output.as_fd(),
                errors.as_fd(),
            ]))?
        }
    };
    let code = program.wait().map_err(not_run)?;
    // Every exit code that the machine knows is a byte.
    Ok(ExitCode::from(code as u8))
}

fn carry(pty: Pty, program: &Program) -> Result<(), Failure> {
    let carried = pty.carry(|| program.has_ended());
    carried.map_err(|error| Failure::error(format!("this terminal broke: {error}")))
}

pub(crate) fn no_terminal(error: io::Error) -> Failure {
    Failure::error(format!("no terminal could be made for it: {error}"))
        .hint("-T runs it without one")
}

fn not_run(why: String) -> Failure {
    Failure::with_code(NOT_RUN, why)
}

async fn target(files: &ProjectArgs, args: &ExecArgs, out: &Out) -> Result<ExecTarget, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let replica = replica(&project, args)?;
    let target = client.exec_target(&project.name, &replica.name).await?;
    let mut target: ExecTarget = serde_json::from_value(target.enter).map_err(|error| {
        Failure::error(format!(
            "the node describes the replica in a way that is not understood: {error}"
        ))
        .hint("is the node of another version? `ondol version` tells")
    })?;
    target.env.extend(args.env.iter().map(variable));
    if let Some(dir) = &args.workdir {
        target.workdir.clone_from(dir);
    }
    if args.user.is_some() {
        target.user.clone_from(&args.user);
    }
    target.privileged |= args.privileged;
    Ok(target)
}

/// `NAME=VALUE`, or a name alone for the caller's own value, as Compose has it.
pub(crate) fn variable(pair: &String) -> (String, String) {
    match pair.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (pair.clone(), std::env::var(pair).unwrap_or_default()),
    }
}

fn replica<'a>(project: &'a ProjectState, args: &ExecArgs) -> Result<&'a ReplicaState, Failure> {
    let service = node::service(project, &args.service)?;
    let mut running = service
        .replicas
        .iter()
        .filter(|replica| replica.pid.is_some());
    let found = match args.index {
        Some(number) => running.find(|replica| replica.number == number),
        None => running.next(),
    };
    found.ok_or_else(|| {
        let which = args
            .index
            .map(|number| format!("replica {number} of "))
            .unwrap_or_default();
        Failure::error(format!("{which}`{}` does not run", service.name))
            .hint(format!("`ondol why {}` says why", service.name))
    })
}
