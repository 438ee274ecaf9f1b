use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// A name that was refused; `Display` says why and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a {} name: {}",
            self.name, self.what, self.rule
        )
    }
}

impl std::error::Error for NameError {}

const NAME_BYTES_MAX: usize = 63;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks the name; the error says what is allowed.
            pub fn new(name: &str) -> Result<Self, NameError> {
                let allowed: fn(usize, char) -> bool = $allowed;
                let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
                if fits && name.chars().enumerate().all(|(at, c)| allowed(at, c)) {
                    return Ok(Self(name.into()));
                }
                Err(NameError { what: $what, name: name.chars().take(NAME_BYTES_MAX).collect(), rule: $rule })
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let name = String::deserialize(from)?;
                Self::new(&name).map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// A project: lower-case letters, digits, `-` and `_`, begun by a letter or digit
    /// (Compose specification, "Name top-level element"); at most 63 bytes.
    ProjectName, "project",
    "use 1 to 63 lower-case letters, digits, - and _, beginning with a letter or digit",
    |at, c| c.is_ascii_lowercase() || c.is_ascii_digit() || (at > 0 && matches!(c, '-' | '_'))
}

name! {
    /// A service: letters, digits, `.`, `-` and `_`, begun by a letter or digit; at most 63 bytes.
    ///
    /// Safe as one path component: it can be neither empty nor `..`.
    ServiceName, "service",
    "use 1 to 63 letters, digits, ., - and _, beginning with a letter or digit",
    |at, c| c.is_ascii_alphanumeric() || (at > 0 && matches!(c, '.' | '-' | '_'))
}

/// A service of a project: `shop/web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceRef {
    /// The project it belongs to.
    pub project: ProjectName,
    /// Its name in that project.
    pub service: ServiceName,
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.service)
    }
}

/// One replica of a service, for as long as it is wanted: `shop/web-2`.
/// It keeps its number, its folder and its writable layer through restarts; each start of it is a new [`RunId`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId {
    /// The project it belongs to.
    pub project: ProjectName,
    /// The service it is a copy of.
    pub service: ServiceName,
    /// From 1; the lowest that is free when the replica is created.
    pub number: u32,
}

impl ReplicaId {
    /// The service that this is a replica of.
    pub fn service_ref(&self) -> ServiceRef {
        ServiceRef {
            project: self.project.clone(),
            service: self.service.clone(),
        }
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.project, self.service, self.number)
    }
}

/// One start of one replica. Never used twice on a node, so that a late word about an
/// earlier start cannot be taken for a word about this one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_path_components() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-a",
            "_a",
            ".a",
            "a b",
            "a\0",
            "é",
            &"a".repeat(64),
        ] {
            assert!(ServiceName::new(name).is_err(), "{name:?}");
            assert!(ProjectName::new(name).is_err(), "{name:?}");
        }
        assert!(ServiceName::new("Web.api-1_x").is_ok());
        assert!(ProjectName::new("Shop").is_err());
        assert!(ProjectName::new("my_shop-2").is_ok());
    }
}
