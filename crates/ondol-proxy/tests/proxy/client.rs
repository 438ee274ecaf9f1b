use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A client that speaks HTTP by hand, so that nothing helps or hides.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Client {
        Client {
            stream: TcpStream::connect(to).await.unwrap(),
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n"
        ))
        .await;
        self.answer().await.expect("an answer")
    }

    /// The next answer; `None` when the connection ended before it was complete.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let head = self.head().await?;
        self.body(head, false).await
    }

    pub(crate) async fn answer_to_head(&mut self) -> Option<Answer> {
        let head = self.head().await?;
        self.body(head, true).await
    }

    pub(crate) async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                let head = self.unread.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            self.more().await?;
        }
    }

    async fn body(&mut self, head: String, without: bool) -> Option<Answer> {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if without || status == 204 || status == 304 || status < 200 {
            return Some(answer);
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = self.take(length.parse().unwrap()).await?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line().await?, 16).unwrap();
                answer.body.extend(self.take(size).await?);
                self.line().await?;
                if size == 0 {
                    break;
                }
            }
        } else {
            while self.more().await.is_some() {}
            answer.body = std::mem::take(&mut self.unread);
        }
        Some(answer)
    }

    pub(crate) async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            self.more().await?;
        }
        Some(self.unread.drain(..length).collect())
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|bytes| bytes == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 16 << 10];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer))
            .await
            .expect("bytes or an end");
        match read {
            Ok(length @ 1..) => {
                self.unread.extend_from_slice(&buffer[..length]);
                Some(())
            }
            Ok(0) | Err(_) => None,
        }
    }

    /// Whether the other side ended the connection.
    pub(crate) async fn is_ended(&mut self) -> bool {
        self.unread.is_empty() && self.more().await.is_none()
    }
}

/// One request on a connection of its own.
pub(crate) async fn get(to: SocketAddr, path: &str) -> Answer {
    Client::connect(to).await.get(path).await
}

/// Clients that send requests until they are stopped, each on a kept connection, and count what failed.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// `fresh` opens a new connection for every request.
    pub(crate) fn start(to: SocketAddr, clients: usize, fresh: bool) -> Load {
        let (stop, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let clients = (0..clients)
            .map(|_| tokio::spawn(hammer(to, fresh, stop.clone(), done.clone())))
            .collect();
        Load {
            stop,
            done,
            clients,
        }
    }

    /// Waits for so many more answers.
    pub(crate) async fn go_on(&self, count: u64) {
        let goal = self.done.load(Ordering::Relaxed) + count;
        timeout(PATIENCE, async {
            while self.done.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .expect("requests are still answered");
    }

    /// How many were answered; all of them with 200.
    pub(crate) async fn stop_counting(self) -> u64 {
        let done = self.done.clone();
        assert_eq!(self.stop().await, Vec::<String>::new());
        done.load(Ordering::Relaxed)
    }

    /// Every request that did not get 200, in words.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for client in self.clients {
            failures.extend(client.await.unwrap());
        }
        failures
    }
}

async fn hammer(
    to: SocketAddr,
    fresh: bool,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        let mut client = match kept.take() {
            Some(client) => client,
            None => match TcpStream::connect(to).await {
                Ok(stream) => Client {
                    stream,
                    unread: Vec::new(),
                },
                Err(error) => {
                    failures.push(format!("connect: {error}"));
                    continue;
                }
            },
        };
        let request = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        if let Err(error) = client.stream.write_all(request.as_bytes()).await {
            failures.push(format!("send: {error}"));
            continue;
        }
        match client.answer().await {
            None => failures.push("the connection ended instead of an answer".to_owned()),
            Some(answer) => {
                done.fetch_add(1, Ordering::Relaxed);
                if answer.status != 200 {
                    failures.push(answer.head.clone() + &String::from_utf8_lossy(&answer.body));
                }
                if !fresh && answer.header("connection") != Some("close") {
                    kept = Some(client);
                }
            }
        }
    }
    failures
}
