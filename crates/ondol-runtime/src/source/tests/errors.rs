use super::*;

fn error(place: &Place, service: &Service) -> SourceError {
    place
        .prepare(service)
        .map(|(launch, _)| launch)
        .unwrap_err()
}

#[test]
fn a_service_that_says_nothing_to_run_is_told_what_to_add() {
    let place = Place::new("nothing");
    let mut service = service();
    assert_eq!(error(&place, &service).kind, SourceErrorKind::NothingToRun);
    service.image = Some("acme/web:3".into());
    let unknown = error(&place, &service);
    assert_eq!(unknown.kind, SourceErrorKind::UnknownImage);
    assert!(
        unknown.what.contains("acme/web:3") && unknown.help.contains("command:"),
        "{unknown}"
    );
    service.image = Some("debian".into());
    assert_eq!(error(&place, &service).kind, SourceErrorKind::NothingToRun);
    service.runtime = RuntimeKind::Container;
    assert!(error(&place, &service).what.contains("container engine"));
}

#[test]
fn a_missing_program_or_dockerfile_is_named() {
    let place = Place::new("missing");
    let mut service = service();
    service.command = Some(words(&["no-such-program", "x"]));
    assert!(error(&place, &service).what.contains("`no-such-program`"));
    let built = place.built();
    assert!(
        error(&place, &built)
            .what
            .contains("Dockerfile does not exist")
    );
}

#[test]
fn every_line_that_cannot_be_followed_is_named_with_its_place() {
    let place = Place::new("lines");
    place.write(
        "Dockerfile",
        "FROM debian\nCOPY --from=nginx /x /y\nADD http://x/y /z\nCMD true\n",
    );
    let all = error(&place, &place.built()).to_string();
    assert!(
        all.contains("Dockerfile:2: COPY --from=nginx") && all.contains("Dockerfile:3: ADD http"),
        "{all}"
    );
    place.write("Dockerfile", "FROM debian\n\nCOPY nothere /x\nCMD true\n");
    assert!(
        error(&place, &place.built())
            .to_string()
            .contains("Dockerfile:3: `nothere` matches no file")
    );
    place.write("Dockerfile", "FROM debian\nRUN apk add nosuch\nCMD true\n");
    assert!(
        error(&place, &place.built())
            .to_string()
            .contains("Dockerfile:2: this line cannot be followed")
    );
    place.write("Dockerfile", "FROM acme/base\nCMD true\n");
    assert!(
        error(&place, &place.built())
            .to_string()
            .contains("Dockerfile:1: there is no process for the image")
    );
}

#[test]
fn a_start_without_preparation_is_refused() {
    let place = Place::new("unprepared");
    let mut service = service();
    service.command = Some(words(&["true"]));
    assert_eq!(
        place.launch(&service).unwrap_err().kind,
        SourceErrorKind::NotPrepared
    );
    let (prepared, _) = place.prepare(&service).unwrap();
    assert_eq!(place.launch(&service).unwrap(), prepared);
}

#[test]
fn one_service_run_with_another_command_is_still_prepared() {
    let place = Place::new("once");
    place.write(
        "Dockerfile",
        "FROM debian\nWORKDIR /app\nCOPY . .\nENV A=1\nCMD [\"sleep\", \"9\"]\n",
    );
    let mut service = place.built();
    let (launch, _) = place.prepare(&service).unwrap();
    assert_eq!(launch.argv, ["sleep", "9"]);
    service.command = Some(words(&["env"]));
    let once = place.launch(&service).unwrap();
    assert_eq!(
        (once.argv, once.layers, once.workdir.as_str()),
        (words(&["env"]), launch.layers, "/app")
    );
}
