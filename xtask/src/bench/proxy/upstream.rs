//! The service behind every proxy: answers that were written before they are asked for, so that it costs little.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::machine::{Cores, Running};
use crate::say;

const HEAD_BYTES_MAX: usize = 16 << 10;

/// Two addresses of one process.
pub(super) struct Upstream {
    pub(super) at: [SocketAddr; 2],
    _process: Running,
}

impl Upstream {
    pub(super) fn start(cores: &Cores) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "proxy", "--upstream"]);
        let mut process = Running::start(&cores.others, command.stdout(Stdio::piped()))?;
        let mut said = BufReader::new(process.stdout().context("it has no output")?).lines();
        let mut address = || -> Result<SocketAddr> {
            let line = said.next().context("the upstream ended")??;
            Ok(line.parse()?)
        };
        let at = [address()?, address()?];
        Ok(Upstream {
            at,
            _process: process,
        })
    }
}

/// Is the service. `/who` says by which of the two addresses it was asked; a path that ends in `10k` is answered by
/// 10 KiB, every other by 100 bytes, and `/kept` may be kept. A switch of protocol becomes an echo.
pub(super) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let first = TcpListener::bind("127.0.0.1:0").await?;
        let second = TcpListener::bind("127.0.0.1:0").await?;
        say::line(&first.local_addr()?.to_string());
        say::line(&second.local_addr()?.to_string());
        std::io::stdout().flush()?;
        loop {
            let (stream, _) = tokio::select! {
                accepted = first.accept() => accepted?,
                accepted = second.accept() => accepted?,
            };
            tokio::spawn(answer_all(stream));
        }
    })
}

async fn answer_all(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let who = stream.local_addr().ok()?.to_string();
    let (small, large) = (
        canned("", &"x".repeat(100)),
        canned("", &"x".repeat(10 << 10)),
    );
    let kept = canned("cache-control: max-age=3600\r\n", &"x".repeat(100));
    let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            let length = stream.read_buf(&mut head).await.ok()?;
            if length == 0 || head.len() > HEAD_BYTES_MAX {
                return None;
            }
        }
        let path = head.split(|byte| *byte == b' ').nth(1)?;
        let is_switch = path == b"/socket";
        let answer = match path {
            b"/who" => &canned("", &who),
            b"/kept" => &kept,
            b"/socket" => SWITCHED.as_bytes(),
            path if path.ends_with(b"10k") => &large,
            _ => &small,
        };
        stream.write_all(answer).await.ok()?;
        head.clear();
        if is_switch {
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.ok()?;
            return Some(());
        }
    }
}

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

fn canned(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
