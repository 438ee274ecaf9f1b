//! Whether a sandbox works here: asked by doing it.

use std::process::{Command, Stdio};

use super::Sandbox;
use crate::sys;

/// Tries it out.
pub(super) fn run(sandbox: Sandbox) -> Result<(), String> {
    let root = nix::unistd::geteuid().is_root();
    match sandbox {
        Sandbox::None => Ok(()),
        Sandbox::Root if !root => Err("this user is not root".to_owned()),
        Sandbox::Root => try_namespaces(false),
        Sandbox::User => try_namespaces(true),
    }
}

fn try_namespaces(user: bool) -> Result<(), String> {
    // `true` is what runs when everything could be made; nothing of it is kept.
    let mut command = Command::new("/bin/true");
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    sys::try_room_before_exec(&mut command, user);
    match command.status() {
        Ok(_) => Ok(()),
        Err(error) if user => Err(format!(
            "this machine lets no ordinary user make namespaces and mount in them: {error}"
        )),
        Err(error) => Err(format!(
            "this machine refuses namespaces or mounts in them: {error}"
        )),
    }
}
