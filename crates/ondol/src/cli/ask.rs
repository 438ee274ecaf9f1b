//! Asks the telemetry of the node, through its socket in the state folder: whatever port it has, or none.

use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::failure::Failure;
use super::node;
use crate::node::telemetry_socket;

/// The answer to a question, as JSON.
pub(crate) async fn get(path: &str, pairs: &[(&str, String)]) -> Result<Value, Failure> {
    json(whole(ask(Method::GET, path, pairs).await?).await?)
}

/// The same, of something that is to be done.
pub(crate) async fn post(path: &str, pairs: &[(&str, String)]) -> Result<Value, Failure> {
    json(whole(ask(Method::POST, path, pairs).await?).await?)
}

/// `data` of an answer in Prometheus' envelope, and what it says beside.
pub(crate) async fn prometheus(
    path: &str,
    pairs: &[(&str, String)],
) -> Result<(Value, Vec<String>), Failure> {
    let mut answer = get(path, pairs).await?;
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("the query was refused");
        return Err(Failure::error(why));
    }
    let notes = [&answer["warnings"], &answer["infos"]]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|note| note.as_str().map(ToOwned::to_owned))
        .collect();
    Ok((answer["data"].take(), notes))
}

/// The answer to a question, piece by piece.
pub(crate) async fn stream(path: &str, pairs: &[(&str, String)]) -> Result<Incoming, Failure> {
    let answer = ask(Method::GET, path, pairs).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        _ => {
            let why = whole(answer).await?.1;
            Err(Failure::error(String::from_utf8_lossy(&why).trim()))
        }
    }
}

async fn ask(
    method: Method,
    path: &str,
    pairs: &[(&str, String)],
) -> Result<http::Response<Incoming>, Failure> {
    let socket = telemetry_socket(&node::state_dir()?);
    let stream = UnixStream::connect(&socket).await.map_err(|_| {
        Failure::error("there is no telemetry: no node runs, or it could not open one")
            .hint("`ondol up` starts a node; why one has no telemetry is said in its log")
    })?;
    let broken =
        |error: hyper::Error| Failure::error(format!("the telemetry did not answer: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // It ends with the answer.
    tokio::spawn(connection);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}?{}", query.finish()))
        .header(HOST, "telemetry")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failure::error(error.to_string()))?;
    sender.send_request(request).await.map_err(broken)
}

async fn whole(answer: http::Response<Incoming>) -> Result<(StatusCode, Bytes), Failure> {
    let status = answer.status();
    let body = answer.into_body().collect().await;
    let body = body.map_err(|error| Failure::error(format!("the answer broke off: {error}")))?;
    Ok((status, body.to_bytes()))
}

fn json((status, body): (StatusCode, Bytes)) -> Result<Value, Failure> {
    serde_json::from_slice(&body).map_err(|_| {
        let said = String::from_utf8_lossy(&body);
        Failure::error(format!("the telemetry answered {status}: {}", said.trim()))
    })
}
