use super::{SourceError, SourceErrorKind};

/// `registry/namespace/name:tag@digest`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName {
    /// `None` is Docker Hub.
    pub(crate) registry: Option<String>,
    /// `redis`, `valkey/valkey`; Docker Hub's `library/` is left out.
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
}

impl ImageName {
    /// Docker's reference grammar (distribution "reference"), without judging the characters closely.
    pub(crate) fn parse(text: &str) -> Result<Self, SourceError> {
        let refuse = || {
            let shown: String = text.chars().take(80).collect();
            SourceError::new(
                SourceErrorKind::UnknownImage,
                format!("`{shown}` is not the name of an image"),
                "write [registry/]name[:tag], such as redis:7",
            )
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_string())),
            None => (text, None),
        };
        let last_slash = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name[last_slash..].split_once(':') {
            Some((last, tag)) => (&name[..last_slash + last.len()], Some(tag.to_string())),
            None => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (Some(first), rest)
            }
            _ => (None, name),
        };
        let hub = matches!(registry, None | Some("docker.io" | "index.docker.io"));
        let repository = if hub {
            repository.strip_prefix("library/").unwrap_or(repository)
        } else {
            repository
        };
        let allowed = |c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/')
        };
        let fits = !repository.is_empty()
            && repository.len() <= 255
            && repository.chars().all(allowed)
            && tag.as_deref() != Some("");
        if !fits {
            return Err(refuse());
        }
        Ok(ImageName {
            registry: registry.filter(|_| !hub).map(str::to_string),
            repository: repository.to_string(),
            tag,
            digest,
        })
    }

    /// The name that well-known images are looked up by: mirrors keep the last parts of a Docker Hub name
    /// (`mirror.example/library/redis`, `public.ecr.aws/docker/library/redis`).
    pub(crate) fn well_known(&self) -> &str {
        match (&self.registry, self.repository.rsplit_once("library/")) {
            (Some(_), Some((_, name))) => name,
            _ => &self.repository,
        }
    }

    /// The major version that the tag asks for: `15` of `15.2-alpine`.
    pub(crate) fn major(&self) -> Option<u32> {
        let tag = self.tag.as_deref()?;
        let tag = tag.strip_prefix('v').unwrap_or(tag);
        let digits = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
        let follows = tag[digits..].chars().next();
        let number = matches!(follows, None | Some('.' | '-'));
        tag[..digits].parse().ok().filter(|_| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (text, name, tag, major) in [
            ("redis", "redis", None, None),
            ("library/redis:7-alpine", "redis", Some("7-alpine"), Some(7)),
            (
                "docker.io/library/postgres:15.2",
                "postgres",
                Some("15.2"),
                Some(15),
            ),
            ("valkey/valkey:8", "valkey/valkey", Some("8"), Some(8)),
            ("localhost:5000/redis", "redis", None, None),
            (
                "public.ecr.aws/docker/library/nginx:alpine",
                "nginx",
                Some("alpine"),
                None,
            ),
            (
                "node:20-bookworm@sha256:aa",
                "node",
                Some("20-bookworm"),
                Some(20),
            ),
            ("ubuntu:24.04", "ubuntu", Some("24.04"), Some(24)),
            ("x:3rd", "x", Some("3rd"), None),
        ] {
            let image = ImageName::parse(text).unwrap();
            assert_eq!(image.well_known(), name, "{text}");
            assert_eq!(image.tag.as_deref(), tag, "{text}");
            assert_eq!(image.major(), major, "{text}");
        }
        for text in ["", "Redis", "a b", "redis:", "é", "localhost/"] {
            assert!(ImageName::parse(text).is_err(), "{text}");
        }
    }
}
