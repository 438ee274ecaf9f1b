use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ondol_model::Exit;

use super::paths::{private_dir, write_whole};
use super::{Inner, discard, hosts, plan, start};
use crate::logs::{Cursor, Filter, Reader};
use crate::sandbox::{Sandbox, toolchains};
use crate::shim::wire::Said;
use crate::spec::{self, Command, Room, Task};
use crate::{Bake, Oven};

/// How often what was said is passed on.
const LOOK: Duration = Duration::from_millis(50);
const LINES_AT_ONCE: usize = 1000;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Runs what installs dependencies, in a room like a replica's but on the machine's network.
#[derive(Debug)]
pub(super) struct RoomOven<'a> {
    pub(super) inner: &'a Inner,
}

impl Oven for RoomOven<'_> {
    fn bake(&self, bake: &Bake<'_>, line: &mut dyn FnMut(&str)) -> Result<Exit, String> {
        let dir = self
            .inner
            .paths
            .scratch(COUNT.fetch_add(1, Ordering::Relaxed));
        // On the file system of `upper`, or the kernel cannot write there; not inside, because it becomes a layer.
        let work = bake.upper.with_extension("work");
        let done = self.run(bake, &dir, &work, line);
        discard::remove_tree(&dir);
        discard::remove_tree(&work);
        done
    }
}

impl RoomOven<'_> {
    fn run(
        &self,
        bake: &Bake<'_>,
        dir: &Path,
        work: &Path,
        line: &mut dyn FnMut(&str),
    ) -> Result<Exit, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
        private_dir(&dir.join("logs")).map_err(failed)?;
        hosts::write_plain(dir).map_err(failed)?;
        let task = task(self.inner, bake, dir, work);
        let order = serde_json::json!({ "task": task });
        write_whole(&dir.join(spec::FILE), order.to_string().as_bytes()).map_err(failed)?;
        let (stream, mut shim) = start::spawn(self.inner, dir, false).map_err(failed)?;
        let mut reader = Reader::new(&dir.join("logs"), Cursor::default(), Filter::default());
        let mut pass_on = || {
            for said in reader.read(LINES_AT_ONCE).unwrap_or_default() {
                line(&said.text);
            }
        };
        stream.set_read_timeout(Some(LOOK)).map_err(failed)?;
        let mut stream = BufReader::with_capacity(1024, stream);
        let mut begun = String::new();
        let exit = loop {
            match heard(&mut stream, &mut begun) {
                Heard::Exit(exit) => break exit,
                Heard::Nothing => pass_on(),
                Heard::End => break Exit::Lost,
            }
        };
        let _ = shim.wait();
        pass_on();
        match exit {
            Exit::NotStarted(why) => Err(why),
            exit => Ok(exit),
        }
    }
}

enum Heard {
    Nothing,
    Exit(Exit),
    End,
}

/// Waits for a line of the shim, but not long; `begun` keeps the beginning of one.
fn heard(stream: &mut BufReader<UnixStream>, begun: &mut String) -> Heard {
    match stream.read_line(begun) {
        Ok(0) => Heard::End,
        Ok(_) => match serde_json::from_str(&std::mem::take(begun)) {
            Ok(Said::Exited(exit)) => Heard::Exit(exit),
            _ => Heard::Nothing,
        },
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Heard::Nothing,
        Err(_) => Heard::End,
    }
}

fn task(inner: &Inner, bake: &Bake<'_>, dir: &Path, work: &Path) -> Task {
    let mut env = bake.env.clone();
    let found = toolchains::find(&inner.config.path, inner.config.home.as_deref());
    for (name, value) in found.env {
        env.entry(name.to_owned()).or_insert(value);
    }
    Task {
        main: Command {
            argv: bake.argv.to_vec(),
            workdir: bake.workdir.to_owned(),
            user: bake.user.map(str::to_owned),
            attended: false,
            privileged: false,
        },
        env,
        room: Some(Room {
            single_uid: inner.config.sandbox == Sandbox::User,
            hostname: "prepare".to_owned(),
            upper: bake.upper.to_owned(),
            work: work.to_owned(),
            layers: bake.lower.to_vec(),
            mounts: plan::room::shared_mounts(inner, dir),
            hidden: toolchains::secrets(inner.config.home.as_deref()),
            users: bake.users.to_vec(),
            ..Room::default()
        }),
        ..Task::default()
    }
}
