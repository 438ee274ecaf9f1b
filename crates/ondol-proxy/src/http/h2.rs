//! HTTP/2 of clients: frames (RFC 9113) and heads (RFC 7541) from bytes to bytes.
//!
//! Requests that are only passed on are answered here, by the same short way as those of HTTP/1.1 ([`super::raw`]).
//! Everything else, also what is no request, goes on to hyper by a connection in memory ([`long_way`]), stream by
//! stream: so everything that is refused, repeated or answered instead is said in one place. What ends a whole
//! connection (frames that are none, floods, windows) is found here.

mod answer;
mod connection;
mod driver;
mod frame;
mod fuzzed;
mod hpack;
mod long_way;
mod reader;
mod request;
mod settings;
mod streams;
mod uploads;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::exchange::Exchange;
use crate::Refusal;
use crate::stream::ClientStream;
use crate::worker::{Client, Shard};
use connection::Connection;
pub(super) use driver::STREAM_WINDOW_BYTES;
use driver::{Driver, End};
use frame::Code;
pub use fuzzed::pass_frames;
pub(super) use request::TRIED;

/// A client that is gone without a word is noticed within twice this time.
const PING: Duration = Duration::from_secs(30);
/// How long a client may take to hear that the connection ends, before that is so.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long it may take to hear why.
const LINGER: Duration = Duration::from_secs(1);

/// Serves the requests of one connection of HTTP/2, several at once, until the client leaves or the listener closes.
pub(crate) async fn serve_http2(shard: Rc<Shard>, client: Client, stream: ClientStream) {
    let at = Rc::new(Exchange::new(shard, Rc::new(client)));
    let serving = at.client.serving.clone();
    let connection = Rc::new(Connection::new(at));
    let mut driver = Driver::new(&connection, stream);
    let code = match drive(&mut driver, &connection).await {
        End::Left => return,
        End::Done => None,
        End::Found(code) => Some(code),
        End::Fault(code) => {
            serving.count_refusal(match code {
                Code::EnhanceYourCalm => Refusal::Http2Abuse,
                _ => Refusal::BadFrame,
            });
            Some(code)
        }
    };
    if let Some(code) = code {
        driver.say(code);
    }
    // A client that does not want to hear it is not waited for.
    let _ = timeout(LINGER, driver.end()).await;
}

async fn drive(driver: &mut Driver<'_>, connection: &Connection) -> End {
    let mut closing = pin!(connection.at.client.serving.closing());
    let mut tick = pin!(sleep(PING));
    loop {
        tokio::select! {
            biased;
            end = poll_fn(|cx| driver.poll(cx)) => return end,
            () = closing.as_mut(), if !driver.is_closing() => {
                driver.begin_to_close();
                tick.as_mut().reset(Instant::now() + GOODBYE);
            }
            () = tick.as_mut() => {
                if driver.is_closing() {
                    driver.close();
                }
                if !driver.ask_whether_alive() {
                    return End::Left;
                }
                tick.as_mut().reset(Instant::now() + PING);
            }
        }
    }
}
