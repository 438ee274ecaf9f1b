//! What every verb has in common: data as JSON, and exit codes that a script can go by.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};
use ondol_test::{TestDir, TestNode, program, skipped, wait_until};
use serde_json::Value;

use crate::ONDOL;
use crate::app::{App, SOON};

#[test]
fn with_json_every_verb_prints_objects_one_to_a_line() -> Result<()> {
    let app = App::new("shop")?;
    let verbs: [&[&str]; 17] = [
        &["up", "--wait"],
        &["ps"],
        &["ps", "--all"],
        &["logs"],
        &["logs", "--tail", "1", "web"],
        &["events"],
        &["events", "web"],
        &["top"],
        &["port", "api"],
        &["port", "api", "80"],
        &["why", "web"],
        &["graph"],
        &["check"],
        &["config"],
        &["config", "--services"],
        &["doctor"],
        &["version"],
    ];
    for verb in verbs {
        let arguments: Vec<&str> = verb.iter().copied().chain(["--json"]).collect();
        let said = app.node.ok(&app.dir, &arguments)?;
        let lines = said.lines().with_context(|| arguments.join(" "))?;
        assert!(!lines.is_empty(), "{arguments:?}");
        assert!(
            lines.iter().all(Value::is_object),
            "{arguments:?}: {}",
            said.stdout
        );
    }
    // These have nothing to tell but how they ended.
    for verb in [
        &["restart", "web"][..],
        &["scale", "web=2"],
        &["stop", "web"],
        &["start", "web"],
        &["down"],
    ] {
        let arguments: Vec<&str> = verb.iter().copied().chain(["--json"]).collect();
        let said = app.node.ok(&app.dir, &arguments)?;
        assert_eq!(said.stdout, "", "{arguments:?}");
    }
    // So is what went wrong, on the other stream.
    let refused = app.run(["why", "nobody", "--json"])?;
    let last = refused.stderr.lines().last().context("nothing was said")?;
    let error: Value = serde_json::from_str(last)?;
    assert_eq!(error["error"]["exit"], 1, "{error}");
    assert!(
        error["error"]["message"].is_string() && error["error"]["hint"].is_string(),
        "{error}"
    );
    app.node.stop()
}

#[test]
fn exit_codes_say_what_became_of_it() -> Result<()> {
    let app = App::new("shop")?;
    assert_eq!(
        app.run(["up", "--wait", "--wait-timeout", "60"])?.code,
        Some(0),
        "done"
    );
    assert_eq!(app.run(["why", "nobody"])?.code, Some(1), "an error");
    assert_eq!(
        app.run(["no-such-verb"])?.code,
        Some(2),
        "not a command line"
    );
    assert_eq!(
        app.run(["up", "--no-such-flag"])?.code,
        Some(2),
        "not a command line"
    );
    assert_eq!(
        app.run(["up", "no-such-service"])?.code,
        Some(2),
        "not in the file"
    );
    assert_eq!(
        app.run(["run", "web", "sh", "-c", "exit 77"])?.code,
        Some(77),
        "its own"
    );
    assert_eq!(
        app.run(["exec", "web", "sh", "-c", "kill -KILL $$"])?.code,
        Some(137),
        "128 + 9"
    );

    fs::write(app.dir.join("broken.yaml"), "services: [")?;
    assert_eq!(
        app.run(["-f", "broken.yaml", "check"])?.code,
        Some(2),
        "an invalid file"
    );

    app.edit(
        "compose.yaml",
        "depends_on: [api]",
        "depends_on: [api]\n    deploy: { update_config: { failure_action: rollback } }",
    )?;
    app.up()?;
    app.edit(
        "compose.yaml",
        "environment: { NAME: web,",
        "command: [sh, -c, 'exit 5']\n    environment: { NAME: web,",
    )?;
    let back = app.run(["up", "--wait", "--wait-timeout", "60"])?;
    assert_eq!(back.code, Some(3), "rolled back: {}", back.stderr);
    assert_eq!(
        app.ask("/")?["service"],
        "web",
        "the one before still serves"
    );

    app.edit("compose.yaml", "exit 5", "sleep 600")?;
    let late = app.run(["up", "--wait", "--wait-timeout", "2"])?;
    assert_eq!(late.code, Some(4), "too late: {}", late.stderr);
    app.finish()
}

