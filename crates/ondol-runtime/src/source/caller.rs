use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Whoever started the node: what of their environment helps to install dependencies. Read once, at the door.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) path: Vec<PathBuf>,
    pub(crate) home: Option<PathBuf>,
    /// Variables that package managers understand; nothing else is handed on.
    pub(crate) env: BTreeMap<String, String>,
    /// Files of ours belong to root.
    pub(crate) is_root: bool,
}

/// Files of a home that say where packages come from, and where they are seen while preparing.
const CONFIG_FILES: [(&str, &str); 7] = [
    (".npmrc", "root/.npmrc"),
    (".yarnrc", "root/.yarnrc"),
    (".config/pip/pip.conf", "root/.config/pip/pip.conf"),
    (".cargo/config.toml", "usr/local/cargo/config.toml"),
    (".gemrc", "root/.gemrc"),
    (".bundle/config", "root/.bundle/config"),
    (".m2/settings.xml", "root/.m2/settings.xml"),
];

impl Caller {
    pub(crate) fn of_this_process() -> Self {
        let all = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let home = env::var_os("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        let mut env: BTreeMap<String, String> =
            all.filter(|(name, _)| is_handed_on(name)).collect();
        if let Some(rustup) = home
            .as_ref()
            .map(|home| home.join(".rustup"))
            .filter(|dir| dir.is_dir())
        {
            // Its programs look for their toolchain in the home, which is another one in a sandbox.
            env.entry("RUSTUP_HOME".into())
                .or_insert_with(|| rustup.to_string_lossy().into_owned());
        }
        Caller {
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            home,
            env,
            is_root: fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0),
        }
    }

    /// The configuration files that are there: on the machine, and below a layer.
    pub(crate) fn config_files(&self) -> Vec<(PathBuf, &'static Path)> {
        let home = self.home.iter();
        home.flat_map(|home| {
            CONFIG_FILES
                .iter()
                .map(|(from, to)| (home.join(from), Path::new(*to)))
        })
        .filter(|(from, _)| from.is_file())
        .collect()
    }
}

/// Proxies, certificates, and the configuration of package managers.
fn is_handed_on(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let proxy = matches!(
        upper.as_str(),
        "HTTP_PROXY" | "HTTPS_PROXY" | "FTP_PROXY" | "ALL_PROXY" | "NO_PROXY"
    );
    let certificates =
        (upper.contains("_CERT") || upper.contains("_CA_") || upper.ends_with("_CAINFO"))
            && !upper.contains("KEY");
    let prefixes = [
        "PIP_",
        "NPM_CONFIG_",
        "YARN_",
        "CARGO_",
        "BUNDLE_",
        "UV_",
        "POETRY_",
        "COMPOSER_",
        "GONO",
        "GOPR",
    ];
    let managers = prefixes.iter().any(|prefix| upper.starts_with(prefix))
        || matches!(
            upper.as_str(),
            "GOSUMDB"
                | "GOFLAGS"
                | "MAVEN_OPTS"
                | "MAVEN_ARGS"
                | "RUSTUP_TOOLCHAIN"
                | "RUSTUP_HOME"
        );
    let moves_files = matches!(
        upper.as_str(),
        "CARGO_HOME" | "CARGO_TARGET_DIR" | "PIP_TARGET" | "PIP_PREFIX"
    ) || upper.starts_with("CARGO_PKG_")
        || upper.starts_with("CARGO_MANIFEST_")
        || upper.starts_with("CARGO_BUILD_")
        || upper.starts_with("NPM_CONFIG_PREFIX")
        || upper.starts_with("NPM_CONFIG_CACHE");
    proxy || certificates || (managers && !moves_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_package_managers_need_is_handed_on() {
        for (name, handed_on) in [
            ("https_proxy", true),
            ("NODE_EXTRA_CA_CERTS", true),
            ("SSL_CERT_FILE", true),
            ("REQUESTS_CA_BUNDLE", true),
            ("PIP_FIND_LINKS", true),
            ("npm_config_registry", true),
            ("GOPROXY", true),
            ("CARGO_HTTP_CAINFO", true),
            ("CARGO_TARGET_DIR", false),
            ("TLS_CERT_KEY", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("LOGS", false),
            ("NODE_OPTIONS", false),
            ("HOME", false),
        ] {
            assert_eq!(is_handed_on(name), handed_on, "{name}");
        }
    }
}
