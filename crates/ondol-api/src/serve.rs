use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::caller::Caller;
use crate::{Door, routes};

/// How long answers may take to finish once the node leaves.
const LEAVE_MAX: Duration = Duration::from_millis(500);

/// Opens the node's socket at `path`, for this user alone (0600), in place of one that an earlier node left.
/// Only for one who holds the state folder's lock, which says that nobody listens there any more.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The folder is closed to others, so nobody can come in between these two.
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the API until `leave` is done. Answers that have begun are finished; streams, which have no end of their
/// own, are cut a moment later.
pub async fn serve(
    listener: UnixListener,
    door: Door,
    leave: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (leaving, left) = oneshot::channel();
    let leave = async move {
        leave.await;
        let _ = leaving.send(());
    };
    let service = routes::router(door).into_make_service_with_connect_info::<Caller>();
    let served = axum::serve(listener, service).with_graceful_shutdown(leave);
    let cut = async {
        let _ = left.await;
        sleep(LEAVE_MAX).await;
    };
    tokio::select! {
        served = served => served,
        () = cut => Ok(()),
    }
}
