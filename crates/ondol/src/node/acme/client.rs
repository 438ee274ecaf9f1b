//! Requests to an authority, as the client of ACME wants them made.

use std::path::Path;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

pub(super) struct Client(ondol_observe::Client);

impl Client {
    /// `ca` is whom to believe about the authority's own certificate; `None` whom this machine believes.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, String> {
        ondol_observe::Client::new(ca).map(Client)
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| Error::Other(error.into()))?;
            let answer = client
                .send(Request::from_parts(parts, body.to_bytes()))
                .await;
            let (parts, body) = answer
                .map_err(|error| Error::Other(error.into()))?
                .into_parts();
            Ok(BytesResponse {
                parts,
                body: Box::new(body),
            })
        })
    }
}
