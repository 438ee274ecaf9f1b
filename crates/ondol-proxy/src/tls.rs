//! TLS on both sides, by rustls: what a snapshot says of it, checked and made ready before any worker sees it.

mod keyring;
mod subject;

use std::sync::Arc;

use ondol_model::{Certificate, DialTls, OpeningTls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};

pub(crate) use keyring::Keyring;
pub(crate) use subject::subject;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// What an authority asks for that checks a name by TLS-ALPN-01 (RFC 8737, section 6.2).
pub(crate) const ACME_ALPN: &[u8] = b"acme-tls/1";

/// What all TLS of this process has in common: tickets given out under one snapshot are good under the next.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    tickets: Option<Arc<dyn ProducesTickets>>,
}

/// TLS to a service, ready for both versions of HTTP.
#[derive(Debug)]
pub(crate) struct DialledTls {
    pub http1: Arc<ClientConfig>,
    pub http2: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        Tls {
            provider: Arc::new(ring::default_provider()),
            // Without a source of randomness clients begin anew each time.
            tickets: ring::Ticketer::new().ok(),
        }
    }

    /// What the proxy shows. The error says which certificate cannot be used and why, for people.
    pub(crate) fn keyring(&self, certificates: &[Certificate]) -> Result<Arc<Keyring>, String> {
        Keyring::new(certificates, &self.provider).map(Arc::new)
    }

    pub(crate) fn server(
        &self,
        opening: &OpeningTls,
        keyring: &Arc<Keyring>,
    ) -> Result<Arc<ServerConfig>, String> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &opening.client_ca_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let roots = Arc::new(roots(pem)?);
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots, self.provider.clone());
                let verifier = match opening.client_required {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                builder
                    .with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
            }
        };
        let mut config = builder.with_cert_resolver(keyring.clone());
        config.alpn_protocols = [HTTP2, HTTP1].map(<[u8]>::to_vec).to_vec();
        if keyring.has_challenges() {
            config.alpn_protocols.push(ACME_ALPN.to_vec());
        }
        if let Some(tickets) = &self.tickets {
            config.ticketer = tickets.clone();
        }
        Ok(Arc::new(config))
    }

    /// `service` is the name that the certificate must have when nothing else is said.
    pub(crate) fn client(&self, dial: &DialTls, service: &str) -> Result<DialledTls, String> {
        let name = dial.server_name.as_deref().unwrap_or(service);
        let config = |protocol: &[u8]| {
            let builder = ClientConfig::builder_with_provider(self.provider.clone())
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?;
            let mut config = match (dial.insecure, &dial.ca_pem) {
                (true, _) => builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Anybody(
                        self.provider.signature_verification_algorithms,
                    )))
                    .with_no_client_auth(),
                (false, Some(pem)) => builder
                    .with_root_certificates(roots(pem)?)
                    .with_no_client_auth(),
                (false, None) => return Err("there is nobody to believe".to_owned()),
            };
            config.alpn_protocols = vec![protocol.to_vec()];
            Ok(Arc::new(config))
        };
        Ok(DialledTls {
            http1: config(HTTP1)?,
            http2: config(HTTP2)?,
            name: ServerName::try_from(name.to_owned())
                .map_err(|_| format!("`{name}` cannot be the name in a certificate"))?,
        })
    }
}

/// The names in a certificate; the error says why it cannot be shown.
pub fn check_certificate(certificate: &Certificate) -> Result<Vec<String>, String> {
    let certificates = std::slice::from_ref(certificate);
    Keyring::new(certificates, &ring::default_provider()).map(|keyring| keyring.names())
}

/// Whether these are certificates of authorities, as PEM; the error says what is wrong with them.
pub fn check_authorities(pem: &str) -> Result<(), String> {
    roots(pem).map(|_| ())
}

/// The protocol that was agreed on is HTTP/2.
pub(crate) fn is_http2(protocol: Option<&[u8]>) -> bool {
    protocol == Some(HTTP2)
}

fn roots(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("the file of authorities has no certificate".to_owned()),
        false => Ok(roots),
    }
}

/// Believes any certificate, as the file says; the handshake itself is still checked.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
