//! Toolchains that people install in their home: shown to services when `PATH` names them, and nothing else of
//! the home is.

use std::path::{Path, PathBuf};

/// A folder of the home, and the variables that its programs need to find it (`~` is the home).
const KNOWN: [(&str, &[(&str, &str)]); 14] = [
    (
        ".asdf",
        &[("ASDF_DIR", "~/.asdf"), ("ASDF_DATA_DIR", "~/.asdf")],
    ),
    (".bun", &[("BUN_INSTALL", "~/.bun")]),
    (
        ".cargo",
        &[("CARGO_HOME", "~/.cargo"), ("RUSTUP_HOME", "~/.rustup")],
    ),
    (".deno", &[("DENO_INSTALL", "~/.deno")]),
    (".dotnet", &[("DOTNET_ROOT", "~/.dotnet")]),
    (".fnm", &[("FNM_DIR", "~/.fnm")]),
    (".nvm", &[("NVM_DIR", "~/.nvm")]),
    (".pyenv", &[("PYENV_ROOT", "~/.pyenv")]),
    (".rbenv", &[("RBENV_ROOT", "~/.rbenv")]),
    (".sdkman", &[("SDKMAN_DIR", "~/.sdkman")]),
    (".volta", &[("VOLTA_HOME", "~/.volta")]),
    ("go", &[("GOPATH", "~/go")]),
    ("miniconda3", &[("CONDA_PREFIX", "~/miniconda3")]),
    (".local/bin", &[]),
];

/// Folders that come with one of the above though `PATH` does not name them.
const COMPANIONS: [(&str, &str); 3] = [
    (".cargo", ".rustup"),
    (".local/bin", ".local/share/pipx"),
    (".local/bin", ".local/share/uv"),
];

/// Parts of the above that are nobody's business, relative to the home.
const SECRETS: [&str; 2] = [".cargo/credentials", ".cargo/credentials.toml"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Folders to show where they are.
    pub(crate) dirs: Vec<PathBuf>,
    /// Variables to set.
    pub(crate) env: Vec<(&'static str, String)>,
    /// What to add to `PATH`.
    pub(crate) path: Vec<String>,
}

/// Looks for toolchains that `path` names, below `home`.
pub(crate) fn find(path: &str, home: Option<&Path>) -> Found {
    let mut found = Found::default();
    for dir in path.split(':') {
        let dir = Path::new(dir);
        if !dir.is_absolute() || !dir.is_dir() {
            continue;
        }
        let below_home = home.and_then(|home| Some((home, dir.strip_prefix(home).ok()?)));
        match below_home {
            Some((home, inside)) => {
                let known = KNOWN.iter().find(|(name, _)| inside.starts_with(name));
                if let Some((name, variables)) = known {
                    add(&mut found, home, name, variables);
                    found.path.push(dir.to_string_lossy().into_owned());
                }
            }
            None => found.path.push(dir.to_string_lossy().into_owned()),
        }
    }
    found
}

fn add(found: &mut Found, home: &Path, name: &str, variables: &[(&'static str, &str)]) {
    let dir = home.join(name);
    if found.dirs.contains(&dir) {
        return;
    }
    found.dirs.push(dir);
    let companions = COMPANIONS.iter().filter(|(of, _)| *of == name);
    let companions = companions.map(|(_, companion)| home.join(companion));
    found.dirs.extend(companions.filter(|dir| dir.is_dir()));
    for (variable, value) in variables {
        let value = value.replacen('~', &home.to_string_lossy(), 1);
        if Path::new(&value).is_dir() {
            found.env.push((variable, value));
        }
    }
}

/// Paths inside toolchains that must not be seen.
pub(crate) fn secrets(home: Option<&Path>) -> Vec<String> {
    let secrets = home
        .into_iter()
        .flat_map(|home| SECRETS.map(|secret| home.join(secret)));
    secrets
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}
