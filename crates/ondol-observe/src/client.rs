//! Requests to programs elsewhere: HTTP/1.1 on a new connection each, which is all that a few of them a minute need, and
//! TLS where the address says so.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const PATIENCE: Duration = Duration::from_secs(30);
/// A larger answer is none that anybody here asked for.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// The address is none that can be asked.
    Address(String),
    /// It could not be reached, or broke off: perhaps later.
    Broken(Box<dyn Error + Send + Sync>),
    /// It took longer than half a minute.
    Late,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Address(why) => f.write_str(why),
            ClientError::Broken(error) => error.fmt(f),
            ClientError::Late => write!(f, "no answer within {} s", PATIENCE.as_secs()),
        }
    }
}

impl Error for ClientError {}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Broken {
    fn from(error: E) -> Self {
        Broken(error.into())
    }
}

/// So that `?` takes every error on the way to an answer.
struct Broken(Box<dyn Error + Send + Sync>);

/// Asks. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
}

impl Client {
    /// `ca` is a file with whom to believe about the certificates of others; `None` whom this machine believes.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds no certificates.
    pub fn new(ca: Option<&Path>) -> Result<Self, String> {
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

    /// Asks the address of the request, which is a whole one: `https://host:port/path`. A name and password in it
    /// become the request's authorization (RFC 7617).
    ///
    /// # Errors
    ///
    /// When there is no answer, whatever its status is.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let (server, request) = addressed(request).map_err(ClientError::Address)?;
        let answer = timeout(PATIENCE, self.exchange(server, request)).await;
        let answer = answer.map_err(|_late| ClientError::Late)?;
        answer.map_err(|Broken(error)| ClientError::Broken(error))
    }

    /// TLS on a connection to a host.
    pub(crate) async fn secured(
        &self,
        stream: TcpStream,
        host: String,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        self.tls.connect(name, stream).await
    }

    async fn exchange(
        &self,
        server: Server,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Broken> {
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
        let response = match server.secure {
            true => asked(self.secured(stream, server.host).await?, request).await?,
            false => asked(stream, request).await?,
        };
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

struct Server {
    host: String,
    port: u16,
    secure: bool,
}

/// Whom a request is for, and the request as that one wants to see it.
fn addressed(mut request: Request<Bytes>) -> Result<(Server, Request<Full<Bytes>>), String> {
    let uri = std::mem::take(request.uri_mut());
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(not_whole(&uri)),
    };
    let authority = uri.authority().ok_or_else(|| not_whole(&uri))?;
    let (login, place) = match authority.as_str().rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority.as_str()),
    };
    let header = |text: &str| HeaderValue::from_str(text).map_err(|_| not_whole(&uri));
    if let Some(login) = login {
        let login = percent_encoding::percent_decode_str(login).collect::<Vec<u8>>();
        let mut value = header(&format!("Basic {}", STANDARD.encode(login)))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    request.headers_mut().insert(HOST, header(place)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| not_whole(&uri))?;
    let server = Server {
        // Brackets around an IPv6 address are of the address in a URL, not of the host.
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority
            .port_u16()
            .unwrap_or(if secure { 443 } else { 80 }),
        secure,
    };
    Ok((server, request.map(Full::new)))
}

fn not_whole(uri: &Uri) -> String {
    format!("`{uri}` cannot be asked; expected an address like https://host:port/path")
}

async fn asked(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer; what fails in it fails the answer too.
    tokio::spawn(connection);
    sender.send_request(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Result<(Server, Request<Full<Bytes>>), String> {
        addressed(Request::post(address).body(Bytes::new()).unwrap())
    }

    #[test]
    fn an_address_says_where_to_connect_and_what_to_ask() {
        let (server, request) = of("https://pile.example/api/v1/write?x=1").unwrap();
        assert_eq!((server.port, server.secure), (443, true));
        assert_eq!(request.uri(), "/api/v1/write?x=1");
        assert_eq!(request.headers()["host"], "pile.example");
        let (server, request) = of("http://[::1]:9090").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("::1", 9090));
        assert_eq!(request.headers()["host"], "[::1]:9090");
    }

    #[test]
    fn a_password_in_an_address_goes_where_passwords_go() {
        let (server, request) = of("http://me:a%40b@pile:80/x").unwrap();
        assert_eq!(server.host, "pile");
        assert_eq!(request.headers()["host"], "pile:80");
        // "me:a@b"
        assert_eq!(request.headers()["authorization"], "Basic bWU6YUBi");
    }

    #[test]
    fn what_is_no_whole_address_is_refused_before_anybody_is_asked() {
        for address in ["/path", "ftp://host/"] {
            assert!(of(address).is_err_and(|why| why.contains("expected an address")));
        }
    }
}
