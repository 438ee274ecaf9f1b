//! One endpoint and the connection to it, which stays open from one question to the next.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ondol_telemetry::Format;

use super::{Dial, Scrape};

/// A page is not longer.
const PAGE_BYTES_MAX: usize = 32 << 20;
const ACCEPTED: &str =
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A page as it was answered.
pub(super) struct Page {
    pub(super) body: Bytes,
    pub(super) format: Format,
}

pub(super) struct Asker {
    dial: Dial,
    host: String,
    path: String,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Asker {
    pub(super) fn new(scrape: &Scrape) -> Self {
        Asker {
            dial: scrape.dial.clone(),
            host: scrape.host.clone(),
            path: scrape.path.clone(),
            connection: None,
        }
    }

    /// Asks once; an error is a sentence for people. A connection that has been closed meanwhile is opened anew.
    pub(super) async fn ask(&mut self) -> Result<Page, String> {
        if let Some(mut open) = self.connection.take()
            && open.ready().await.is_ok()
            && let Ok(answer) = open.send_request(self.request()?).await
        {
            return self.page(open, answer).await;
        }
        let mut new = self.connect().await?;
        let answer = new.send_request(self.request()?).await;
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        self.page(new, answer).await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, String> {
        Request::get(&self.path)
            .header(HOST, &self.host)
            .header(ACCEPT, ACCEPTED)
            .header(USER_AGENT, concat!("Ondol/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| format!("`{}` cannot be asked for: {error}", self.path))
    }

    async fn page(
        &mut self,
        connection: SendRequest<Empty<Bytes>>,
        answer: Response<Incoming>,
    ) -> Result<Page, String> {
        if answer.status() != StatusCode::OK {
            return Err(format!("server returned HTTP status {}", answer.status()));
        }
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let format = Format::of_content_type(kind);
        let body = Limited::new(answer.into_body(), PAGE_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| format!("the page broke off: {error}"))?;
        self.connection = Some(connection);
        Ok(Page {
            body: body.to_bytes(),
            format,
        })
    }

    /// The next question is asked on a new connection.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, String> {
        let refused = |error: std::io::Error| format!("{} does not answer: {error}", self.host);
        let stream = (self.dial)().await.map_err(refused)?;
        stream.set_nonblocking(true).map_err(refused)?;
        let stream = tokio::net::TcpStream::from_std(stream).map_err(refused)?;
        let shaken = handshake(TokioIo::new(stream)).await;
        let (connection, driver) = shaken.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            // The next question meets its end.
            let _ = driver.await;
        });
        Ok(connection)
    }
}
