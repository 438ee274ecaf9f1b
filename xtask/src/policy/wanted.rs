//! The part of cargo-deny's configuration that we use. A key we do not know is an error, so that nobody
//! writes a rule that is not checked.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Wanted {
    pub(crate) licenses: Licenses,
    pub(crate) bans: Bans,
    pub(crate) sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Licenses {
    /// SPDX identifiers.
    pub(crate) allow: Vec<String>,
    #[serde(default)]
    pub(crate) exceptions: Vec<LicenseException>,
}

/// One package may have other licences too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicenseException {
    #[serde(rename = "crate")]
    pub(crate) package: String,
    pub(crate) allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Bans {
    pub(crate) multiple_versions: Verdict,
    #[serde(default)]
    pub(crate) deny: Vec<Reasoned>,
    /// Old versions that may stand beside a newer one.
    #[serde(default)]
    pub(crate) skip: Vec<Reasoned>,
}

/// A package (`name` or `name@version`) and why it is here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reasoned {
    #[serde(rename = "crate")]
    pub(crate) package: String,
    pub(crate) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sources {
    pub(crate) unknown_registry: Verdict,
    pub(crate) unknown_git: Verdict,
    pub(crate) allow_registry: Vec<String>,
}

/// cargo-deny also knows `warn` and `allow`; ours is a project without either.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Deny,
}
