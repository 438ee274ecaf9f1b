use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// The last stage and all findings, as text.
fn check(text: &str, expected: &Expect) {
    check_with(text, &[], None, expected);
}

fn check_with(text: &str, args: &[(&str, &str)], target: Option<&str>, expected: &Expect) {
    let args = args
        .iter()
        .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
        .collect();
    let (recipe, findings) = read(text, &args, target);
    let mut out = String::new();
    if let Some(stage) = recipe.last() {
        let _ = writeln!(out, "FROM {} ({} stages)", stage.base, recipe.stages.len());
        for step in &stage.steps {
            let _ = match &step.kind {
                StepKind::Folder(path) => writeln!(out, "{} mkdir {path}", step.line),
                StepKind::Run(run) => writeln!(
                    out,
                    "{} run {:?} in {} {:?}",
                    step.line, run.argv, run.workdir, run.env
                ),
                StepKind::Copy(copy) => {
                    let names: Vec<_> = copy
                        .sources
                        .iter()
                        .map(|source| match source {
                            CopySource::Path(path) => path.clone(),
                            CopySource::Inline { name, content } => format!("{name}={content:?}"),
                        })
                        .collect();
                    writeln!(
                        out,
                        "{} copy {:?} {} -> {} {:?} {:?}",
                        step.line,
                        copy.from,
                        names.join(" "),
                        copy.dest,
                        copy.owner,
                        copy.mode
                    )
                }
            };
        }
        let _ = writeln!(out, "env {:?}", stage.env);
        let _ = writeln!(
            out,
            "in {:?} as {:?} ports {:?} stop {:?}",
            stage.workdir, stage.user, stage.expose, stage.stop_signal
        );
        let _ = writeln!(out, "entrypoint {:?} cmd {:?}", stage.entrypoint, stage.cmd);
    }
    for finding in findings {
        let word = if finding.fatal { "error" } else { "warning" };
        let _ = writeln!(out, "{word} {}: {}", finding.line, finding.what);
    }
    expected.assert_eq(&out);
}

