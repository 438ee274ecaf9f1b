//! Requests to an authority: hyper on a new connection each, which is all that a few of them a month need.

use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(30);
/// An answer that is larger is none of an authority.
const ANSWER_BYTES_MAX: usize = 1 << 20;

type Failed = Box<dyn Error + Send + Sync>;

pub(super) struct Client {
    tls: TlsConnector,
}

impl Client {
    /// `ca` is whom to believe about the authority's own certificate; `None` whom this machine believes.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(file) => {
                let explain = |error: &dyn Error| format!("{}: {error}", file.display());
                let certificates =
                    CertificateDer::pem_file_iter(file).map_err(|error| explain(&error))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|error| explain(&error))?;
                    roots.add(certificate).map_err(|error| explain(&error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Client {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let tls = self.tls.clone();
        Box::pin(async move {
            let answer = timeout(PATIENCE, ask(tls, request)).await;
            let answer = answer.map_err(|late| instant_acme::Error::Other(late.into()))?;
            answer.map_err(instant_acme::Error::Other)
        })
    }
}

async fn ask(
    tls: TlsConnector,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Failed> {
    let uri = request.uri().clone();
    let host = uri.host().ok_or("an address without a host")?.to_owned();
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    if let Some(authority) = uri.authority() {
        let authority = authority.as_str().parse()?;
        request.headers_mut().insert(http::header::HOST, authority);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    let response = match secure {
        true => {
            send(
                tls.connect(ServerName::try_from(host)?, stream).await?,
                request,
            )
            .await?
        }
        false => send(stream, request).await?,
    };
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await?
        .to_bytes();
    Ok(BytesResponse {
        parts,
        body: Box::new(body),
    })
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<BodyWrapper<Bytes>>,
) -> Result<Response<Incoming>, Failed> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
