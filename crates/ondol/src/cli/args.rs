//! What may be typed. Compose's names and flags, wherever Compose has one.

mod alerts;
mod telemetry;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::alerts::{AlertsArgs, AlertsVerb, SilenceArgs, SilenceVerb};
pub(crate) use self::telemetry::{
    MetricsArgs, TelemetryArgs, TelemetryExportArgs, TelemetryVerb, TraceArgs,
};

/// Run the services of a Compose file, and keep them running
#[derive(Debug, Parser)]
#[command(
    name = "ondol",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Which project.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which project (before the command)")]
pub(crate) struct ProjectArgs {
    /// Compose file, or its folder; several are merged (or COMPOSE_FILE)
    #[arg(
        short = 'f',
        long = "file",
        value_name = "FILE",
        env = "COMPOSE_FILE",
        hide_env = true,
        value_delimiter = ':'
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the project (or COMPOSE_PROJECT_NAME)
    #[arg(
        short = 'p',
        long,
        value_name = "NAME",
        env = "COMPOSE_PROJECT_NAME",
        hide_env = true
    )]
    pub(crate) project_name: Option<String>,
    /// Turn on the services of a profile
    #[arg(long = "profile", value_name = "NAME")]
    pub(crate) profiles: Vec<String>,
    /// File with variables, instead of `.env`
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) env_files: Vec<PathBuf>,
    /// Folder that the paths in the file start from
    #[arg(long, value_name = "DIR")]
    pub(crate) project_directory: Option<PathBuf>,
}

/// How to talk.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct TalkArgs {
    /// Data as JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No colours (so does the variable NO_COLOR)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// How progress is shown: auto, tty, plain or quiet
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "HOW",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) progress: Progress,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    // Redrawn on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    // Redrawn.
    Tty,
    // One line per change.
    Plain,
    // None.
    Quiet,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a project, or bring what runs to what its file says now
    Up(UpArgs),
    /// Stop a project and remove what was made for it
    Down(DownArgs),
    /// List replicas
    Ps(PsArgs),
    /// Show what services write
    Logs(LogsArgs),
    /// Run a program inside a replica
    Exec(ExecArgs),
    /// Run a service once, mostly with another command
    Run(RunArgs),
    /// Replace every replica by a new start of it
    Restart(ServicesArgs),
    /// Start services that were stopped
    Start(ServicesArgs),
    /// Stop services until they are started again
    Stop(StopArgs),
    /// Keep another number of replicas
    Scale(ScaleArgs),
    /// Show what replicas take
    Top(TopArgs),
    /// Show metrics: a query of PromQL, as a chart
    Metrics(MetricsArgs),
    /// Show what became of requests: the newest traces, or one of them with its log lines
    Trace(TraceArgs),
    /// Look after what is kept of metrics, logs and traces
    #[command(subcommand)]
    Telemetry(TelemetryVerb),
    /// Show what was decided, and why
    Events(EventsArgs),
    /// Show what fires, or say why
    Alerts(AlertsArgs),
    /// Keep alerts from being told for a while
    Silence(SilenceArgs),
    /// Show where a port of a service is published
    Port(PortArgs),
    /// Say why a service is as it is
    Why(WhyArgs),
    /// Show the routes of the edge, or say which of them gets a request and why
    Routes(RoutesArgs),
    /// Show what is kept of answers, or forget some of them
    Cache(CacheArgs),
    /// Show what depends on what
    Graph(GraphArgs),
    /// Say what is wrong with a file, and what becomes of each key in it
    Check(CheckArgs),
    /// Print the file with everything resolved
    Config(ConfigArgs),
    /// Say what this machine lets Ondol do, and what not
    Doctor,
    /// Write a compose.yaml for what is found in a folder
    Init(InitArgs),
    /// Make this machine believe the certificates of its development authority
    Trust(TrustArgs),
    /// Print completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(hide_possible_values = true)]
        shell: clap_complete::Shell,
    },
    /// Print the versions of this program and of the node
    Version,
    /// Be the node that runs services
    Serve(ServeArgs),
    /// Be the data plane
    #[command(hide = true)]
    Proxy {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// Services to start, with what they depend on; or the folder or file of the project
    #[arg(value_name = "PATH|SERVICE")]
    pub(crate) what: Vec<String>,
    /// Return once everything runs, and leave it running
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Follow the files of `develop.watch`
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Return once everything is ready; implies --detach
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up waiting after so many seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub(crate) wait_timeout: Option<u64>,
    /// Replace every replica, also where nothing changed
    #[arg(long)]
    pub(crate) force_recreate: bool,
    /// Prepare services with `build:` again
    #[arg(long)]
    pub(crate) build: bool,
    /// Number of replicas, instead of the file's
    #[arg(long, value_name = "SERVICE=N", value_parser = count_of)]
    pub(crate) scale: Vec<(String, u32)>,
}

