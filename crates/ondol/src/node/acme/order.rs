use std::path::PathBuf;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, KeyAuthorization, NewAccount,
    NewOrder, OrderStatus, RetryPolicy,
};
use ondol_model::{Acme, Certificate, Secret};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::renewal::Kind;
use super::{News, Proof, stored};

/// How long an authority may take to look at a proof, and to issue.
const PATIENCE: Duration = Duration::from_secs(120);

/// One certificate for one host.
pub(super) struct Order {
    pub(super) acme: Acme,
    pub(super) host: String,
    pub(super) kind: Kind,
    pub(super) account_file: PathBuf,
    pub(super) news: mpsc::UnboundedSender<News>,
}

impl Order {
    pub(super) async fn run(self) {
        let outcome = tokio::time::timeout(2 * PATIENCE, self.place()).await;
        let outcome = outcome.unwrap_or_else(|_| Err("the authority does not answer".to_owned()));
        // The node is gone only together with everything.
        let _ = self.news.send(News::Over {
            acme: self.acme,
            host: self.host,
            outcome,
        });
    }

    async fn place(&self) -> Result<Certificate, String> {
        let account = self.account().await?;
        let identifiers = [Identifier::Dns(self.host.clone())];
        let mut order = account
            .new_order(&NewOrder::new(&identifiers))
            .await
            .map_err(words)?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(words)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let kind = match self.kind {
                Kind::Http => ChallengeType::Http01,
                Kind::Tls => ChallengeType::TlsAlpn01,
            };
            let mut challenge = authorization
                .challenge(kind)
                .ok_or_else(|| format!("the authority does not offer {}", self.kind.word()))?;
            let proof = self.proof(&challenge.token, &challenge.key_authorization())?;
            let (shown, is_shown) = oneshot::channel();
            let host = self.host.clone();
            let _ = self.news.send(News::Prove { host, proof, shown });
            is_shown
                .await
                .map_err(|_| "the proof could not be shown".to_owned())?;
            challenge.set_ready().await.map_err(words)?;
        }
        let policy = RetryPolicy::new().timeout(PATIENCE);
        let status = order.poll_ready(&policy).await.map_err(words)?;
        if status != OrderStatus::Ready {
            return Err(format!(
                "the authority did not find the proof by {}; it says {status:?}",
                self.kind.word()
            ));
        }
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let mut params = params(&self.host)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params
            .serialize_request(&key)
            .map_err(|error| error.to_string())?;
        order.finalize_csr(request.der()).await.map_err(words)?;
        let chain_pem = order.poll_certificate(&policy).await.map_err(words)?;
        Ok(Certificate {
            chain_pem,
            key_pem: Secret(key.serialize_pem()),
            challenge: None,
        })
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> Result<Account, String> {
        let client = || Client::new(self.acme.ca.as_deref()).map(Box::new);
        let builder = Account::builder_with_http(client()?);
        let kept = std::fs::read(&self.account_file).ok();
        if let Some(credentials) = kept.and_then(|text| serde_json::from_slice(&text).ok()) {
            return builder.from_credentials(credentials).await.map_err(words);
        }
        let email = self
            .acme
            .email
            .as_ref()
            .map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = email.as_deref().into_iter().collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.acme.directory.clone();
        let (account, credentials) = builder.create(&new, directory, None).await.map_err(words)?;
        let text = serde_json::to_vec(&credentials).map_err(|error| error.to_string())?;
        stored::write(&self.account_file, &text).map_err(|error| error.to_string())?;
        Ok(account)
    }

    fn proof(&self, token: &str, authorization: &KeyAuthorization) -> Result<Proof, String> {
        if self.kind == Kind::Http {
            return Ok(Proof::Http {
                token: token.to_owned(),
                answer: authorization.as_str().to_owned(),
            });
        }
        let mut params = params(&self.host)?;
        let digest = authorization.digest();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let certificate = params
            .self_signed(&key)
            .map_err(|error| error.to_string())?;
        Ok(Proof::Tls(Certificate {
            chain_pem: certificate.pem(),
            key_pem: Secret(key.serialize_pem()),
            challenge: Some(self.host.clone()),
        }))
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Http => "HTTP-01",
            Kind::Tls => "TLS-ALPN-01",
        }
    }
}

fn params(host: &str) -> Result<CertificateParams, String> {
    CertificateParams::new([host.to_owned()]).map_err(|error| error.to_string())
}

fn words(error: instant_acme::Error) -> String {
    error.to_string()
}
