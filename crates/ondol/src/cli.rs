//! The command line: what was typed, and the one file per verb that does it.
//!
//! stdout carries data, stderr carries talk. Exit codes: 0 done, 1 error, 2 invalid file or usage, 3 rolled back,
//! 4 timeout; `exec` and `run` pass on the code of what they ran.

mod alerts;
mod args;
mod ask;
mod cache;
mod chart;
mod check;
mod clock;
mod completions;
mod config;
mod doctor;
mod down;
mod events;
mod exec;
mod failure;
mod graph;
mod help;
mod init;
mod load;
mod logs;
mod metrics;
mod node;
mod out;
mod port;
mod progress;
mod ps;
mod pty;
mod reading;
mod report;
mod restart;
mod routes;
mod run;
mod scale;
mod screen;
mod silence;
mod table;
mod telemetry;
mod terminal;
mod top;
mod trace;
mod trust;
mod up;
mod version;
mod watch;
mod why;

use std::process::ExitCode;

use clap::FromArgMatches;

use args::{Cli, Verb};
pub(crate) use args::{SandboxArg, ServeArgs};
use failure::Failure;
pub(crate) use node::state_dir;
use out::Out;

/// What the other kinds of process do, wired by `main`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles {
    /// The node.
    pub(crate) serve: fn(ServeArgs) -> ExitCode,
    /// The data plane.
    pub(crate) proxy: fn(Vec<String>) -> ExitCode,
}

/// Reads the command line and does what it says.
pub(crate) fn run(roles: Roles) -> ExitCode {
    let matches = help::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.verb {
        Verb::Serve(args) => return (roles.serve)(args),
        Verb::Proxy { rest } => return (roles.proxy)(rest),
        _ => {}
    }
    let out = Out::new(&cli.talk);
    let done = match cli.verb {
        // Enters the replica itself, so it must not be inside a runtime.
        Verb::Exec(args) => exec::exec(&cli.project, args, &out),
        _ => block_on(perform(cli, &out)),
    };
    done.unwrap_or_else(|failure| out.fail(&failure))
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?
        .block_on(work)
}

async fn perform(cli: Cli, out: &Out) -> Result<ExitCode, Failure> {
    let project = &cli.project;
    match cli.verb {
        Verb::Up(args) => up::up(project, args, out).await,
        Verb::Down(args) => down::down(project, args, out).await,
        Verb::Ps(args) => ps::ps(project, args, out).await,
        Verb::Logs(args) => logs::logs(project, args, out).await,
        Verb::Run(args) => run::run(project, args, out).await,
        Verb::Restart(args) => restart::restart(project, args, "restart", out).await,
        Verb::Start(args) => restart::restart(project, args, "start", out).await,
        Verb::Stop(args) => restart::stop(project, args, out).await,
        Verb::Scale(args) => scale::scale(project, args, out).await,
        Verb::Top(args) => top::top(project, args, out).await,
        Verb::Metrics(args) => metrics::metrics(args, out).await,
        Verb::Trace(args) => trace::trace(args, out).await,
        Verb::Telemetry(verb) => telemetry::telemetry(verb, out).await,
        Verb::Events(args) => events::events(project, args, out).await,
        Verb::Alerts(args) => alerts::alerts(args, out).await,
        Verb::Silence(args) => silence::silence(args, out).await,
        Verb::Port(args) => port::port(project, args, out).await,
        Verb::Why(args) => why::why(project, args, out).await,
        Verb::Routes(args) => routes::routes(args, out).await,
        Verb::Cache(args) => cache::cache(args, out).await,
        Verb::Graph(args) => graph::graph(project, args, out),
        Verb::Check(args) => check::check(project, args, out),
        Verb::Config(args) => config::config(project, args, out),
        Verb::Doctor => doctor::doctor(out).await,
        Verb::Init(args) => init::init(args, out),
        Verb::Trust(args) => trust::trust(args, out),
        Verb::Completions { shell } => completions::completions(shell, out),
        Verb::Version => version::version(out).await,
        // Done before the runtime was started.
        Verb::Serve(_) | Verb::Proxy { .. } | Verb::Exec(_) => Ok(ExitCode::SUCCESS),
    }
}
