use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A service that speaks HTTP by hand. Answers `NAME METHOD TARGET`, then the request's headers and body;
/// some paths behave otherwise, see [`answer`].
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicU64>,
    pub(crate) requests: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Service {
    pub(crate) async fn start(name: &'static str) -> Service {
        Service::with_delay(name, Duration::ZERO).await
    }

    /// Every answer takes `delay`.
    pub(crate) async fn with_delay(name: &'static str, delay: Duration) -> Service {
        Service::at("127.0.0.1:0".parse().unwrap(), name, delay).await
    }

    pub(crate) async fn at(address: SocketAddr, name: &'static str, delay: Duration) -> Service {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counters = (connections.clone(), requests.clone());
        let task = tokio::spawn(async move {
            let mut served = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counters.0.fetch_add(1, Ordering::Relaxed);
                served.spawn(serve(name, delay, stream, counters.1.clone()));
            }
        });
        Service {
            address,
            connections,
            requests,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Service {
    /// Ends like a killed process: the listener and every connection at once.
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

async fn serve(
    name: &'static str,
    delay: Duration,
    stream: TcpStream,
    requests: Arc<AtomicU64>,
) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    loop {
        let asked = read(&mut stream).await?;
        requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(delay).await;
        answer(name, &asked, &mut stream).await?;
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ').map(str::to_owned);
    let mut asked = Asked {
        method: first.next()?,
        target: first.next()?,
        headers: lines.split_off(1),
        body: Vec::new(),
    };
    let value = |name: &str| {
        asked.headers.iter().find_map(|line| {
            line.split_once(": ")
                .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        })
    };
    if let Some((_, length)) = value("content-length") {
        asked.body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut asked.body).await.ok()?;
    } else if value("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let mut chunk = vec![0; usize::from_str_radix(line.trim_end(), 16).unwrap() + 2];
            stream.read_exact(&mut chunk).await.ok()?;
            if chunk.len() == 2 {
                break;
            }
            asked.body.extend_from_slice(&chunk[..chunk.len() - 2]);
        }
    }
    Some(asked)
}

/// `/chunked`: no length. `/break`: ends in the middle. `/close`: closes without an answer. `/last`: closes after it.
/// `/status/503`: that status. `/silent`: no answer. `/stall`: a part of one. `/large`: 8 MiB. `/socket`: switches to an
/// echo. `/empty`: 204. `/length`: how long the body was. `/say/STATUS/NAME:VALUE;...`: this status and these headers;
/// 304 when the client has its ETag.
async fn answer(name: &str, asked: &Asked, stream: &mut BufReader<TcpStream>) -> Option<()> {
    let mut text = format!(
        "{name} {} {}\n{}\n",
        asked.method,
        asked.target,
        asked.headers.join("\n")
    );
    text.push_str(&String::from_utf8_lossy(&asked.body));
    let ok = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\nx-from: service\r\n";
    let path = asked.target.as_str();
    let reply = match path {
        "/chunked" => {
            format!("{ok}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
        }
        "/break" => format!("{ok}content-length: 100\r\n\r\nonly this"),
        "/close" | "/silent" => String::new(),
        "/stall" => format!("{ok}content-length: 100\r\n\r\nonly this"),
        _ if path.starts_with("/status/") => {
            let status = &path["/status/".len()..];
            format!("HTTP/1.1 {status} As Asked\r\ncontent-length: 0\r\n\r\n")
        }
        "/empty" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "/large" => format!(
            "{ok}content-length: {}\r\n\r\n{}",
            8 << 20,
            "x".repeat(8 << 20)
        ),
        "/length" => {
            let length = asked.body.len().to_string();
            format!("{ok}content-length: {}\r\n\r\n{length}", length.len())
        }
        "/socket" => {
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n"
                .to_owned()
        }
        "/last" => format!("{ok}connection: close\r\ncontent-length: 4\r\n\r\nlast"),
        _ if path.starts_with("/say/") => said(asked, &text),
        _ if asked.method == "HEAD" => format!("{ok}content-length: {}\r\n\r\n", text.len()),
        _ => format!("{ok}content-length: {}\r\n\r\n{text}", text.len()),
    };
    stream.write_all(reply.as_bytes()).await.ok()?;
    match path {
        "/silent" | "/stall" => std::future::pending().await,
        "/break" | "/close" | "/last" => None,
        "/socket" => {
            let mut buffer = [0; 1024];
            loop {
                let length = stream
                    .read(&mut buffer)
                    .await
                    .ok()
                    .filter(|&length| length > 0)?;
                stream.write_all(&buffer[..length]).await.ok()?;
            }
        }
        _ => Some(()),
    }
}

/// The answer that a path `/say/...` describes.
fn said(asked: &Asked, text: &str) -> String {
    let (path, _) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let mut parts = path.splitn(4, '/').skip(2);
    let (status, headers) = (parts.next().unwrap_or("200"), parts.next().unwrap_or(""));
    let headers = headers.split(';').filter(|header| !header.is_empty());
    let headers: String = headers
        .map(|header| format!("{}\r\n", header.replacen(':', ": ", 1)))
        .collect();
    let has = |line: &String| {
        line.strip_prefix("if-none-match: ")
            .is_some_and(|tag| headers.contains(&format!("etag: {tag}")))
    };
    match asked.headers.iter().any(has) {
        true => format!("HTTP/1.1 304 Not Modified\r\n{headers}\r\n"),
        false => format!(
            "HTTP/1.1 {status} OK\r\n{headers}content-length: {}\r\n\r\n{text}",
            text.len()
        ),
    }
}

/// A server that greets before it is spoken to and then echoes, as mail and database servers begin.
pub(crate) async fn greeter() -> SocketAddr {
    echo(Some("hello from the server\n")).await
}

/// A server that echoes whatever it is sent.
pub(crate) async fn echo(greeting: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(greeting.unwrap_or("").as_bytes()).await?;
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}
