//! The process that speaks WebDriver, and its answers.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::http;

#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Starts it on a port of its own choice, with `home` as its home.
    pub(crate) fn start(program: &Path, home: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .arg("--port=0")
            .env("HOME", home)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let stdout = child.stdout.take();
        // Its group is ended when this is dropped, whatever comes next.
        let mut driver = Driver { child, port: 0 };
        let mut lines = BufReader::new(stdout.context("the driver has no output")?);
        driver.port = loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                bail!("{} ended without saying its port", program.display());
            }
            if let Some(port) = announced(&line) {
                break port;
            }
        };
        Ok(driver)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", path, body.to_string().as_bytes())
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value> {
        self.ask("DELETE", path, b"")
    }

    /// The protocol wraps every answer in `value`; an error has `error` and `message` there (section 6.6).
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let answer = http::request(method, &url, &[("Content-Type", "application/json")], body)?;
        let mut answer_body: Value =
            serde_json::from_slice(&answer.body).context("the driver answered no JSON")?;
        let value = answer_body["value"].take();
        if answer.status != 200 {
            let message = value["message"]
                .as_str()
                .unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default();
            bail!(
                "{method} {path}: {}: {message}",
                value["error"].as_str().unwrap_or("an error without a name")
            );
        }
        Ok(value)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its group is its browser too.
        let _ = killpg(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGKILL,
        );
        let _ = self.child.wait();
    }
}

/// `ChromeDriver was started successfully on port 35123.`
fn announced(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("started successfully on port ")?;
    rest.trim_end().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_what_it_says() {
        assert_eq!(
            announced("ChromeDriver was started successfully on port 35123.\n"),
            Some(35123)
        );
        assert_eq!(announced("Only local connections are allowed."), None);
    }
}
