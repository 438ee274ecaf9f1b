use std::path::PathBuf;

use expect_test::{Expect, expect};
use ondol_compose::{MemorySource, Request, load};

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir();
        let dir = dir
            .join(format!("ondol-init-{}", std::process::id()))
            .join(name);
        for (path, text) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Folder(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(name: &str, files: &[(&str, &str)], expected: Expect) {
    let folder = Folder::new(name, files);
    let text = compose(&detect::services(&folder.0).unwrap());
    expected.assert_eq(&text);
    let source = MemorySource::of("/shop/compose.yaml", text);
    let request = Request {
        dir: "/shop".into(),
        ..Request::default()
    };
    let loaded = load(&request, &source);
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
}

#[test]
fn each_folder_with_a_known_file_is_a_service() {
    check(
        "many",
        &[
            ("api/Cargo.toml", "[package]\nname = \"api\""),
            ("lib/package.json", "{\"name\": \"lib\"}"),
            (
                "My Site/package.json",
                "{\"scripts\": {\"start\": \"next\"}}",
            ),
            ("My Site/package-lock.json", "{}"),
            ("orders/requirements.txt", "Flask==3\n"),
            ("orders/app.py", ""),
            ("pay/Dockerfile", "FROM scratch\nEXPOSE 9000/tcp\n"),
            ("docs/readme.md", ""),
        ],
        expect![[r#"
            # Written by `ondol init`; `ondol up` runs it.
            services:
              my-site:
                build: "./My Site"
                command: npm start
                x-ondol:
                  runtime: process
                  prepare: [npm ci]
                ports: ["3000"]
              api:
                build: ./api
                command: cargo run --release
                x-ondol:
                  runtime: process
                  prepare: [cargo build --release]
                ports: ["8080"]
              orders:
                build: ./orders
                command: python3 -m flask --app app run --host 0.0.0.0 --port 5000
                x-ondol:
                  runtime: process
                  prepare: [pip install -r requirements.txt]
                ports: ["5000"]
              pay:
                build: ./pay
                ports: ["9000"]
        "#]],
    );
}

#[test]
fn a_folder_that_is_a_service_itself_is_the_only_one() {
    let files = [
        ("go.mod", "module x"),
        ("tools/package.json", "{\"scripts\": {\"start\": \"x\"}}"),
    ];
    check(
        "single",
        &files,
        expect![[r#"
            # Written by `ondol init`; `ondol up` runs it.
            services:
              single:
                build: .
                command: go run .
                x-ondol:
                  runtime: process
                  prepare: [go build ./...]
                ports: ["8080"]
        "#]],
    );
}

#[test]
fn nothing_to_run_is_nothing_found() {
    let folder = Folder::new(
        "none",
        &[("package.json", "not json"), ("x/requirements.txt", "")],
    );
    assert_eq!(detect::services(&folder.0).unwrap(), []);
}
