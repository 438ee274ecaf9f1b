use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::ApiError;

/// Why a question to the node got no answer.
#[derive(Debug)]
pub enum ClientError {
    /// No node listens there.
    NoNode(PathBuf),
    /// The socket is there and cannot be used.
    Connect {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The node said no.
    Refused(ApiError),
    /// The connection broke, or the answer is none that this program understands.
    Strange(String),
}

impl ClientError {
    pub(crate) fn connect(socket: &Path, source: io::Error) -> Self {
        let socket = socket.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NoNode(socket)
            }
            _ => ClientError::Connect { socket, source },
        }
    }

    pub(crate) fn strange(error: impl fmt::Display) -> Self {
        ClientError::Strange(error.to_string())
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClientError::NoNode(_) => {
                Some("`ondol up` starts a node; so does `ondol serve`, which stays".into())
            }
            ClientError::Connect { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("the node belongs to another user; use that user, or set ONDOL_STATE".into())
            }
            ClientError::Connect { .. } => None,
            ClientError::Refused(error) => error.hint.clone(),
            ClientError::Strange(_) => {
                Some("is the node of another version? `ondol version` tells".into())
            }
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NoNode(socket) => write!(f, "no node runs at {}", socket.display()),
            ClientError::Connect { socket, source } => {
                write!(f, "cannot reach the node at {}: {source}", socket.display())
            }
            ClientError::Refused(error) => error.fmt(f),
            ClientError::Strange(what) => write!(
                f,
                "the node's answer broke off or cannot be understood: {what}"
            ),
        }
    }
}

impl std::error::Error for ClientError {}
