//! Certificates of a public authority (RFC 8555): asked for before they are needed, proved by what the proxy answers.

mod client;
mod order;
mod renewal;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ondol_model::{Acme, Certificate};
use tokio::sync::{mpsc, oneshot};

use order::Order;
use renewal::Renewal;
use stored::Stored;

/// What is heard of orders that are under way.
pub(crate) enum News {
    /// This is to be shown until the order is over; `shown` is told when it is.
    Prove {
        host: String,
        proof: Proof,
        shown: oneshot::Sender<()>,
    },
    /// The order is over.
    Over {
        acme: Acme,
        host: String,
        outcome: Result<Certificate, String>,
    },
}

/// How a host is proved to be ours.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// HTTP-01: the answer for this token.
    Http { token: String, answer: String },
    /// TLS-ALPN-01: what is shown to whoever asks for it.
    Tls(Certificate),
}

/// The certificates of authorities, by authority and host.
pub(crate) struct Authorities {
    folder: PathBuf,
    hosts: BTreeMap<(Acme, String), Host>,
    proofs: BTreeMap<String, Proof>,
    news: mpsc::UnboundedSender<News>,
}

struct Host {
    renewal: Renewal,
    certificate: Option<Certificate>,
}

impl Authorities {
    pub(crate) fn new(state_dir: &Path) -> (Self, mpsc::UnboundedReceiver<News>) {
        let (news, heard) = mpsc::unbounded_channel();
        let authorities = Authorities {
            folder: state_dir.join("tls/acme"),
            hosts: BTreeMap::new(),
            proofs: BTreeMap::new(),
            news,
        };
        (authorities, heard)
    }

    /// Wants certificates for exactly these hosts, and gives those that there are.
    pub(crate) fn want(
        &mut self,
        wanted: BTreeSet<(Acme, String)>,
        now_unix: Duration,
    ) -> Vec<Certificate> {
        self.hosts.retain(|key, _| wanted.contains(key));
        for (acme, host) in wanted {
            let key = (acme, host);
            if !self.hosts.contains_key(&key) {
                let stored = Stored::read(&self.folder, &key.0, &key.1);
                let renewal = match &stored {
                    Some(stored) => Renewal::held(stored.issued_unix()),
                    None => Renewal::wanted(),
                };
                let certificate = stored.map(Stored::into_certificate);
                self.hosts.insert(
                    key,
                    Host {
                        renewal,
                        certificate,
                    },
                );
            }
        }
        self.begin(now_unix);
        let held = self.hosts.values();
        held.filter_map(|host| host.certificate.clone()).collect()
    }

    /// Whether an order is to begin.
    pub(crate) fn is_due(&self, now_unix: Duration) -> bool {
        self.hosts
            .values()
            .any(|host| host.renewal.due(now_unix).is_some())
    }

    pub(crate) fn is_needed(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// What is to be shown to authorities now.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Proof> {
        self.proofs.values()
    }

    pub(crate) fn prove(&mut self, host: String, proof: Proof) {
        self.proofs.insert(host, proof);
    }

    /// Takes what came of an order; says what is to be complained about.
    pub(crate) fn over(
        &mut self,
        acme: Acme,
        host: String,
        outcome: Result<Certificate, String>,
        now_unix: Duration,
    ) -> Option<String> {
        self.proofs.remove(&host);
        let known = self.hosts.get_mut(&(acme.clone(), host.clone()))?;
        match outcome {
            Ok(certificate) => {
                known.renewal = Renewal::held(now_unix);
                let stored = Stored::new(certificate.clone(), now_unix);
                known.certificate = Some(certificate);
                let written = stored.write(&self.folder, &acme, &host);
                written
                    .err()
                    .map(|error| format!("the certificate of {host} cannot be kept: {error}"))
            }
            Err(why) => {
                let pause = known.renewal.failed(now_unix);
                let pause = pause.as_secs();
                Some(format!(
                    "no certificate for {host}: {why}; it is tried again in {pause} s"
                ))
            }
        }
    }

    fn begin(&mut self, now_unix: Duration) {
        for ((acme, host), known) in &mut self.hosts {
            let Some(kind) = known.renewal.due(now_unix) else {
                continue;
            };
            known.renewal.begin();
            let order = Order {
                acme: acme.clone(),
                host: host.clone(),
                kind,
                account_file: stored::folder(&self.folder, acme).join("account.json"),
                news: self.news.clone(),
            };
            tokio::spawn(order.run());
        }
    }
}
