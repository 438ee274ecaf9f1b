use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where programs are on any machine, in the order of Debian's root `PATH`.
pub(crate) const STANDARD: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// How long a program may take to say its version.
const ASK_SECS: &str = "5";

/// Finds programs: in fetched trees, on the machine, and where the caller's toolchains are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs {
    /// Trees, topmost first.
    pub(crate) trees: Vec<PathBuf>,
    /// Versions of the packages in them.
    pub(crate) versions: BTreeMap<String, String>,
    /// The caller's `PATH`.
    pub(crate) path: Vec<PathBuf>,
}

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its folder in a replica's sight.
    pub(crate) dir: String,
    /// The file on this machine.
    pub(crate) file: PathBuf,
    /// It comes from a fetched tree.
    pub(crate) fetched: bool,
}

impl Programs {
    /// The first of `names`, in the standard folders, then in `places` (patterns with one `*` component, the
    /// highest match first), then on the caller's `PATH`.
    pub(crate) fn find(&self, names: &[&str], places: &[&str]) -> Option<Program> {
        let roots = || {
            self.trees
                .iter()
                .map(PathBuf::as_path)
                .chain([Path::new("/")])
        };
        for name in names {
            for root in roots() {
                for place in places.iter().chain(&STANDARD) {
                    for dir in expand(root, place) {
                        let file = dir.join(name);
                        if is_program(root, &file) {
                            return Some(program(root, &dir, file));
                        }
                    }
                }
            }
            for dir in &self.path {
                let file = dir.join(name);
                if dir.is_absolute() && is_program(Path::new("/"), &file) {
                    return Some(program(Path::new("/"), dir, file));
                }
            }
        }
        None
    }

    /// Its version as a person would say it: from its package, else by asking the machine's own.
    pub(crate) fn version(&self, program: &Program, package: &str, flag: &str) -> Option<String> {
        if program.fetched {
            // Debian's default Java only depends on the one that has a version.
            let named = |name: &String| {
                name.strip_prefix("openjdk-")
                    .is_some_and(|rest| rest.contains("-jre"))
            };
            let key = if package.starts_with("default-j") {
                self.versions
                    .keys()
                    .find(|name| named(name))
                    .map_or(package, String::as_str)
            } else {
                package
            };
            return self.versions.get(key).map(|version| upstream(version));
        }
        // dpkg knows what it installed without anything being started.
        let installed = (!program.file.starts_with("/usr/local")
            && program.file.starts_with("/usr"))
        .then(|| installed_version(package))
        .flatten();
        installed.or_else(|| {
            (!flag.is_empty())
                .then(|| asked_version(&program.file, flag))
                .flatten()
        })
    }
}

fn program(root: &Path, dir: &Path, file: PathBuf) -> Program {
    let fetched = root != Path::new("/");
    let inside = dir.strip_prefix(root).unwrap_or(dir);
    Program {
        dir: Path::new("/").join(inside).to_string_lossy().into_owned(),
        file,
        fetched,
    }
}

/// `/usr/lib/postgresql/*/bin` below `root`; higher versions first.
fn expand(root: &Path, place: &str) -> Vec<PathBuf> {
    let place = place.trim_start_matches('/');
    let Some((before, after)) = place.split_once("/*/") else {
        return vec![root.join(place)];
    };
    let mut found: Vec<PathBuf> = fs::read_dir(root.join(before))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort_by_key(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        std::cmp::Reverse((numbers(&name), name))
    });
    found.iter().map(|dir| dir.join(after)).collect()
}

fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Links inside of a tree are absolute in a replica's sight, so they are followed by hand.
fn is_program(root: &Path, file: &Path) -> bool {
    let mut file = file.to_path_buf();
    for _ in 0..8 {
        match fs::read_link(&file) {
            Ok(target) if target.is_absolute() => {
                let below = root.join(target.strip_prefix("/").unwrap_or(&target));
                file = if below.symlink_metadata().is_ok() {
                    below
                } else {
                    target
                };
            }
            Ok(target) => file = file.parent().unwrap_or(root).join(target),
            Err(_) => break,
        }
    }
    fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `7.0.15` of Debian's `5:7.0.15-1~deb12u10`.
fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream);
    let end = version.find(['+', '~']).unwrap_or(version.len());
    version[..end].to_string()
}

fn installed_version(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status} ${Version}", "--", package])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.strip_prefix("installed ").map(upstream)
}

fn asked_version(file: &Path, flag: &str) -> Option<String> {
    // A program that takes `--version` for a request to stay is not waited for.
    let output = Command::new("timeout")
        .args(["-s", "KILL", ASK_SECS])
        .arg(file)
        .arg(flag)
        .env_clear()
        .env("PATH", STANDARD.join(":"))
        .envs(std::env::var_os("HOME").map(|home| ("HOME", home)))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    first_version(&String::from_utf8_lossy(&text))
}

/// The first thing that looks like a version: `v20.20.2`, `(PostgreSQL) 15.20`, `go1.22`.
fn first_version(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.') && word.split('.').all(|part| !part.is_empty()))
        .map(str::to_string)
}

/// The number before the first dot.
pub(crate) fn major_of(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_said_as_people_say_them() {
        assert_eq!(upstream("5:7.0.15-1~deb12u10"), "7.0.15");
        assert_eq!(upstream("1:10.11.19-0+deb12u1"), "10.11.19");
        assert_eq!(upstream("15+248+deb12u2"), "15");
        assert_eq!(upstream("18.20.4+dfsg-1~deb12u3"), "18.20.4");
        for (text, version) in [
            ("v20.20.2\n", "20.20.2"),
            ("postgres (PostgreSQL) 15.20 (Debian 15.20-0)", "15.20"),
            ("Redis server v=7.0.15 sha=00000000:0", "7.0.15"),
            ("go version go1.22.4 linux/amd64", "1.22.4"),
        ] {
            assert_eq!(first_version(text).as_deref(), Some(version));
        }
        assert_eq!(first_version("none 12"), None);
    }

    #[test]
    fn a_program_of_a_tree_wins_and_the_highest_version_is_taken() {
        let tree = std::env::temp_dir().join(format!("ondol-programs-{}", std::process::id()));
        for version in ["9", "15"] {
            let dir = tree.join(format!("usr/lib/postgresql/{version}/bin"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("postgres"), "").unwrap();
            fs::set_permissions(dir.join("postgres"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let programs = Programs {
            trees: vec![tree.clone()],
            ..Programs::default()
        };
        let found = programs
            .find(&["postgres"], &["/usr/lib/postgresql/*/bin"])
            .unwrap();
        assert_eq!(found.dir, "/usr/lib/postgresql/15/bin");
        assert!(found.fetched);
        let shell = programs.find(&["no-such-program", "sh"], &[]).unwrap();
        assert!(!shell.fetched);
        fs::remove_dir_all(tree).unwrap();
    }
}
