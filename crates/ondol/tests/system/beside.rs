//! Programs that a person runs beside the replicas: `exec` and `run`, with and without a terminal.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::{Finished, program, skipped, wait_until};

use crate::app::{App, SOON, has_own_network};
use crate::process;

/// Runs a command at a terminal of its own, types, and hands on what was shown and how it ended.
const AT_TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
typed, command = sys.argv[1], sys.argv[2:]
child, end = pty.fork()
if child == 0:
    os.execvp(command[0], command)
fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
os.write(end, typed.encode())
while True:
    try:
        shown = os.read(end, 4096)
    except OSError:
        break
    if not shown:
        break
    os.write(1, shown)
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"#;

fn at_terminal<const N: usize>(app: &App, typed: &str, arguments: [&str; N]) -> Result<Finished> {
    let ondol = app.node.command(arguments);
    let mut command = std::process::Command::new("python3");
    command
        .args(["-c", AT_TERMINAL, typed])
        .arg(ondol.get_program())
        .args(ondol.get_args());
    for (name, value) in ondol.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command
        .env("TERM", "xterm")
        .current_dir(&app.dir)
        .stdin(Stdio::null())
        .output()?;
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

fn has_python() -> bool {
    let there = program("python3").is_some();
    if !there {
        skipped("python3 makes the terminal");
    }
    there
}

#[test]
fn at_a_terminal_a_program_has_one_of_its_own() -> Result<()> {
    if !has_python() {
        return Ok(());
    }
    let app = App::new("shop")?;
    app.up()?;
    let look = "tty; stty size; echo $TERM; read line; echo got $line; exit 9";
    for verb in ["exec", "run"] {
        let seen = at_terminal(&app, "hello\r", [verb, "web", "sh", "-c", look])?;
        let all = format!("{}{}", seen.stdout, seen.stderr);
        assert_eq!(seen.code, Some(9), "{verb}: {all}");
        assert!(all.contains("/dev/pts/"), "{verb}: {all}");
        assert!(all.contains("33 77"), "{verb}: {all}");
        assert!(
            all.contains("xterm") && all.contains("got hello"),
            "{verb}: {all}"
        );
        let without = at_terminal(
            &app,
            "",
            [
                verb,
                "-T",
                "web",
                "sh",
                "-c",
                "tty -s < /dev/null || test ! -t 9; echo no; exit 4",
            ],
        )?;
        assert_eq!(without.code, Some(4), "{verb}: {}", without.stdout);
    }
    app.finish()
}

#[test]
fn ctrl_c_at_a_terminal_is_for_the_program() -> Result<()> {
    if !has_python() {
        return Ok(());
    }
    let app = App::new("shop")?;
    app.up()?;
    let wait = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done";
    for verb in ["exec", "run"] {
        // Typed at once: the terminal keeps it until the program has it.
        let seen = at_terminal(
            &app,
            "",
            [
                verb,
                "web",
                "sh",
                "-c",
                &format!("(sleep 1; kill -INT $$) & {wait}"),
            ],
        )?;
        assert_eq!(seen.code, Some(7), "{verb}: {}", seen.stdout);
        assert!(seen.stdout.contains("caught"), "{verb}: {}", seen.stdout);
    }
    app.finish()
}

#[test]
fn without_a_terminal_a_run_has_the_streams_as_they_are() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    for verb in ["exec", "run"] {
        let mut command = app.node.command([
            verb,
            "web",
            "sh",
            "-c",
            "cat; echo to the other >&2; exit 3",
        ]);
        command
            .current_dir(&app.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let mut input = child.stdin.take().context("no input")?;
        let sent = bytes.clone();
        let typing = std::thread::spawn(move || std::io::Write::write_all(&mut input, &sent));
        let output = child.wait_with_output()?;
        typing
            .join()
            .map_err(|_| anyhow::anyhow!("typing panicked"))??;
        assert_eq!(output.status.code(), Some(3), "{verb}");
        assert!(
            output.stdout == bytes,
            "{verb}: {} bytes came back",
            output.stdout.len()
        );
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(errors, "to the other\n", "{verb}");
    }
    app.finish()
}

#[test]
fn a_run_changes_what_is_typed_and_nothing_else() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let said = app.run([
        "run",
        "--rm",
        "-e",
        "NAME=other",
        "-e",
        "TEST_MARK",
        "-w",
        "/usr",
        "-v",
        "./server.py:/tmp/copy.py:ro",
        "--entrypoint",
        "sh -c",
        "web",
        "echo $NAME; pwd; wc -l < /tmp/copy.py; ls /journal",
    ])?;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let lines = std::fs::read_to_string(app.dir.join("server.py"))?
        .lines()
        .count();
    if has_own_network() {
        assert_eq!(said.stdout, format!("other\n/usr\n{lines}\nall\n"));
    }
    if process::is_root() && has_own_network() {
        let user = app.ok(["run", "--rm", "-u", "nobody", "web", "id", "-un"])?;
        assert_eq!(user.stdout, "nobody\n");
    }
    let refused = app.run(["run", "-v", "no-such-volume:/data", "web", "true"])?;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("no volume `no-such-volume`"),
        "{}",
        refused.stderr
    );
    let missing = app.run(["run", "--rm", "web", "no-such-program"])?;
    assert_eq!(missing.code, Some(126), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("no-such-program"),
        "{}",
        missing.stderr
    );
    let refused = app.run(["run", "--service-ports", "web"])?;
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("ports belong to the replicas"),
        "{}",
        refused.stderr
    );
    app.finish()
}