#[derive(Args, Debug)]
pub(crate) struct DownArgs {
    /// Remove its named and anonymous volumes too
    #[arg(short, long)]
    pub(crate) volumes: bool,
    /// End what still runs after so many seconds
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct PsArgs {
    /// Only of these services
    pub(crate) services: Vec<String>,
    /// Those that have ended too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Names only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// Only of these services, or replicas (web-2)
    pub(crate) services: Vec<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only from this moment on: 10m, 2h, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = super::clock::since)]
    pub(crate) since: Option<Since>,
    /// Only before this moment
    #[arg(long, value_name = "WHEN", value_parser = super::clock::since)]
    pub(crate) until: Option<Since>,
    /// Only the last so many lines of each replica, or `all`
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all", value_parser = tail)]
    pub(crate) tail: Tail,
    /// Only lines in which this regular expression is found; more than once, all of them
    #[arg(long, value_name = "PATTERN")]
    pub(crate) grep: Vec<String>,
    /// Only lines of this level or a graver one: trace, debug, info, warn, error, fatal
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Only what LogQL finds: stages, or a whole query with its selector
    #[arg(long, value_name = "LOGQL")]
    pub(crate) query: Option<String>,
    /// Show when each line was written
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// Without the replica's name before each line
    #[arg(long)]
    pub(crate) no_log_prefix: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExecArgs {
    /// No terminal, though this is one
    #[arg(short = 'T', long = "no-tty")]
    pub(crate) no_tty: bool,
    /// As this user
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Set a variable; a name alone takes yours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Which replica, by number; the first that runs when left out
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,
    /// Let it go on by itself, without input and output
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// With the capabilities that services give up
    #[arg(long)]
    pub(crate) privileged: bool,
    /// The service
    pub(crate) service: String,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Forget it once it ended, with what it left
    #[arg(long)]
    pub(crate) rm: bool,
    /// Print its name and leave it running; its output is in the logs
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// No terminal, though this is one
    #[arg(short = 'T', long = "no-tty")]
    pub(crate) no_tty: bool,
    /// Set a variable; a name alone takes yours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Mount a folder, a file or a volume of the project
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]")]
    pub(crate) volume: Vec<String>,
    /// As this user
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Program before the arguments, instead of the service's
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Neither start nor wait for what it depends on
    #[arg(long)]
    pub(crate) no_deps: bool,
    // Compose's; each is refused with what to do instead.
    #[arg(long, hide = true)]
    pub(crate) service_ports: bool,
    #[arg(short, long, hide = true)]
    pub(crate) publish: Vec<String>,
    #[arg(long, hide = true)]
    pub(crate) name: Option<String>,
    /// The service
    pub(crate) service: String,
    /// Program and arguments instead of the service's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ServicesArgs {
    /// The services; all when left out
    pub(crate) services: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct StopArgs {
    /// The services; all when left out
    pub(crate) services: Vec<String>,
    /// End what still runs after so many seconds
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct ScaleArgs {
    /// Services and how many of each; `auto` is what the file says, or the load where that decides
    #[arg(required_unless_present = "explain", value_name = "SERVICE=N", value_parser = scale_of)]
    pub(crate) counts: Vec<(String, Option<u32>)>,
    /// What decides how many there are
    #[arg(long, value_name = "SERVICE", conflicts_with = "counts")]
    pub(crate) explain: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Once, though this is a terminal
    #[arg(long)]
    pub(crate) no_stream: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// Only of this service
    pub(crate) service: Option<String>,
    /// Go on with what is decided from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only from this moment on: 10m, 2h, 2026-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = super::clock::since)]
    pub(crate) since: Option<Since>,
}

#[derive(Args, Debug)]
pub(crate) struct PortArgs {
    /// The service
    pub(crate) service: String,
    /// Its port; all of them when left out
    pub(crate) port: Option<u16>,
    /// tcp or udp
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp"], hide_possible_values = true)]
    pub(crate) protocol: String,
}

#[derive(Args, Debug)]
pub(crate) struct RoutesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<RoutesWhat>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoutesWhat {
    /// Say which route gets a request, and why each other one does not; nothing is sent
    Explain(ExplainArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// `http://shop.example:8080/api?x=1`, or `/api` at the first edge
    pub(crate) url: String,
    /// Method
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    pub(crate) request: String,
    /// `Name: value`; may be repeated
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) what: Option<CacheWhat>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheWhat {
    /// Forget answers; the next requests go to the services again
    Purge(PurgeArgs),
}

#[derive(Args, Debug)]
pub(crate) struct PurgeArgs {
    /// `http://shop.example/films?page=1`; without a query all queries, without a host all hosts
    #[arg(value_name = "URL", required_unless_present_any = ["tags", "all"])]
    pub(crate) urls: Vec<String>,
    /// Those that their service named so, in `Surrogate-Key` or `Cache-Tag`; may be repeated
    #[arg(short, long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// All, of every project
    #[arg(short, long, conflicts_with_all = ["urls", "tags"])]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// The service
    pub(crate) service: String,
}

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    /// In the language of Graphviz
    #[arg(long)]
    pub(crate) dot: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The folder or file of the project
    pub(crate) path: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Names of the services only
    #[arg(long)]
    pub(crate) services: bool,
    /// Nothing; only the exit code says whether the file is valid
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The folder
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Replace a compose.yaml that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// Leave when the last project is gone
    #[arg(long, hide = true)]
    pub(crate) ephemeral: bool,
    /// How replicas are kept apart: root, user or none; the best one when left out
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        env = "ONDOL_SANDBOX",
        hide_env = true,
        hide_possible_values = true
    )]
    pub(crate) sandbox: Option<SandboxArg>,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SandboxArg {
    // Namespaces of the machine.
    Root,
    // Namespaces inside a user namespace.
    User,
    // None: $PORT and loopback addresses.
    None,
}

