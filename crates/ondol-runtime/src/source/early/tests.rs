use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use ondol_compose::{MemorySource, Request, load};

use super::*;

/// A machine of a few paths; everything else is missing and could be made.
#[derive(Default)]
struct Fake {
    paths: BTreeMap<&'static str, Seen>,
    programs: BTreeSet<&'static str>,
    dockerfiles: BTreeMap<&'static str, &'static str>,
}

impl Machine for Fake {
    fn path(&self, path: &Path) -> Seen {
        let seen = path.to_str().and_then(|path| self.paths.get(path));
        seen.cloned().unwrap_or(Seen::Missing { cannot_make: None })
    }

    fn has_program(&self, name: &str, _: &[PathBuf]) -> bool {
        self.programs.contains(name)
    }

    fn volume(&self, name: &str) -> PathBuf {
        Path::new("/volumes").join(name)
    }

    fn origin(&self, service: &Service) -> Result<Origin, SourceError> {
        if let Some(build) = service.build.clone()
            && let Some(text) = build.context.to_str().and_then(|c| self.dockerfiles.get(c))
        {
            let path = build.context.join("Dockerfile");
            let text = (*text).to_owned();
            return Ok(Origin::Dockerfile { build, path, text });
        }
        if let (Some(build), Some(_)) = (service.build.clone(), &service.command)
            && self.path(&build.context) == Seen::Folder
        {
            return Ok(Origin::Sources { build });
        }
        crate::source::origin::origin(service)
    }
}

fn machine() -> Fake {
    let closed = Seen::Closed("this user may not".into());
    let cannot_make = Some("/file is no folder".to_owned());
    Fake {
        paths: BTreeMap::from([
            ("/shop", Seen::Folder),
            ("/shop/web", Seen::Folder),
            ("/shop/run.sh", Seen::File { runs: true }),
            ("/shop/notes.txt", Seen::File { runs: false }),
            ("/shop/secret", closed),
            ("/file/below", Seen::Missing { cannot_make }),
            ("/volumes/there", Seen::Folder),
        ]),
        programs: BTreeSet::from(["sleep"]),
        dockerfiles: BTreeMap::new(),
    }
}

