use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ondol_model::Certificate;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::ACME_ALPN;

/// The certificates of a snapshot, by the names that are in them.
pub(crate) struct Keyring {
    /// By name, in lower case.
    exact: BTreeMap<String, Arc<CertifiedKey>>,
    /// By what follows the star of `*.example`.
    wildcards: BTreeMap<String, Arc<CertifiedKey>>,
    /// For clients that ask for no name or an unknown one.
    first: Option<Arc<CertifiedKey>>,
    challenges: BTreeMap<String, Arc<CertifiedKey>>,
}

impl Keyring {
    pub(super) fn new(
        certificates: &[Certificate],
        provider: &CryptoProvider,
    ) -> Result<Self, String> {
        let mut keyring = Keyring {
            exact: BTreeMap::new(),
            wildcards: BTreeMap::new(),
            first: None,
            challenges: BTreeMap::new(),
        };
        for certificate in certificates {
            keyring.add(certificate, provider)?;
        }
        Ok(keyring)
    }

    pub(super) fn has_challenges(&self) -> bool {
        !self.challenges.is_empty()
    }

    /// All names that there is a certificate for; stars first.
    pub(super) fn names(&self) -> Vec<String> {
        let wildcards = self.wildcards.keys().map(|suffix| format!("*{suffix}"));
        wildcards.chain(self.exact.keys().cloned()).collect()
    }

    fn add(&mut self, certificate: &Certificate, provider: &CryptoProvider) -> Result<(), String> {
        let key = Arc::new(read(certificate, provider)?);
        if let Some(name) = &certificate.challenge {
            self.challenges.insert(name.to_ascii_lowercase(), key);
            return Ok(());
        }
        let end_entity = key.end_entity_cert().map_err(|error| error.to_string())?;
        let parsed = EndEntityCert::try_from(end_entity)
            .map_err(|error| format!("a certificate cannot be read: {error}"))?;
        for name in parsed.valid_dns_names() {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix('*') {
                Some(suffix) => self
                    .wildcards
                    .entry(suffix.to_owned())
                    .or_insert(key.clone()),
                None => self.exact.entry(name).or_insert(key.clone()),
            };
        }
        self.first.get_or_insert(key);
        Ok(())
    }

    fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let Some(name) = name else {
            return self.first.as_ref();
        };
        let name = name.to_ascii_lowercase();
        // A star stands for one label (RFC 6125, section 6.4.3).
        let suffix = name.find('.').map(|dot| &name[dot..]);
        let exact = self.exact.get(&name);
        exact
            .or_else(|| self.wildcards.get(suffix?))
            .or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Keyring {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_for_proof = hello
            .alpn()
            .is_some_and(|mut protocols| protocols.any(|protocol| protocol == ACME_ALPN));
        match asks_for_proof {
            true => self
                .challenges
                .get(&hello.server_name()?.to_ascii_lowercase()),
            false => self.find(hello.server_name()),
        }
        .cloned()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.exact.keys()).finish()
    }
}

fn read(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("a certificate cannot be read: {error}"))?;
    if chain.is_empty() {
        return Err("a file of certificates has none".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.0.as_bytes())
        .map_err(|error| format!("a private key cannot be read: {error}"))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| format!("a private key cannot be used: {error}"))?;
    let certified = CertifiedKey::new(chain, key);
    if certificate.challenge.is_some() {
        // It has a critical extension that only authorities know (RFC 8737, section 3), so that it cannot be read here.
        return Ok(certified);
    }
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(error) => Err(format!(
            "a private key is not that of its certificate: {error}"
        )),
    }
}