/// A moment: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(pub(crate) u64);

/// How many lines; `None` is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail(pub(crate) Option<u32>);

fn tail(text: &str) -> Result<Tail, String> {
    if text == "all" {
        return Ok(Tail(None));
    }
    let lines = text
        .parse()
        .map_err(|_| "expected a number of lines, or all".to_owned())?;
    Ok(Tail(Some(lines)))
}

fn count_of(text: &str) -> Result<(String, u32), String> {
    let (service, count) = text
        .split_once('=')
        .ok_or("expected SERVICE=N, such as web=3")?;
    let count = count
        .parse()
        .map_err(|_| format!("`{count}` is not a number of replicas"))?;
    Ok((service.to_owned(), count))
}

/// The same, or `SERVICE=auto`.
fn scale_of(text: &str) -> Result<(String, Option<u32>), String> {
    match text.split_once('=') {
        Some((service, "auto")) => Ok((service.to_owned(), None)),
        _ => count_of(text).map(|(service, count)| (service, Some(count))),
    }
}

/// Seconds as typed.
pub(crate) fn seconds(typed: Option<u64>) -> Option<Duration> {
    typed.map(Duration::from_secs)
}

#[derive(Args, Debug)]
pub(crate) struct TrustArgs {
    /// Print the authority's certificate, as PEM, and change nothing
    #[arg(long, conflicts_with = "uninstall")]
    pub(crate) print: bool,
    /// Make everything forget it
    #[arg(long)]
    pub(crate) uninstall: bool,
}

#[cfg(test)]
mod tests;
