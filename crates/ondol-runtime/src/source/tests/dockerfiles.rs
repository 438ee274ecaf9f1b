use super::*;

/// What a command of the prepared service says.
fn run(place: &Place, launch: &Launch, argv: &[&str]) -> String {
    let upper = place.dir.join("upper");
    fs::create_dir_all(&upper).unwrap();
    Running::eventually(launch, argv, &upper)
}

#[test]
fn dependencies_are_installed_once_and_again_only_when_their_files_change() {
    if !can_unshare() {
        return;
    }
    let place = Place::new("again");
    place.write("Dockerfile", "FROM debian\nWORKDIR /app\nCOPY deps.txt ./\nRUN cp deps.txt installed && date +%N > /opt/when\n\
                               COPY src ./src\nRUN cat src/a > built\nCMD [\"cat\", \"built\"]\n");
    place.write("deps.txt", "one");
    place.write("src/a", "1");
    let service = place.built();
    let (first, said) = place.prepare(&service).unwrap();
    assert_eq!(
        said.iter()
            .filter(|line| line.starts_with("Dockerfile:"))
            .count(),
        2,
        "{said:?}"
    );
    assert_eq!(run(&place, &first, &["cat", "/app/built"]), "1");
    assert!(
        !Path::new("/opt/when").exists(),
        "nothing is written on the machine"
    );
    let when = run(&place, &first, &["cat", "/opt/when"]);

    let (_, said) = place.prepare(&service).unwrap();
    assert!(said.is_empty(), "nothing changed: {said:?}");

    place.write("src/a", "2");
    let (second, said) = place.prepare(&service).unwrap();
    assert!(
        said.iter().all(|line| line.starts_with("Dockerfile:6")),
        "{said:?}"
    );
    assert_eq!(run(&place, &second, &["cat", "/app/built"]), "2");
    assert_eq!(
        run(&place, &second, &["cat", "/opt/when"]),
        when,
        "dependencies were kept"
    );

    place.write("deps.txt", "two");
    let (third, _) = place.prepare(&service).unwrap();
    assert_eq!(run(&place, &third, &["cat", "/app/installed"]), "two");
    assert_ne!(run(&place, &third, &["cat", "/opt/when"]), when);
    let layers = fs::read_dir(place.dir.join("prepared")).unwrap().flatten();
    let kept = layers
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .count();
    assert_eq!(
        kept,
        third.layers.lower.len(),
        "layers that nobody uses are removed"
    );
}

#[test]
fn a_failed_line_says_its_command_its_place_and_its_last_words() {
    if !can_unshare() {
        return;
    }
    let place = Place::new("failed");
    place.write(
        "Dockerfile",
        "FROM debian\nRUN echo before && \\\n  seq 30 && exit 3\nCMD true\n",
    );
    let error = place.prepare(&place.built()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Prepare);
    let text = error.to_string();
    assert!(
        text.contains("Dockerfile:2: `echo before && seq 30 && exit 3` failed: exit 3"),
        "{text}"
    );
    assert!(
        text.contains("| 30\n") && text.contains("| 11\n") && !text.contains("| 10\n"),
        "{text}"
    );
}

#[test]
fn files_are_copied_from_stage_to_stage() {
    if !can_unshare() {
        return;
    }
    let place = Place::new("stages");
    place.write("Dockerfile", "FROM debian AS build\nWORKDIR /src\nCOPY . .\nRUN mkdir -p dist/sub && tr a-z A-Z <a.txt >dist/sub/b && ln -s sub/b dist/l\n\
        FROM scratch\nRUN useradd -u 4321 web\nCOPY --from=build --chown=web /src/dist /srv/www\nCOPY --from=build /src/*.txt /srv/\n\
        COPY --from=build /etc/debian_version /srv/version\nUSER web\nCMD [\"cat\", \"/srv/www/l\"]\n");
    place.write("a.txt", "hello");
    let (launch, _) = place.prepare(&place.built()).unwrap();
    assert_eq!(launch.user.as_deref(), Some("web"));
    assert_eq!(
        run(&place, &launch, &["cat", "/srv/www/l", "/srv/a.txt"]),
        "HELLOhello"
    );
    assert_eq!(
        run(&place, &launch, &["stat", "-c%u", "/srv/www/sub/b"]),
        "4321\n"
    );
    assert!(!run(&place, &launch, &["cat", "/srv/version"]).is_empty());
}

