//! POSTs of JSON, on a connection of their own: alerts are few.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use ondol_alert::DeliveryError;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{lasting, passing, tls};

/// What is read of an answer, to say why something was refused.
const ANSWER_BYTES_MAX: usize = 4 << 10;
const AGENT: &str = concat!("Ondol/", env!("CARGO_PKG_VERSION"));

/// Posts a value as JSON. Statuses 2xx are well; 429 and 5xx may pass.
pub(super) async fn post(url: &str, value: &impl Serialize) -> Result<(), DeliveryError> {
    let body = serde_json::to_vec(value).map_err(|error| lasting(error.to_string()))?;
    let uri: Uri = url
        .parse()
        .map_err(|_| lasting("its address is none".to_owned()))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let is_secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let request = request(&uri, body)?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((name, port)).await;
    let stream = stream.map_err(|error| passing(format!("{host}:{port}: {error}")))?;
    let (status, answer) = match is_secure {
        true => exchange(tls::connect(stream, name).await?, request).await?,
        false => exchange(stream, request).await?,
    };
    if status.is_success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
    let message = format!("{host}:{port} answered {status}: {}", said.trim());
    match status {
        StatusCode::TOO_MANY_REQUESTS => Err(passing(message)),
        status if status.is_server_error() => Err(passing(message)),
        _ => Err(lasting(message)),
    }
}

fn request(uri: &Uri, body: Vec<u8>) -> Result<Request<Full<Bytes>>, DeliveryError> {
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, AGENT);
    if let Some(login) = login {
        let login = percent_encoding::percent_decode_str(login);
        let login = STANDARD.encode(login.collect::<Vec<u8>>());
        request = request.header(AUTHORIZATION, format!("Basic {login}"));
    }
    let body = Full::new(Bytes::from(body));
    request
        .body(body)
        .map_err(|error| lasting(error.to_string()))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), DeliveryError> {
    let broke = |error: hyper::Error| passing(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broke)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broke)?;
    let status = response.status();
    let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    connection.abort();
    // The status says all that matters.
    let answer = answer
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Ok((status, answer))
}
