//! POSTs of JSON, on a connection of their own: alerts are few.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use ondol_alert::DeliveryError;
use serde::Serialize;

use super::{lasting, passing, tls};
use crate::client::ClientError;

/// Letters of an answer that are told, to say why something was refused.
const WORDS_MAX: usize = 200;
const AGENT: &str = concat!("Ondol/", env!("CARGO_PKG_VERSION"));

/// Posts a value as JSON. Statuses 2xx are well; 429 and 5xx may pass.
pub(super) async fn post(url: &str, value: &impl Serialize) -> Result<(), DeliveryError> {
    let body = serde_json::to_vec(value).map_err(|error| lasting(error.to_string()))?;
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, AGENT)
        .body(Bytes::from(body))
        .map_err(|_| lasting("its address is none".to_owned()))?;
    // Without what stands before the `@`: that is a password.
    let authority = request.uri().authority().map_or("", |part| part.as_str());
    let place = authority.rsplit('@').next().unwrap_or_default().to_owned();
    let answer = match tls::client().await?.send(request).await {
        Ok(answer) => answer,
        Err(ClientError::Address(why)) => return Err(lasting(why)),
        Err(error) => return Err(passing(format!("{place}: {error}"))),
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(answer.body());
    let said: String = said.chars().take(WORDS_MAX).collect();
    let message = format!("{place} answered {status}: {}", said.trim());
    match status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        true => Err(passing(message)),
        false => Err(lasting(message)),
    }
}
