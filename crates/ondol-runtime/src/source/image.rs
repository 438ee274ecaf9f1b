use std::collections::BTreeMap;

use ondol_model::Probe;
use serde::{Deserialize, Serialize};

use crate::{Before, DataDir, UserEntry};

/// What an image gives to a service, whether it comes from a recipe of ours or a language's base image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// The whole command, when the service runs the image's own server: its arguments are worked in already.
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) ports: Vec<u16>,
    pub(crate) ready: Option<Probe>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) users: Vec<UserEntry>,
    pub(crate) data_dirs: Vec<DataDir>,
    /// Files that it brings besides its packages.
    pub(crate) files: Vec<ImageFile>,
    pub(crate) before: Vec<Before>,
    /// Names it and its version, for people.
    pub(crate) title: String,
    /// What a person should know: another version than asked for...
    pub(crate) warnings: Vec<String>,
}

/// A file of an [`Image`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageFile {
    pub(crate) path: String,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    Text { text: String, mode: u32 },
    Link { target: String },
}

/// Where tools of ours are that come before those of the same name.
pub(crate) const TOOLS: &str = "/opt/ondol/bin";

impl ImageFile {
    pub(crate) fn program(path: &str, text: impl Into<String>) -> Self {
        ImageFile {
            path: path.into(),
            content: Content::Text {
                text: text.into(),
                mode: 0o755,
            },
        }
    }

    pub(crate) fn text(path: &str, text: impl Into<String>) -> Self {
        ImageFile {
            path: path.into(),
            content: Content::Text {
                text: text.into(),
                mode: 0o644,
            },
        }
    }

    pub(crate) fn link(path: &str, target: impl Into<String>) -> Self {
        ImageFile {
            path: path.into(),
            content: Content::Link {
                target: target.into(),
            },
        }
    }
}

/// What a service asks of an image.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// The service's environment over the Dockerfile's.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// The service's own command, without entrypoint; `None` takes the image's.
    pub(crate) command: Option<&'a [String]>,
    /// The service says its own entrypoint: the image's start-up work is not done.
    pub(crate) own_entrypoint: bool,
    pub(crate) tag: Option<&'a str>,
    pub(crate) major: Option<u32>,
    /// Replicas have a mount namespace and a network of their own.
    pub(crate) layered: bool,
}

impl Ask<'_> {
    pub(crate) fn env(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The words behind the server's own name, when the command runs the server: `postgres -c x=y`, `-c x=y`,
    /// or nothing. `None` when it runs something else.
    pub(crate) fn server_args(&self, servers: &[&str]) -> Option<Vec<String>> {
        if self.own_entrypoint {
            return None;
        }
        let Some(command) = self.command else {
            return Some(Vec::new());
        };
        match command.split_first() {
            None => Some(Vec::new()),
            Some((first, _)) if first.starts_with('-') => Some(command.to_vec()),
            Some((first, rest)) => {
                let name = first.rsplit('/').next().unwrap_or(first);
                servers.contains(&name).then(|| rest.to_vec())
            }
        }
    }
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