#[test]
fn a_detached_run_is_named_goes_on_and_is_forgotten_when_asked() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let name = app
        .ok(["run", "-d", "web", "sh", "-c", "echo from afar; exit 6"])?
        .stdout;
    let name = name.trim();
    app.wait_for(name, "ends", |run| run["phase"] == "ended")?;
    let logs = app.ok(["logs", "--no-log-prefix", name])?.stdout;
    assert_eq!(logs, "from afar\n");
    let fleeting = app.ok(["run", "-d", "--rm", "web", "true"])?.stdout;
    wait_until("the run to be forgotten", SOON, || {
        (!app.replicas().ok()?.contains_key(fleeting.trim())).then_some(())
    })?;
    app.finish()
}

#[test]
fn a_detached_program_outlives_the_command_and_ends_with_its_replica() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    app.ok([
        "exec",
        "-d",
        "web",
        "sh",
        "-c",
        "echo $$ > /journal/pid; exec sleep 9.87654",
    ])?;
    let sleeper = wait_until("the program", SOON, || {
        process::with_word("9.87654").pop_first()
    })?;
    std::thread::sleep(Duration::from_millis(300));
    assert!(process::runs(sleeper));
    app.ok(["down"])?;
    assert!(!process::runs(sleeper));
    app.finish()
}

#[test]
fn a_run_brings_up_its_project_and_what_the_service_depends_on_and_no_more() -> Result<()> {
    let app = App::new("shop")?;
    let said = app.run(["run", "api", "sh", "-c", "echo ran"])?;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "ran\n"),
        "{}",
        said.stderr
    );
    let pids = app.pids()?;
    let running: Vec<_> = pids.keys().map(String::as_str).collect();
    assert_eq!(running, ["db-1"]);
    app.ok(["down"])?;

    let alone = app.run(["run", "--rm", "--no-deps", "api", "echo", "alone"])?;
    assert_eq!(
        (alone.code, alone.stdout.as_str()),
        (Some(0), "alone\n"),
        "{}",
        alone.stderr
    );
    wait_until("the project to go with its only run", SOON, || {
        (app.run(["ps"]).ok()?.code != Some(0)).then_some(())
    })?;
    app.node.stop()
}

#[test]
fn ctrl_c_without_a_terminal_ends_the_run_and_nothing_is_left() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let before = app.pids()?;
    let mut run = app.spawn([
        "run",
        "web",
        "sh",
        "-c",
        "trap 'echo bye; exit 0' TERM; echo here; while :; do sleep 0.1; done",
    ])?;
    wait_until("the run", SOON, || {
        (app.pids().ok()?.len() > before.len()).then_some(())
    })?;
    let mut output = run.stdout.take().context("no output")?;
    let mut here = [0; 5];
    std::io::Read::read_exact(&mut output, &mut here)?;
    process::signal(i32::try_from(run.id())?, "INT")?;
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut output, &mut rest)?;
    assert_eq!(run.wait()?.code(), Some(130));
    assert_eq!(rest, "bye\n");
    wait_until("nothing more to run", SOON, || {
        (app.pids().ok()? == before).then_some(())
    })?;
    app.finish()
}
