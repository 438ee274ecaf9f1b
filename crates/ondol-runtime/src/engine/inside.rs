//! Programs that run inside a replica beside its service: hooks and exec probes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ondol_model::{Hook, ProbeResult, ReplicaId, RunId};
use tokio::io::AsyncReadExt as _;

use super::Inner;
use super::plan::{self, moved};
use crate::exec::ExecTarget;
use crate::sandbox::Sandbox;

/// How much of a program's output is kept for people.
const WORDS_BYTES_MAX: u64 = 4096;

/// What is needed to enter a replica that runs.
pub(super) fn target(inner: &Inner, replica: &ReplicaId) -> Option<ExecTarget> {
    target_of(inner, replica, None).map(|(target, _)| target)
}

/// Also says which paths of its sight are really elsewhere.
fn target_of(
    inner: &Inner,
    replica: &ReplicaId,
    run: Option<RunId>,
) -> Option<(ExecTarget, Vec<(String, PathBuf)>)> {
    let (known, pids) = inner.state().replicas.running(replica, run)?;
    let target = ExecTarget {
        pid: pids.main,
        room_pid: pids.room,
        capabilities: known.task.capabilities(),
        env: known.task.env,
        workdir: known.task.main.workdir,
        user: known.task.main.user,
        privileged: false,
        single_uid: inner.config.sandbox == Sandbox::User,
        cgroup: known.task.cgroup,
    };
    Some((target, known.facts.moved_paths))
}

/// Runs a hook.
pub(super) async fn hook(
    inner: &Inner,
    replica: &ReplicaId,
    run: RunId,
    hook: Hook,
    timeout: Duration,
) -> ProbeResult {
    let Some((mut target, moved_paths)) = target_of(inner, replica, Some(run)) else {
        return not_running();
    };
    let real = |text: &String| moved::rewritten(text, &moved_paths);
    let env = hook.environment.iter();
    target
        .env
        .extend(env.map(|(name, value)| (name.clone(), real(value))));
    let own = hook.user.and_then(|user| plan::here(inner, user, &[]));
    target.user = own.or(target.user);
    target.privileged = hook.privileged;
    target.workdir = hook.working_dir.as_ref().map_or(target.workdir, real);
    let command: Vec<String> = hook.command.iter().map(real).collect();
    ask(inner, target, &command, timeout).await
}

/// Runs the program of a probe.
pub(super) async fn probe(
    inner: &Inner,
    replica: &ReplicaId,
    run: RunId,
    command: &[String],
    timeout: Duration,
) -> ProbeResult {
    let Some((target, moved_paths)) = target_of(inner, replica, Some(run)) else {
        return not_running();
    };
    let words = command.iter();
    let command: Vec<String> = words
        .map(|word| moved::rewritten(word, &moved_paths))
        .collect();
    ask(inner, target, &command, timeout).await
}

fn not_running() -> ProbeResult {
    ProbeResult {
        ok: false,
        saw: "the replica does not run".to_owned(),
    }
}

/// Starts `<ondol> enter`, because entering namespaces takes a process without threads.
async fn ask(inner: &Inner, target: ExecTarget, argv: &[String], timeout: Duration) -> ProbeResult {
    let failed = |saw: String| ProbeResult { ok: false, saw };
    let order = match serde_json::to_string(&(&target, argv)) {
        Ok(order) => order,
        Err(error) => return failed(error.to_string()),
    };
    let mut command = tokio::process::Command::new(&inner.config.ondol);
    command
        .arg("enter")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return failed(format!("{}: {error}", inner.config.ondol.display())),
    };
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let work = async {
        if let Some(mut stdin) = stdin {
            use tokio::io::AsyncWriteExt as _;
            let _ = stdin.write_all(order.as_bytes()).await;
        }
        let mut words = Vec::new();
        if let Some(stdout) = stdout {
            let _ = stdout.take(WORDS_BYTES_MAX).read_to_end(&mut words).await;
        }
        (child.wait().await, words)
    };
    match tokio::time::timeout(timeout, work).await {
        Ok((Ok(status), words)) => result(status, &words),
        Ok((Err(error), _)) => failed(error.to_string()),
        Err(_) => failed(format!("no answer within {timeout:?}")),
    }
}

fn result(status: std::process::ExitStatus, words: &[u8]) -> ProbeResult {
    use std::os::unix::process::ExitStatusExt as _;
    let words = String::from_utf8_lossy(words);
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("ended by signal {}", signal.unwrap_or(0)),
    };
    ProbeResult {
        ok: status.success(),
        saw: match last {
            Some(last) => format!(
                "{how}: {}",
                last.trim().chars().take(300).collect::<String>()
            ),
            None => how,
        },
    }
}
