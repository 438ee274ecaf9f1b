use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use ondol_model::Time;
use tokio::net::TcpStream;

use crate::limits::Limits;

/// A connection of HTTP/1.1 to an endpoint, and when it was opened.
pub(crate) struct Bare {
    pub stream: TcpStream,
    pub opened: Time,
}

/// Idle ones, by address. The one that was used last is used next: the endpoint may have closed the others.
#[derive(Default)]
pub(crate) struct BarePool(RefCell<BTreeMap<SocketAddr, Vec<(Bare, Time)>>>);

impl BarePool {
    pub(crate) fn take(&self, address: SocketAddr, limits: &Limits, now: Time) -> Option<Bare> {
        let mut all = self.0.borrow_mut();
        let idle = all.get_mut(&address)?;
        loop {
            let (_, since) = idle.last()?;
            if now.since(*since) > limits.pool_idle_time_max {
                return None;
            }
            let (bare, _) = idle.pop()?;
            if bare.is_quiet() {
                return Some(bare);
            }
        }
    }

    /// Keeps one whose last answer is complete.
    pub(crate) fn put(&self, address: SocketAddr, bare: Bare, limits: &Limits, now: Time) {
        if now.since(bare.opened) > limits.pool_age_max {
            return;
        }
        let mut all = self.0.borrow_mut();
        let idle = all.entry(address).or_default();
        if idle.len() < limits.pool_idle_max {
            idle.push((bare, now));
        }
    }

    pub(super) fn sweep(&self, limits: &Limits, now: Time) {
        self.0.borrow_mut().retain(|_, idle| {
            idle.retain(|(bare, since)| {
                now.since(*since) <= limits.pool_idle_time_max && bare.is_quiet()
            });
            !idle.is_empty()
        });
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Bare {
    /// Whether the endpoint has neither closed it nor said anything that nobody asked for. Only when something
    /// happened since the last read is the kernel asked.
    fn is_quiet(&self) -> bool {
        match self
            .stream
            .poll_read_ready(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => true,
            Poll::Ready(_) => {
                let read = self.stream.try_read(&mut [0]);
                matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: Limits = Limits::DEFAULT;

    #[tokio::test]
    async fn one_that_was_closed_or_spoke_unasked_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pool = BarePool::default();
        let put = async || {
            let stream = TcpStream::connect(address).await.unwrap();
            let (theirs, _) = listener.accept().await.unwrap();
            let bare = Bare {
                stream,
                opened: Time::ZERO,
            };
            pool.put(address, bare, &LIMITS, Time::ZERO);
            theirs
        };
        let is_there = |now| pool.take(address, &LIMITS, now).is_some();
        let _kept = put().await;
        assert!(is_there(Time::ZERO) && !is_there(Time::ZERO));
        let _kept = put().await;
        assert!(!is_there(Time::ZERO + LIMITS.pool_idle_time_max * 2));
        pool.clear();

        drop(put().await);
        let mut loud = put().await;
        loud.write_all(b"HTTP/1.1 408 Too late\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!is_there(Time::ZERO));
    }
}
