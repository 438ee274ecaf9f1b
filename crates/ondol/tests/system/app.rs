//! A fixture application in a folder of its own, and the node that runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
pub(crate) use ondol_test::free_port;
use ondol_test::{Answer, Finished, TestDir, TestNode, get, wait_until};
use serde_json::Value;

use crate::{ONDOL, process};

/// For what takes moments on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct App {
    pub(crate) node: TestNode,
    /// The copy of the application that is started.
    pub(crate) dir: PathBuf,
    edge_port: u16,
    folder: TestDir,
}

impl App {
    /// A copy of `tests/apps/NAME` and a state folder without a node.
    pub(crate) fn new(name: &str) -> Result<App> {
        App::with(name, ONDOL.into())
    }

    /// The same, with another way to start the binary.
    pub(crate) fn with(name: &str, binary: PathBuf) -> Result<App> {
        let mut node = TestNode::absent(binary)?;
        let folder = TestDir::new()?;
        let apps = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps");
        let dir = folder.copy_of(&apps.join(name))?;
        let edge_port = free_port()?;
        node.set("EDGE_PORT", &edge_port.to_string());
        node.set("TEST_MARK", &dir.to_string_lossy());
        // What Debian has, whatever the person who tests has beside it.
        node.set(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        Ok(App {
            node,
            dir,
            edge_port,
            folder,
        })
    }

    /// Runs `ondol` in the application's folder and wants exit code 0.
    pub(crate) fn ok<const N: usize>(&self, arguments: [&str; N]) -> Result<Finished> {
        self.node.ok(&self.dir, arguments)
    }

    /// Runs `ondol` in the application's folder to its end, whatever that is.
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<Finished> {
        self.node.run(&self.dir, arguments)
    }

    /// Starts `ondol` in the application's folder and does not wait for it.
    pub(crate) fn spawn<const N: usize>(&self, arguments: [&str; N]) -> Result<Child> {
        let mut command = self.node.command(arguments);
        command
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command.spawn()?)
    }

    /// `up` until everything is ready.
    pub(crate) fn up(&self) -> Result<Finished> {
        self.ok(["up", "--wait", "--wait-timeout", "60"])
    }

    /// The folder that the application's copy is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Port of the edge.
    pub(crate) fn edge_port(&self) -> u16 {
        self.edge_port
    }

    /// The edge of the application.
    pub(crate) fn edge(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.edge_port)
    }

    /// What the edge answers, as JSON.
    pub(crate) fn ask(&self, path: &str) -> Result<Value> {
        json_of(&get(&self.edge(path))?)
    }

    /// Replicas by name, those that have ended among them.
    pub(crate) fn replicas(&self) -> Result<BTreeMap<String, Value>> {
        let listed = self.ok(["ps", "--all", "--json"])?;
        let mut replicas = BTreeMap::new();
        for replica in listed.lines()? {
            let name = replica["name"]
                .as_str()
                .context("a replica without a name")?;
            replicas.insert(name.to_owned(), replica);
        }
        Ok(replicas)
    }

    pub(crate) fn replica(&self, name: &str) -> Result<Value> {
        self.replicas()?
            .remove(name)
            .with_context(|| format!("there is no replica {name}"))
    }

    /// Process ids of all replicas that run, by name.
    pub(crate) fn pids(&self) -> Result<BTreeMap<String, i64>> {
        let replicas = self.replicas()?.into_iter();
        Ok(replicas
            .filter_map(|(name, replica)| Some((name, replica["pid"].as_i64()?)))
            .collect())
    }

    pub(crate) fn pid(&self, name: &str) -> Result<i32> {
        let pid = self
            .pids()?
            .remove(name)
            .with_context(|| format!("{name} does not run"))?;
        Ok(i32::try_from(pid)?)
    }

    /// Waits until a replica is as wanted.
    pub(crate) fn wait_for(
        &self,
        name: &str,
        what: &str,
        like: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let found = wait_until(&format!("{name} {what}"), SOON, || {
            self.replica(name).ok().filter(&like)
        });
        found.with_context(|| format!("it is {:?}", self.replica(name)))
    }

    /// The processes of services that carry this test's mark in their environment, whoever started them.
    pub(crate) fn processes(&self) -> BTreeSet<i32> {
        process::with_variable("MARK", &self.dir.to_string_lossy())
    }

    /// The proxy, and those before it that still have something to finish.
    pub(crate) fn proxies(&self) -> BTreeSet<i32> {
        let of_node = process::with_word(&self.node.state().to_string_lossy());
        let proxies = process::with_word("proxy");
        proxies.intersection(&of_node).copied().collect()
    }

    pub(crate) fn proxy(&self) -> Result<i32> {
        let mut proxies = self.proxies();
        proxies.pop_first().context("there is no proxy")
    }

    /// Replaces text of a file of the application; it must be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.dir.join(file);
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            bail!("{file} does not contain `{from}`");
        }
        Ok(fs::write(path, text.replace(from, to))?)
    }

    /// Takes everything down and ends the test well.
    pub(crate) fn finish(self) -> Result<()> {
        self.ok(["down", "--volumes"])?;
        self.node.stop()
    }
}

pub(crate) fn json_of(answer: &Answer) -> Result<Value> {
    if answer.status != 200 {
        bail!("answered {}: {}", answer.status, answer.text());
    }
    serde_json::from_slice(&answer.body).with_context(|| answer.text())
}

/// Whether replicas of this run see a network of their own.
pub(crate) fn has_own_network() -> bool {
    std::env::var_os("ONDOL_SANDBOX").is_none_or(|sandbox| sandbox != "none")
}
