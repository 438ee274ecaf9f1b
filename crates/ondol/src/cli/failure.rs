use std::fmt;

use ondol_api::ClientError;

/// Why a command could not do what it was asked, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Empty when everything was said already.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Exit codes, stable.
pub(crate) const ERROR: u8 = 1;
pub(crate) const INVALID: u8 = 2;
pub(crate) const ROLLED_BACK: u8 = 3;
pub(crate) const TIMEOUT: u8 = 4;

impl Failure {
    pub(crate) fn with_code(code: u8, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Failure::with_code(ERROR, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Failure::with_code(INVALID, message)
    }

    /// Everything was said already; only the code is left to tell.
    pub(crate) fn said(code: u8) -> Self {
        Failure::with_code(code, "")
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Failure {
            code: ERROR,
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}