#[test]
fn own_prepare_commands_replace_run_lines_and_sources_are_shown_as_they_are() {
    if !can_unshare() {
        return;
    }
    let place = Place::new("own");
    place.write(
        "Dockerfile",
        "FROM debian\nWORKDIR /app\nCOPY . .\nRUN false\nCMD [\"cat\", \"made\"]\n",
    );
    let mut service = place.built();
    service.prepare = Some(words(&["echo mine > made"]));
    let (launch, _) = place.prepare(&service).unwrap();
    assert_eq!(run(&place, &launch, &["cat", "made"]), "mine\n");

    service.runtime = RuntimeKind::Process;
    service.command = Some(words(&["cat", "made"]));
    let (launch, _) = place.prepare(&service).unwrap();
    let context = launch.context.unwrap();
    assert_eq!(
        (context.host, context.target.as_str()),
        (place.dir.join("app"), "/app")
    );
    let made = fs::read_to_string(context.lowers[0].join("made")).unwrap();
    assert_eq!(made, "mine\n");
}

#[test]
fn a_node_service_installs_its_packages() {
    if !can_unshare() || Command::new("npm").arg("--version").output().is_err() {
        return;
    }
    let place = Place::new("node");
    place.write("Dockerfile", "FROM node:20-alpine\nWORKDIR /usr/src/app\nCOPY package*.json ./\nRUN npm install --omit=dev\nCOPY . .\n\
        EXPOSE 80\nUSER node\nHEALTHCHECK CMD wget -q localhost || exit 1\nCMD [\"node\", \"-p\", \"require('dep')\"]\n");
    place.write(
        "package.json",
        r#"{"name":"a","version":"1.0.0","dependencies":{"dep":"file:./vendored"}}"#,
    );
    place.write("package-lock.json", "{}");
    place.write(".dockerignore", "node_modules\n");
    place.write(
        "node_modules/dep/index.js",
        "module.exports = 'the developer\\'s own'",
    );
    place.write(
        "vendored/package.json",
        r#"{"name":"dep","version":"1.0.0"}"#,
    );
    place.write("vendored/index.js", "module.exports = 'installed'");
    let (launch, said) = place.prepare(&place.built()).unwrap();
    assert!(
        said.iter()
            .any(|line| line.starts_with("Dockerfile:4 npm install")),
        "{said:?}"
    );
    assert_eq!(
        (launch.ports.as_slice(), launch.user.as_deref()),
        ([80].as_slice(), Some("node"))
    );
    assert!(
        launch.runs.starts_with("node -p require('dep') (node "),
        "{}",
        launch.runs
    );
    assert!(launch.ready.is_some());
    let argv: Vec<&str> = launch.argv.iter().map(String::as_str).collect();
    assert_eq!(run(&place, &launch, &argv), "installed\n");
}

#[test]
fn a_python_service_has_python_and_pip_by_those_names() {
    if !can_unshare() {
        return;
    }
    let place = Place::new("python");
    place.write("Dockerfile", "FROM python:3.11-slim\nWORKDIR /code\nCOPY pkg pkg\nRUN pip install --no-index --no-build-isolation ./pkg\n\
        ENTRYPOINT [\"python\"]\nCMD [\"-c\", \"import greet; print(greet.word)\"]\n");
    place.write(
        "pkg/setup.py",
        "from setuptools import setup\nsetup(name='greet', version='1', py_modules=['greet'])\n",
    );
    place.write("pkg/greet.py", "word = 'hello'\n");
    let (launch, _) = match place.prepare(&place.built()) {
        Ok(prepared) => prepared,
        Err(error)
            if error.what.contains("setuptools") || error.kind == SourceErrorKind::Package =>
        {
            return skip(&error.what);
        }
        Err(error) => panic!("{error}"),
    };
    let argv: Vec<&str> = launch.argv.iter().map(String::as_str).collect();
    assert_eq!(run(&place, &launch, &argv), "hello\n");
}