#[test]
fn the_usual_pattern_of_a_language_service() {
    check(
        "FROM node:20-alpine\nWORKDIR /usr/src/app\nCOPY package*.json ./\nRUN npm ci --omit=dev\nCOPY ./src ./src\n\
         ENV NODE_ENV=production PORT=80\nEXPOSE $PORT 9229/tcp 53/udp\nUSER node\nCMD npx wait-port rabbit:5672 && npm start\n",
        &expect![[r#"
            FROM node:20-alpine (1 stages)
            2 mkdir /usr/src/app
            3 copy Context package*.json -> /usr/src/app/ None None
            4 run ["/bin/sh", "-c", "npm ci --omit=dev"] in /usr/src/app {}
            5 copy Context ./src -> /usr/src/app/src None None
            env {"NODE_ENV": "production", "PORT": "80"}
            in Some("/usr/src/app") as Some("node") ports [80, 9229] stop None
            entrypoint None cmd Some(["/bin/sh", "-c", "npx wait-port rabbit:5672 && npm start"])
        "#]],
    );
}

#[test]
fn stages_arguments_and_copies_between_them() {
    check_with(
        "ARG GO=1.22\nARG BASE=alpine\nFROM golang:${GO} AS Build\nARG VERSION=dev\nWORKDIR /src\nCOPY . .\n\
         RUN go build -ldflags \"-X v=$VERSION\" -o /out/app\nFROM ${BASE}:3 AS run\nCOPY --from=build --chown=app:app --chmod=755 /out/app /bin/\n\
         ENTRYPOINT [\"/bin/app\"]\nCMD [\"--help\"]\nSTOPSIGNAL SIGINT\nFROM run AS debug\nCMD [\"--debug\"]\n",
        &[("VERSION", "1.2"), ("GO", "1.21")],
        Some("run"),
        &expect![[r#"
            FROM alpine:3 (2 stages)
            9 copy Stage(0) /out/app -> /bin/ Some("app:app") Some(493)
            env {}
            in None as None ports [] stop Some("SIGINT")
            entrypoint Some(["/bin/app"]) cmd Some(["--help"])
        "#]],
    );
}

#[test]
fn heredocs_shells_and_exec_forms() {
    check(
        "FROM debian\nSHELL [\"/bin/bash\", \"-ec\"]\nENV A=1\nRUN <<EOF\nset -e\necho $A\nEOF\nRUN python3 <<'PY'\nprint(1)\nPY\n\
         RUN <<X\n#!/usr/bin/env python3\nprint(2)\nX\nCOPY <<one <<\"two\" /etc/app/\na=$A\none\nb=$A\ntwo\nRUN [\"npm\", \"ci\"]\nCMD exec app\n",
        &expect![[r##"
            FROM debian (1 stages)
            4 run ["/bin/bash", "-ec", "set -e\necho $A\n"] in / {"A": "1"}
            8 run ["/bin/bash", "-ec", "python3 <<'PY'\nprint(1)\nPY"] in / {"A": "1"}
            11 run ["/bin/sh", "-c", "f=$(mktemp) && printf %s \"$1\" >\"$f\" && chmod +x \"$f\" && \"$f\"; s=$?; rm -f \"$f\"; exit $s", "sh", "#!/usr/bin/env python3\nprint(2)\n"] in / {"A": "1"}
            15 copy Context one="a=1\n" two="b=$A\n" -> /etc/app/ None None
            20 run ["npm", "ci"] in / {"A": "1"}
            env {"A": "1"}
            in None as None ports [] stop None
            entrypoint None cmd Some(["/bin/bash", "-ec", "exec app"])
        "##]],
    );
}

#[test]
fn what_cannot_be_followed_is_named_with_its_line() {
    check(
        "FROM debian\nCOPY --from=nginx:alpine /etc/nginx /etc/nginx\nADD https://example.com/x.tar /x\n\
         RUN --mount=type=secret,id=x cat /run/secrets/x\nRUN --mount=type=cache,target=/root/.npm npm ci\n\
         COPY --what=1 a b\nCOPY onlyone\nFROMM x\nENV X\nEXPOSE http\nCOPY --chmod=u+x a b\nWORKDIR ${X\nRUN\n",
        &expect![[r#"
            FROM debian (1 stages)
            5 run ["/bin/sh", "-c", "npm ci"] in / {}
            11 copy Context a -> /b None None
            env {}
            in None as None ports [] stop None
            entrypoint None cmd None
            error 2: COPY --from=nginx:alpine copies out of an image
            error 3: ADD https://example.com/x.tar fetches from the network
            error 4: RUN --mount=type=secret is not followed
            error 6: COPY --what is not followed
            error 7: COPY needs a source and a destination
            error 8: `FROMM` is not a Dockerfile instruction
            error 9: ENV gives no value
            error 10: `http` is not a port
            warning 11: --chmod=u+x is not followed; the files keep their permissions
            error 12: `${` is not closed
            error 13: RUN says no command
        "#]],
    );
}

#[test]
fn an_entrypoint_drops_an_inherited_command_but_not_its_own() {
    check(
        "FROM debian AS a\nCMD [\"x\"]\nFROM a\nENTRYPOINT [\"y\"]\n",
        &expect![[r#"
        FROM debian (2 stages)
        env {}
        in None as None ports [] stop None
        entrypoint Some(["y"]) cmd None
    "#]],
    );
    check(
        "FROM debian\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\n",
        &expect![[r#"
        FROM debian (1 stages)
        env {}
        in None as None ports [] stop None
        entrypoint Some(["y"]) cmd Some(["x"])
    "#]],
    );
}

#[test]
fn onbuild_lines_are_done_by_the_stage_that_begins_with_them() {
    check(
        "FROM node AS base\nONBUILD COPY . /app\nONBUILD RUN npm ci\nFROM base\nCMD [\"node\"]\n",
        &expect![[r#"
        FROM node (2 stages)
        2 copy Context . -> /app None None
        3 run ["/bin/sh", "-c", "npm ci"] in / {}
        env {}
        in None as None ports [] stop None
        entrypoint None cmd Some(["node"])
    "#]],
    );
}

#[test]
fn files_of_the_context_are_shown_to_one_line() {
    let (recipe, findings) = read(
        "FROM node\nWORKDIR /app\nRUN --mount=type=bind,source=package.json,target=package.json \\\n    --mount=type=cache,target=/root/.npm \\\n    npm ci\n",
        &BTreeMap::new(),
        None,
    );
    assert_eq!(findings, []);
    let Some(StepKind::Run(run)) = recipe
        .last()
        .and_then(|stage| stage.steps.last())
        .map(|step| &step.kind)
    else {
        panic!("no run");
    };
    assert_eq!(
        run.binds,
        [("package.json".to_string(), "/app/package.json".to_string())]
    );
}

#[test]
fn empty_and_endless_files_are_errors() {
    for text in [
        "",
        "# only a comment",
        "RUN x",
        "FROM",
        &"FROM a\n".repeat(100),
        &"x".repeat(TEXT_BYTES_MAX + 1),
    ] {
        let (_, findings) = read(text, &BTreeMap::new(), None);
        assert!(
            findings.iter().any(|finding| finding.fatal),
            "{}",
            &text[..text.len().min(20)]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,400}") {
        read(&text, &BTreeMap::new(), None);
    }

    #[test]
    fn no_mix_of_lines_makes_the_reader_panic(
        lines in proptest::collection::vec("(FROM|ARG|ENV|COPY|ADD|RUN|ONBUILD|HEALTHCHECK|CMD|SHELL|EXPOSE|WORKDIR|LABEL) [-a-z$\\{\\}:+?<='\"\\\\\\[\\], /\n]{0,40}", 0..12),
        target in proptest::option::of("[a-c0-3]"),
    ) {
        let (recipe, _) = read(&lines.join("\n"), &BTreeMap::from([("a".into(), "b".into())]), target.as_deref());
        for stage in &recipe.stages {
            prop_assert!(stage.workdir.as_ref().is_none_or(|dir| dir.starts_with('/')));
        }
    }
}
