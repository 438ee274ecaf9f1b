use super::*;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str, files: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("ondol-context-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        for file in files {
            fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            fs::write(dir.join(file), file).unwrap();
        }
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copied(context: &Context, source: &str) -> Vec<String> {
    let found = context.matches(source).unwrap();
    found
        .iter()
        .flat_map(|found| context.entries(found).unwrap())
        .map(|entry| entry.relative.display().to_string())
        .collect()
}

#[test]
fn a_source_names_files_patterns_and_whole_folders() {
    let dir = Dir::new(
        "names",
        &[
            "package.json",
            "package-lock.json",
            "src/a.js",
            "src/deep/b.js",
            "node_modules/x.js",
            ".dockerignore",
        ],
    );
    fs::write(dir.0.join(".dockerignore"), "node_modules\n").unwrap();
    let context = Context::open(&dir.0, None).unwrap();
    assert_eq!(
        copied(&context, "package*.json"),
        ["package-lock.json", "package.json"]
    );
    assert_eq!(copied(&context, "src/"), ["a.js", "deep", "deep/b.js"]);
    assert_eq!(
        copied(&context, "."),
        [
            ".dockerignore",
            "package-lock.json",
            "package.json",
            "src",
            "src/a.js",
            "src/deep",
            "src/deep/b.js"
        ]
    );
    for (source, why) in [
        ("../x", "leads out"),
        ("nothing", "matches no file"),
        ("node_modules/x.js", "matches no"),
    ] {
        assert!(
            context.matches(source).unwrap_err().contains(why),
            "{source}"
        );
    }
}

#[test]
fn a_link_does_not_lead_out_of_the_context() {
    let dir = Dir::new("link", &["a"]);
    symlink("/etc/passwd", dir.0.join("out")).unwrap();
    symlink("a", dir.0.join("in")).unwrap();
    let context = Context::open(&dir.0, None).unwrap();
    assert!(context.matches("out").unwrap_err().contains("leads out"));
    assert_eq!(copied(&context, "in"), ["in"]);
}

#[test]
fn the_digest_changes_with_content_and_permissions_only() {
    let dir = Dir::new("digest", &["a", "b/c"]);
    let context = Context::open(&dir.0, None).unwrap();
    let now = || digest(&context.entries(&context.matches(".").unwrap()[0]).unwrap()).unwrap();
    let first = now();
    fs::write(dir.0.join("a"), "a").unwrap();
    assert_eq!(now(), first, "written again with the same content");
    fs::set_permissions(dir.0.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    let second = now();
    assert_ne!(second, first);
    fs::write(dir.0.join("b/c"), "other").unwrap();
    assert_ne!(now(), second);
}

#[test]
fn copies_do_not_go_through_links_of_the_layer() {
    let dir = Dir::new("through", &["file", "layer/x", "outside/keep"]);
    symlink(dir.0.join("outside"), dir.0.join("layer/out")).unwrap();
    let entry = Entry {
        host: dir.0.join("file"),
        relative: "file".into(),
    };
    let layer = dir.0.join("layer");
    let into = |to: &str| {
        copy(
            std::slice::from_ref(&entry),
            &layer,
            Path::new(to),
            Owner::Ours,
            Some(0o600),
        )
    };
    assert!(
        into("out")
            .unwrap_err()
            .what
            .contains("goes through a link")
    );
    assert!(!dir.0.join("outside/file").exists());
    into("new/below").unwrap();
    assert_eq!(
        fs::metadata(layer.join("new/below/file")).unwrap().mode() & 0o777,
        0o600
    );
}
