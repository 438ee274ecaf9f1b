//! The node that this user talks to, and which of its projects is meant.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ondol_api::{Client, ClientError, ProjectState};
use ondol_model::ProjectName;
use tokio::time::sleep;

use super::args::ProjectArgs;
use super::failure::Failure;
use super::load;
use super::out::Out;

/// How long a node may take until it answers: it may have to adopt what an earlier one left.
const START_MAX: Duration = Duration::from_secs(15);
const START_PAUSE: Duration = Duration::from_millis(5);
/// How much of its log is shown of a node that did not start.
const LOG_BYTES_SHOWN: u64 = 4096;

/// The folder that the node keeps everything in: `ONDOL_STATE`, `/var/lib/ondol` for root,
/// `$XDG_STATE_HOME/ondol` or `~/.local/state/ondol` for others.
pub(crate) fn state_dir() -> Result<PathBuf, Failure> {
    let named = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(dir) = named("ONDOL_STATE") {
        return std::path::absolute(dir)
            .map_err(|error| Failure::error(format!("ONDOL_STATE names no folder: {error}")));
    }
    if is_root() {
        return Ok("/var/lib/ondol".into());
    }
    let home = || named("HOME").map(|home| home.join(".local/state"));
    let state = named("XDG_STATE_HOME").or_else(home);
    state.map(|state| state.join("ondol")).ok_or_else(|| {
        Failure::error("there is no folder to keep the state in")
            .hint("set HOME, XDG_STATE_HOME or ONDOL_STATE")
    })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of one's own process is the effective user.
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// What talks to the node, whether there is one or not.
pub(crate) fn client() -> Result<Client, Failure> {
    Ok(Client::new(state_dir()?.join("ondol.sock")))
}

/// What talks to the node. Services that outlived their node get a new one, which takes charge of them again.
pub(crate) async fn in_charge(out: &Out) -> Result<Client, Failure> {
    let client = client()?;
    let orphaned = || state_dir().is_ok_and(|dir| has_replicas(&dir));
    match client.status().await {
        Err(ClientError::NoNode(_)) if orphaned() => running(out).await,
        _ => Ok(client),
    }
}

fn has_replicas(state_dir: &Path) -> bool {
    let projects = std::fs::read_dir(state_dir.join("replicas"))
        .into_iter()
        .flatten();
    let mut replicas = projects
        .flatten()
        .flat_map(|project| std::fs::read_dir(project.path()));
    replicas.any(|mut replicas| replicas.next().is_some())
}

/// What talks to the node that runs; one is started where there is none.
pub(crate) async fn running(out: &Out) -> Result<Client, Failure> {
    let client = client()?;
    match client.status().await {
        Ok(_) => return Ok(client),
        Err(ClientError::NoNode(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let dir = state_dir()?;
    let log = dir.join("node.log");
    let mut node = start(&dir, &log)?;
    let mut waited = Duration::ZERO;
    while waited < START_MAX {
        if client.status().await.is_ok() {
            return Ok(client);
        }
        // Another `up` may have been faster: then this one's node is refused, and theirs answers.
        if let Ok(Some(_)) = node.try_wait() {
            return match client.status().await {
                Ok(_) => Ok(client),
                Err(_) => Err(not_started(&log, out)),
            };
        }
        sleep(START_PAUSE).await;
        waited += START_PAUSE;
    }
    Err(not_started(&log, out))
}

/// Lets a node go that `up` started and that has nothing to do.
pub(crate) async fn leave_if_idle(client: &Client) {
    let idle = client
        .status()
        .await
        .is_ok_and(|node| node.ephemeral && node.projects == 0);
    if idle {
        // It stays when it cannot be told: no harm, the next `up` finds it.
        let _ = client.shutdown().await;
    }
}

/// Starts a node of its own session, which leaves when its last project is gone.
fn start(dir: &Path, log: &Path) -> Result<Child, Failure> {
    let refused = |what: &Path, error: std::io::Error| {
        Failure::error(format!("{}: {error}", what.display()))
            .hint("the state needs a folder that this user can write; ONDOL_STATE names another")
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| refused(dir, error))?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .map_err(|error| refused(log, error))?;
    let errors = file.try_clone().map_err(|error| refused(log, error))?;
    let program = std::env::current_exe().map_err(|error| refused(Path::new("ondol"), error))?;
    Command::new(&program)
        .args(["serve", "--ephemeral"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        // A Ctrl-C at this terminal is not for the node.
        .process_group(0)
        .spawn()
        .map_err(|error| refused(&program, error))
}

fn not_started(log: &Path, out: &Out) -> Failure {
    let said = end_of(log).unwrap_or_default();
    if !said.trim().is_empty() {
        out.say(said.trim_end());
    }
    Failure::error("the node did not start").hint(format!(
        "its log is {}; `ondol doctor` looks at the machine",
        log.display()
    ))
}

fn end_of(log: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_SHOWN)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_SHOWN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The name of the project that is meant: the one that is named, the one whose file is here, or the only one there is.
pub(crate) async fn name(
    args: &ProjectArgs,
    client: &Client,
    out: &Out,
) -> Result<ProjectName, Failure> {
    if let (Some(name), true) = (&args.project_name, args.files.is_empty()) {
        return name.parse().map_err(|error: ondol_model::NameError| {
            Failure::invalid(format!("--project-name: {error}"))
        });
    }
    if load::is_here(args) {
        return load::name(args, out);
    }
    let mut projects = client.projects().await?;
    match projects.len() {
        1 => Ok(projects.remove(0).name),
        0 => Err(
            Failure::error("no project runs, and there is no Compose file here")
                .hint("`ondol up FOLDER` starts one; `ondol init` writes a Compose file"),
        ),
        _ => {
            let names: Vec<_> = projects
                .iter()
                .map(|project| project.name.as_str())
                .collect();
            Err(
                Failure::error("there is no Compose file here, and more than one project runs")
                    .hint(format!("name one with -p: {}", names.join(", "))),
            )
        }
    }
}

/// The project that is meant, which must be there.
pub(crate) async fn project(
    args: &ProjectArgs,
    client: &Client,
    out: &Out,
) -> Result<ProjectState, Failure> {
    let name = name(args, client, out).await?;
    let found = client.project(&name).await?;
    found.ok_or_else(|| {
        Failure::error(format!("project `{name}` does not run")).hint("`ondol up` starts it")
    })
}

/// Names of services as typed, each of which must be one of `project`'s.
pub(crate) fn services(
    project: &ProjectState,
    names: &[String],
) -> Result<Vec<ondol_model::ServiceName>, Failure> {
    names
        .iter()
        .map(|name| service(project, name).map(|service| service.name.clone()))
        .collect()
}

/// The service of that name.
pub(crate) fn service<'a>(
    project: &'a ProjectState,
    name: &str,
) -> Result<&'a ondol_api::ServiceState, Failure> {
    project.service(name).ok_or_else(|| {
        let known: Vec<_> = project
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        Failure::error(format!(
            "project `{}` has no service `{name}`",
            project.name
        ))
        .hint(format!("services: {}", known.join(", ")))
    })
}
