//! What a folder holds that can be run, by the files that its tools leave in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::failure::Failure;

/// Files that say what a folder is, the surest first.
pub(super) const MARKS: [&str; 7] = [
    "Dockerfile",
    "package.json",
    "Cargo.toml",
    "pyproject.toml",
    "requirements.txt",
    "go.mod",
    "pom.xml",
];

/// Larger ones are not what their name says.
const MARK_BYTES_MAX: u64 = 1 << 20;
const FOLDERS_MAX: usize = 200;

/// A service that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    /// Relative to the Compose file: `.` or `./web`.
    pub(super) context: PathBuf,
    /// It says itself how it is run.
    pub(super) dockerfile: bool,
    pub(super) command: String,
    pub(super) prepare: Option<&'static str>,
    pub(super) port: u16,
    /// For people.
    pub(super) why: String,
}

/// Services in `dir`, or in the folders right below it when it is none itself.
pub(super) fn services(dir: &Path) -> Result<Vec<Found>, Failure> {
    let named = dir.display();
    let refused = |error: std::io::Error| {
        Failure::error(format!("the folder {named} cannot be read: {error}"))
    };
    let dir = dir.canonicalize().map_err(refused)?;
    if let Some(found) = service(&dir, PathBuf::from("."), &mut BTreeSet::new()) {
        return Ok(vec![found]);
    }
    let entries = fs::read_dir(&dir).map_err(refused)?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.truncate(FOLDERS_MAX);
    let mut names = BTreeSet::new();
    let below = |folder: PathBuf| {
        let context = Path::new(".").join(folder.file_name()?);
        service(&folder, context, &mut names)
    };
    Ok(folders.into_iter().filter_map(below).collect())
}

fn service(dir: &Path, context: PathBuf, names: &mut BTreeSet<String>) -> Option<Found> {
    let mark = MARKS.iter().find(|mark| dir.join(mark).is_file())?;
    let text = read(&dir.join(mark));
    let (command, prepare, port) = match *mark {
        "Dockerfile" => (String::new(), None, exposed(&text)),
        "package.json" => node(dir, &text)?,
        "Cargo.toml" => (
            "cargo run --release".to_owned(),
            Some("[cargo build --release]"),
            8080,
        ),
        "go.mod" => ("go run .".to_owned(), Some("[go build ./...]"), 8080),
        "pom.xml" => (
            "sh -c \"java -jar target/*.jar\"".to_owned(),
            Some("[mvn -q -DskipTests package]"),
            8080,
        ),
        _ => python(dir, mark, &text)?,
    };
    Some(Found {
        name: unique(name_of(dir), names),
        context,
        dockerfile: *mark == "Dockerfile",
        why: format!("found {mark}"),
        command,
        prepare,
        port,
    })
}

fn node(dir: &Path, text: &str) -> Option<(String, Option<&'static str>, u16)> {
    let package: Value = serde_json::from_str(text).ok()?;
    let starts = package["scripts"]["start"].is_string();
    let main = package["main"].as_str().unwrap_or("index.js");
    // A library has neither.
    let command = match starts {
        true => "npm start".to_owned(),
        false if dir.join(main).is_file() => format!("node {main}"),
        false => return None,
    };
    let locked = dir.join("package-lock.json").is_file();
    let prepare = if locked { "[npm ci]" } else { "[npm install]" };
    Some((command, Some(prepare), 3000))
}

fn python(dir: &Path, mark: &str, text: &str) -> Option<(String, Option<&'static str>, u16)> {
    let has = |file: &str| dir.join(file).is_file();
    let uses = |package: &str| text.to_lowercase().contains(package);
    let module = ["main", "app", "server"]
        .into_iter()
        .find(|module| has(&format!("{module}.py")));
    let (command, port) = match module {
        _ if has("manage.py") => ("python3 manage.py runserver 0.0.0.0:8000".to_owned(), 8000),
        Some(module) if uses("fastapi") || uses("uvicorn") => (
            format!("python3 -m uvicorn {module}:app --host 0.0.0.0 --port 8000"),
            8000,
        ),
        Some(module) if uses("flask") => (
            format!("python3 -m flask --app {module} run --host 0.0.0.0 --port 5000"),
            5000,
        ),
        Some(module) => (format!("python3 {module}.py"), 8000),
        None => return None,
    };
    let prepare = match mark {
        "requirements.txt" => "[pip install -r requirements.txt]",
        _ => "[pip install .]",
    };
    Some((command, Some(prepare), port))
}

/// The first port of an EXPOSE line.
fn exposed(dockerfile: &str) -> u16 {
    let ports = dockerfile.lines().filter_map(|line| {
        let (word, rest) = line.trim().split_once(char::is_whitespace)?;
        let first = rest.split_whitespace().next()?.split('/').next()?;
        word.eq_ignore_ascii_case("EXPOSE")
            .then(|| first.parse().ok())?
    });
    ports.into_iter().next().unwrap_or(8080)
}

/// What a service may be called, made of the folder's name.
fn name_of(dir: &Path) -> String {
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let plain = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    });
    let name: String = plain.take(40).collect();
    let name = name.trim_matches(['-', '_']);
    if name.is_empty() {
        "app".into()
    } else {
        name.into()
    }
}

fn unique(name: String, names: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut free = std::iter::once(name.clone()).chain(numbered);
    let name = free.find(|name| !names.contains(name)).unwrap_or(name);
    names.insert(name.clone());
    name
}

fn read(path: &Path) -> String {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= MARK_BYTES_MAX);
    let bytes = if small {
        fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    String::from_utf8_lossy(&bytes).into_owned()
}
