use std::fs;
use std::future::pending;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::channel::Channel;
use crate::message::{ToNode, ToProxy};

type Outgoing = (ToNode, Vec<Arc<OwnedFd>>);

/// A connected node. Sending has its own task, so that the proxy always reads and two full socket buffers can never
/// hold each other up.
pub(super) struct Session {
    channel: Channel,
    outbox: mpsc::UnboundedSender<Outgoing>,
    sending: JoinHandle<()>,
    /// Messages that wait to be sent.
    waiting: Arc<AtomicUsize>,
}

impl Session {
    pub(super) fn new(stream: UnixStream) -> Self {
        let channel = Channel::new(stream);
        let sender = channel.sender();
        let (outbox, mut messages) = mpsc::unbounded_channel::<Outgoing>();
        let waiting = Arc::<AtomicUsize>::default();
        let left = waiting.clone();
        let sending = tokio::spawn(async move {
            while let Some((message, sockets)) = messages.recv().await {
                let sockets: Vec<_> = sockets.iter().map(|socket| socket.as_fd()).collect();
                if sender.send(&message, &sockets).await.is_err() {
                    return;
                }
                left.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Session {
            channel,
            outbox,
            sending,
            waiting,
        }
    }

    /// Whether the node keeps up.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    pub(super) fn tell(&self, message: ToNode, sockets: Vec<Arc<OwnedFd>>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // A node that is gone is noticed where it is heard.
        let _ = self.outbox.send((message, sockets));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

/// The next message; `None` when the node is gone or does not make sense. Waits for ever without a node.
pub(super) async fn hear(session: &mut Option<Session>) -> Option<(ToProxy, Vec<OwnedFd>)> {
    match session {
        Some(session) => session.channel.receive().await.ok().flatten(),
        None => pending().await,
    }
}

/// Takes the control socket. It is bound beside its name and then renamed over it, so that there is no moment without
/// one when a new proxy takes over; only this user may connect.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    let explain = |error: io::Error| {
        let what = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), what)
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    if let Err(error) = fs::remove_file(beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(explain(error));
    }
    let listener = UnixListener::bind(beside).map_err(explain)?;
    fs::set_permissions(beside, fs::Permissions::from_mode(0o600)).map_err(explain)?;
    fs::rename(beside, path).map_err(explain)?;
    Ok(listener)
}

pub(super) async fn accept(listener: Option<&UnixListener>) -> io::Result<UnixStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => pending().await,
    }
}
