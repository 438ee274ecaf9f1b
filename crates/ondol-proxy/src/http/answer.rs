//! Answers that need no service: what a route says itself.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};
use ondol_model::Local;

use super::body::{Busy, Download};
use super::refuse::{REASON, refuse};
use super::way::Way;
use crate::Refusal;
use crate::policy::cors::is_preflight;
use crate::policy::plan::{Answer, Plan, location};

/// The answer, or the permission to go on.
pub(super) fn answer<B>(
    way: &Way,
    plan: &Plan,
    request: &Request<B>,
    busy: Busy,
) -> Result<Busy, Box<Response<Download>>> {
    if let Some(cors) = &plan.cors
        && is_preflight(request.method(), request.headers())
    {
        let mut response = said(StatusCode::NO_CONTENT, Bytes::new(), Local::Preflight, busy);
        let verdict = cors.judge(request.headers());
        verdict.answer_preflight(request.headers(), response.headers_mut());
        return Err(Box::new(response));
    }
    match &plan.answer {
        Some(Answer::Static(answer)) => {
            let mut response = said(answer.status, answer.body.clone(), Local::Static, busy);
            response.headers_mut().extend(answer.headers.clone());
            return Err(Box::new(response));
        }
        Some(Answer::Redirect(redirect)) => {
            let uri = request.uri();
            let path = way.path.as_deref().unwrap_or(uri.path());
            let to = location(redirect, &way.host, path, uri.query(), way.prefix());
            let status = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::FOUND);
            let mut response = said(status, Bytes::new(), Local::Redirect, busy);
            match HeaderValue::try_from(to) {
                Ok(to) => response.headers_mut().insert(LOCATION, to),
                Err(_) => None,
            };
            return Err(Box::new(response));
        }
        None => {}
    }
    let Some(max) = plan.body_bytes_max else {
        return Ok(busy);
    };
    let length = request.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    match length.is_some_and(|length| length > max) {
        true => Err(Box::new(refuse(
            Refusal::BodyTooLarge,
            too_large(max),
            busy,
        ))),
        false => Ok(busy),
    }
}

/// Whether an answer is one to a preflight: that has said what there is to say.
pub(super) fn is_preflight_answer(response: &Response<Download>) -> bool {
    response
        .headers()
        .get(REASON)
        .is_some_and(|reason| reason == Local::Preflight.word())
}

pub(super) fn too_large(max: u64) -> String {
    format!("the body has more than {max} bytes")
}

fn said(status: StatusCode, body: Bytes, reason: Local, busy: Busy) -> Response<Download> {
    busy.because(reason);
    let mut response = Response::new(Download::text(body, busy));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(REASON, HeaderValue::from_static(reason.word()));
    response
}
