use super::*;

#[test]
fn only_names_that_debian_allows_reach_the_command_line() {
    for name in [
        "",
        "-oDpkg::Pre-Invoke=x",
        "a b",
        "UPPER",
        "a;b",
        "../x",
        "a/b",
        "é",
    ] {
        assert!(check_names(&[name.to_string()]).is_err(), "{name}");
    }
    let fine = [
        "g++",
        "libc6-dev",
        "postgresql-15",
        "libc6:amd64",
        "curl=7.88.1-10",
    ];
    assert!(check_names(&fine.map(str::to_string)).is_ok());
    assert!(check_names(&vec!["a1".to_string(); NAMES_MAX + 1]).is_err());
}

/// Fetches for real what this machine would lack if it had nothing but what `lists` needs; needs apt and its mirror.
#[test]
fn a_program_that_the_machine_lacks_is_fetched_once_and_runs_from_its_tree() {
    let Some(status) = status_without(&["redis-server", "redis-tools", "redis"]) else {
        skip("dpkg's list of packages is not here");
        return;
    };
    let dir = std::env::temp_dir().join(format!("ondol-depot-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("status"), status).unwrap();
    let depot = Depot {
        status: dir.join("status"),
        ..Depot::new(&dir)
    };
    let names = ["redis-server".to_string()];
    let mut said = Vec::new();
    let fetched = match depot.fetch(&names, &mut |line| said.push(line)) {
        Ok(fetched) => fetched,
        Err(error)
            if error.what.contains("could not be fetched")
                || error.what.contains("does not run") =>
        {
            fs::remove_dir_all(&dir).unwrap();
            skip(&error.what);
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let tree = fetched.tree.clone().unwrap();
    let server = tree.join("usr/bin/redis-server");
    assert!(server.exists(), "{said:?}");
    assert!(
        fetched.versions.contains_key("redis-server"),
        "{:?}",
        fetched.versions
    );
    assert!(
        said.iter()
            .any(|line| line.starts_with("fetching redis-server")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line.starts_with("unpacking redis")),
        "{said:?}"
    );
    said.clear();
    assert_eq!(
        depot.fetch(&names, &mut |line| said.push(line)).unwrap(),
        fetched
    );
    assert!(said.is_empty(), "nothing is fetched twice: {said:?}");
    let missing = depot
        .fetch(&["no-such-package-anywhere".into()], &mut |_| {})
        .unwrap_err();
    assert_eq!(
        missing.what,
        "this distribution has no package no-such-package-anywhere"
    );
    fs::remove_dir_all(&dir).unwrap();
}

/// dpkg's status as if these packages were not installed.
fn status_without(packages: &[&str]) -> Option<String> {
    let text = fs::read_to_string("/var/lib/dpkg/status").ok()?;
    let kept: Vec<&str> = text
        .split("\n\n")
        .filter(|entry| {
            !packages.iter().any(|package| {
                entry
                    .trim_start()
                    .starts_with(&format!("Package: {package}\n"))
            })
        })
        .collect();
    Some(kept.join("\n\n"))
}

fn skip(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
