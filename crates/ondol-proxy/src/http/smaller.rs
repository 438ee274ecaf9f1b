//! Answers in a content coding, for clients that can read it.

use http::{Method, Request, Response};

use super::body::Download;
use super::encode::Encoder;
use crate::gate::Gate;
use crate::policy::coding::{Coding, announce, announce_choice, is_worth};

/// What a client can read, of a route whose answers are made smaller.
pub(super) struct Smaller {
    coding: Option<Coding>,
}

impl Smaller {
    pub(super) fn wanted<B>(gate: &Gate, request: &Request<B>) -> Option<Self> {
        let may = gate.guard.compress && request.method() != Method::HEAD;
        may.then(|| Smaller {
            coding: Coding::wanted(request.headers()),
        })
    }

    pub(super) fn make(self, mut response: Response<Download>) -> Response<Download> {
        if !is_worth(response.status(), response.headers()) {
            return response;
        }
        announce_choice(response.headers_mut());
        let Some(coding) = self.coding else {
            return response;
        };
        // Without memory for an encoder the answer is sent as it is.
        let Ok(encoder) = Encoder::new(coding) else {
            return response;
        };
        announce(coding, response.headers_mut());
        response.map(|body| body.encoded(encoder))
    }
}
