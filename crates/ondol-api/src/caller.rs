use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

/// Who is at the other end of a connection, as the kernel says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    uid: Option<u32>,
}

impl Caller {
    /// For the records: `user 1000`.
    pub(crate) fn words(self) -> String {
        self.uid
            .map_or_else(|| "somebody".into(), |uid| format!("user {uid}"))
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let peer = stream.io().peer_cred().ok();
        Caller {
            uid: peer.map(|peer| peer.uid()),
        }
    }
}