#[test]
fn followed_logs_of_some_services_are_merged_and_begin_when_asked() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let moment = app
        .ok(["logs", "--json", "web"])?
        .lines()?
        .last()
        .context("no line")?["at_unix_ms"]
        .as_u64();
    let after = format!("{}", moment.context("no moment")? / 1000 + 1);
    let mut follower = app.spawn(["logs", "--follow", "--since", &after, "web", "api"])?;
    std::thread::sleep(std::time::Duration::from_millis(1100));
    app.ok(["restart", "web", "api", "db"])?;
    // Twice, so that the first replicas' names are used once more.
    app.ok(["restart", "web", "api"])?;
    app.ok(["down"])?;
    // It ends by itself when the project is gone.
    let output = follower.stdout.take().context("no output")?;
    let heard = std::io::read_to_string(output)?;
    assert!(follower.wait()?.success());
    for service in ["web", "api"] {
        for word in ["listens", "leaves"] {
            let count = heard
                .lines()
                .filter(|line| line.ends_with(&format!("| {service} {word}")))
                .count();
            assert_eq!(
                count,
                if word == "listens" { 2 } else { 3 },
                "{service} {word}: {heard}"
            );
        }
    }
    assert!(!heard.contains("db "), "{heard}");
    app.node.stop()
}

#[test]
fn completions_are_loaded_by_the_shells_they_are_for() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    for shell in ["bash", "zsh", "fish"] {
        let script = node.ok(folder.path(), ["completions", shell])?.stdout;
        assert!(
            script.contains("force-recreate") && script.contains("ondol"),
            "{shell}"
        );
        folder.write(shell, script)?;
    }
    if program("bash").is_none() {
        skipped("bash completes");
        return node.stop();
    }
    // As the shell does it when somebody types `ondol re<TAB>` and `ondol up --wai<TAB>`.
    let ask = r#"
        source "$1"
        complete -p ondol > /dev/null || exit 9
        of=$(complete -p ondol | sed 's/.*-F \([^ ]*\).*/\1/')
        COMP_WORDS=(ondol re) COMP_CWORD=1; $of ondol re ondol; echo "${COMPREPLY[@]}"
        COMP_WORDS=(ondol up --wai) COMP_CWORD=2; $of ondol --wai up; echo "${COMPREPLY[@]}"
    "#;
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", ask, "bash"])
        .arg(folder.path().join("bash"))
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    assert_eq!(
        said,
        "restart\n--wait --wait-timeout\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    node.stop()
}

#[test]
fn init_writes_a_file_for_each_language_that_check_finds_good() -> Result<()> {
    let languages: [(&str, &str, &[&str]); 7] = [
        (
            "package.json",
            r#"{"name": "web", "scripts": {"start": "node server.js"}}"#,
            &["npm"],
        ),
        (
            "Cargo.toml",
            "[package]\nname = \"web\"\nversion = \"0.1.0\"\n",
            &["cargo"],
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"web\"\ndependencies = [\"flask\"]\n",
            &["python", "flask", "pip"],
        ),
        ("requirements.txt", "flask\n", &["flask", "pip"]),
        ("go.mod", "module example.com/web\n", &["go "]),
        ("pom.xml", "<project/>", &["mvn", "java"]),
        (
            "Dockerfile",
            "FROM scratch\nEXPOSE 9000\nCMD [\"/web\"]\n",
            &["build"],
        ),
    ];
    let node = TestNode::absent(ONDOL)?;
    for (file, text, words) in languages {
        let folder = TestDir::new()?;
        folder.write(file, text)?;
        folder.write("app.py", "")?;
        node.ok(folder.path(), ["init"])?;
        let written = fs::read_to_string(folder.path().join("compose.yaml"))?;
        assert!(
            words.iter().any(|word| written.contains(word)),
            "{file}: {written}"
        );
        node.ok(folder.path(), ["check"])
            .with_context(|| written.clone())?;
        let again = node.run(folder.path(), ["init"])?;
        assert_eq!(
            again.code,
            Some(1),
            "{file}: one that is there is not replaced: {}",
            again.stderr
        );
        node.ok(folder.path(), ["init", "--force"])?;
        assert_eq!(
            fs::read_to_string(folder.path().join("compose.yaml"))?,
            written,
            "{file}"
        );
    }
    node.stop()
}

#[test]
fn events_are_told_as_they_come() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let mut follower = app.spawn(["events", "--follow", "--json", "web"])?;
    app.ok(["restart", "web"])?;
    let output = std::io::BufReader::new(follower.stdout.take().context("no output")?);
    let mut kinds = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .filter_map(|line| {
            let event: Value = serde_json::from_str(&line).ok()?;
            (event["service"] == "web").then(|| event["kind"].as_str().map(str::to_owned))?
        });
    assert!(kinds.any(|kind| kind == "replaced"));
    follower.kill()?;
    follower.wait()?;
    wait_until("the node to be there still", SOON, || app.run(["ps"]).ok())?;
    app.finish()
}