fn check(machine: &Fake, services: &str, expected: Expect) {
    let text = format!("services:\n{services}");
    let request = Request {
        dir: "/shop".into(),
        ..Request::default()
    };
    let loaded = load(&request, &MemorySource::of("/shop/compose.yaml", text));
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    let found = obstacles(&loaded.project.unwrap(), &|_| true, machine);
    let said = |found: &Obstacle| format!("{}: {}\n", found.at.join("."), found.what);
    expected.assert_eq(&found.iter().map(said).collect::<String>());
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    check(
        &machine(),
        "
  a: {build: ., command: frobnicate --now}
  b: {build: ., command: ./gone.sh}
  c: {build: ., command: ./notes.txt}
  d: {build: ./absent, command: sleep 1}
  e: {image: acme/web}
  f: {image: alpine, command: frobnicate}
  g: {image: alpine}
  h: {build: ./web}
",
        expect![[r#"
            services.a.command: the program `frobnicate` is not on this machine
            services.b.command: the program /shop/gone.sh does not exist
            services.c.command: /shop/notes.txt cannot be executed: it has no permission to
            services.d.build.context: the build context /shop/absent does not exist
            services.e.image: there is no process for the image acme/web: it is neither a well-known service (mariadb, memcached, nats, nginx, postgres, rabbitmq, redis) nor the base image of a language or distribution that Ondol knows
            services.f.command: the program `frobnicate` is not on this machine
            services.g.image: g says nothing to run: its image has no command
            services.h.build.dockerfile: /shop/web/Dockerfile does not exist
        "#]],
    );
}

#[test]
fn what_something_else_may_bring_is_not_missing() {
    check(
        &machine(),
        "
  a: {build: ., command: sleep 1}
  b: {build: ., command: ./run.sh}
  c: {build: ., command: python main.py}
  d: {build: ., command: frobnicate, x-ondol: {packages: [frob]}}
  e: {build: ., command: ./target/e, x-ondol: {prepare: [cargo build]}}
  f: {build: ., command: /tools/frobnicate, volumes: ['tools:/tools']}
  g: {build: ., command: frobnicate, environment: {PATH: '/tools/bin:/bin'}, volumes: ['tools:/tools']}
  h: {image: redis, command: frobnicate}
  i: {image: node, command: frobnicate}
  j: {image: alpine, command: ./run.sh, working_dir: /code, volumes: ['.:/code']}
volumes: {tools: {}}
",
        expect![""],
    );
}

#[test]
fn a_bind_source_follows_composes_rule_for_making_folders() {
    let bind = "{type: bind, source: ./new, target: /b}";
    let made = "{type: bind, source: ./new, target: /c, bind: {create_host_path: true}}";
    check(
        &machine(),
        &format!(
            "
  a:
    build: .
    command: sleep 1
    volumes: ['./new:/a', {bind}, {made}, './secret:/d', '/file/below:/e', './run.sh:/f']
"
        ),
        expect![[r#"
            services.a.volumes./b: /shop/new does not exist
            services.a.volumes./d: /shop/secret cannot be read: this user may not
            services.a.volumes./e: /file/below does not exist, and cannot be made: /file is no folder
        "#]],
    );
}

#[test]
fn volumes_and_secrets_of_others_must_be_there() {
    check(
        &machine(),
        "
  a: {build: ., command: sleep 1, volumes: ['there:/a', 'gone:/b'], secrets: [key, closed, other]}
  b: {build: ., command: sleep 1, volumes: ['gone:/b']}
volumes: {there: {external: true}, gone: {external: true, name: shop-data}}
secrets: {key: {file: ./run.sh}, closed: {file: ./secret}, other: {external: true}}
",
        expect![[r#"
            volumes.gone: the volume shop-data is external and does not exist
            secrets.closed: the secret closed: /shop/secret cannot be read: this user may not
            secrets.other: the secret other is external, and nothing outside of this file provides it
        "#]],
    );
}

#[test]
fn a_dockerfile_is_read_before_anything_is_started() {
    let mut machine = machine();
    let text = "FROM acme/builder AS unused\nFROM acme/base AS used\nFROM alpine\nCOPY --from=used /a /a\nFORM x\n";
    machine.dockerfiles.insert("/shop/web", text);
    check(
        &machine,
        "
  a: {build: ./web}
",
        expect![[r#"
            services.a.build: /shop/web/Dockerfile:5: `FORM` is not a Dockerfile instruction
            services.a.build: /shop/web/Dockerfile:2: there is no process for the image acme/base: it is neither a well-known service (mariadb, memcached, nats, nginx, postgres, rabbitmq, redis) nor the base image of a language or distribution that Ondol knows
        "#]],
    );
}

#[test]
fn services_that_are_not_to_be_started_are_not_looked_at() {
    let text = "services:\n  a: {build: ., command: frobnicate}\n  b: {image: redis}\n";
    let request = Request {
        dir: "/shop".into(),
        ..Request::default()
    };
    let project = load(&request, &MemorySource::of("/shop/compose.yaml", text)).project;
    let wanted = |service: &Service| service.name.as_str() == "b";
    assert_eq!(obstacles(&project.unwrap(), &wanted, &machine()), []);
}

#[test]
fn this_machine_is_seen_as_it_is() {
    let dir = std::env::temp_dir().join(format!("ondol-early-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("file"), "").unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("link")).unwrap();
    let machine = ThisMachine {
        caller: crate::source::caller::Caller::default(),
        volumes: dir.clone(),
    };
    assert_eq!(machine.path(&dir), Seen::Folder);
    assert_eq!(machine.path(&dir.join("file")), Seen::File { runs: false });
    assert_eq!(
        machine.path(Path::new("/bin/sh")),
        Seen::File { runs: true }
    );
    assert_eq!(machine.path(Path::new("/dev/null")), Seen::Special);
    let missing = |path: &str| match machine.path(&dir.join(path)) {
        Seen::Missing { cannot_make } => cannot_make,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing("a/b"), None);
    assert!(missing("link").unwrap().contains("link"));
    assert!(
        matches!(machine.path(&dir.join("file/below")), Seen::Closed(why) if why.contains("no folder"))
    );
    assert!(machine.has_program("sh", &[]));
    assert!(!machine.has_program("no-such-program", &[]));
    std::fs::remove_dir_all(dir).unwrap();
}
