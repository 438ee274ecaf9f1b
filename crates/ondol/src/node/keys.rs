//! Certificates and authorities: what the files hold, what is issued, and what the proxy gets of it.

mod certificates;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ondol_model::{Certificate, CertificateFiles, Https, Issue, Project, Secret, TrafficPolicy};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::acme::{Authorities, News, Proof};
use super::listeners::Shown;
use super::reach::Need;
use crate::authority::{Authority, CERTIFICATE_LIFE};
use certificates::Certificates;

/// A file of certificates that is larger is none.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// For clients that ask for no name: an address, or this machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

pub(crate) struct Keys {
    state_dir: PathBuf,
    /// What the files held when they were last looked at.
    files: BTreeMap<PathBuf, Result<String, String>>,
    /// The last good content of a pair of files, and the names in it.
    good: BTreeMap<CertificateFiles, (Certificate, Vec<String>)>,
    authority: Option<Authority>,
    issued: BTreeMap<Vec<String>, Issued>,
    /// Those that listeners show.
    shown: Certificates,
    authorities: Authorities,
    /// The projects name files.
    named: bool,
    /// What was complained about and has not ended since.
    said: BTreeSet<String>,
}

struct Issued {
    certificate: Certificate,
    renew_at: Duration,
}

/// What follows from a word of an authority.
pub(crate) struct Heard {
    /// Waits until the proxy shows what there is to show now.
    pub(crate) shown: Option<oneshot::Sender<()>>,
    pub(crate) complaint: Option<String>,
}

/// What is to be said, once, about what cannot be used.
pub(crate) type Complaints = Vec<String>;

impl Keys {
    /// And what will be heard from public authorities.
    pub(crate) fn new(state_dir: PathBuf) -> (Self, UnboundedReceiver<News>) {
        let (authorities, news) = Authorities::new(&state_dir);
        let keys = Keys {
            authorities,
            state_dir,
            files: BTreeMap::new(),
            good: BTreeMap::new(),
            authority: None,
            issued: BTreeMap::new(),
            shown: Certificates::default(),
            named: false,
            said: BTreeSet::new(),
        };
        (keys, news)
    }

    /// Reads again what the projects name; whether anything differs from the last time, or is to be issued again.
    pub(crate) fn look<'a>(
        &mut self,
        projects: impl Iterator<Item = &'a Project>,
        now_unix: Duration,
    ) -> bool {
        let wanted: BTreeSet<&Path> = projects.flat_map(files_of).collect();
        let files = wanted.into_iter().map(|path| (path.to_owned(), read(path)));
        let files: BTreeMap<_, _> = files.collect();
        let changed = files != self.files;
        self.files = files;
        let due = |issued: &Issued| issued.renew_at <= now_unix;
        changed || self.issued.values().any(due) || self.authorities.is_due(now_unix)
    }

    /// Whether there is anything to look at.
    pub(crate) fn is_needed(&self) -> bool {
        self.authorities.is_needed()
            || self.named
            || !self.files.is_empty()
            || !self.issued.is_empty()
    }

    /// What listeners with TLS show, and what is wrong with what they cannot.
    pub(crate) fn shown(
        &mut self,
        projects: &[&Project],
        now_unix: Duration,
    ) -> (Shown, Complaints) {
        let mut wrong = Vec::new();
        let mut shown = Shown::default();
        self.named = projects
            .iter()
            .any(|project| files_of(project).next().is_some());
        let covered = self.of_all_files(projects, &mut shown.certificates, &mut wrong);
        let (mut development, mut public) = (BTreeSet::new(), BTreeSet::new());
        for project in projects {
            let Some(https) = &project.edge.https else {
                continue;
            };
            let names = names(project).filter(|name| !is_covered(name, &covered));
            match &https.issue {
                Issue::Nobody => {}
                Issue::Development => {
                    development.extend(names.map(|name| vec![name]));
                    development.insert(LOCAL.map(str::to_owned).to_vec());
                }
                Issue::Acme(acme) => {
                    let (stars, names): (Vec<_>, Vec<_>) =
                        names.partition(|name| name.contains('*'));
                    wrong.extend(stars.iter().map(|name| no_star(name)));
                    public.extend(names.into_iter().map(|name| (acme.clone(), name)));
                }
            }
        }
        self.issued.retain(|names, _| development.contains(names));
        for names in development {
            match self.issue(names, now_unix) {
                Ok(certificate) => shown.certificates.push(certificate),
                Err(why) => wrong.push(why),
            }
        }
        let public = self.authorities.want(public, now_unix);
        shown.certificates.extend(public);
        for proof in self.authorities.proofs() {
            match proof.clone() {
                Proof::Http { token, answer } => {
                    shown.challenges.insert(token, answer);
                }
                Proof::Tls(certificate) => shown.certificates.push(certificate),
            }
        }
        self.shown.see(&shown.certificates);
        (shown, self.unsaid(wrong))
    }

    /// From when until when the certificates hold that listeners show, as a page of metrics.
    pub(crate) fn page(&self) -> String {
        self.shown.page()
    }

    /// Adds what the files hold, and says which names that is for.
    fn of_all_files(
        &mut self,
        projects: &[&Project],
        all: &mut Vec<Certificate>,
        wrong: &mut Vec<String>,
    ) -> BTreeSet<String> {
        let mut covered = BTreeSet::new();
        let https = projects
            .iter()
            .filter_map(|project| project.edge.https.as_ref());
        for files in https.flat_map(|https| &https.certificates) {
            match self.of_files(files) {
                Ok((certificate, names)) => {
                    covered.extend(names);
                    all.push(certificate);
                }
                Err(why) => wrong.push(why),
            }
        }
        covered
    }

    /// Takes what an authority said.
    pub(crate) fn hear(&mut self, news: News, now_unix: Duration) -> Heard {
        match news {
            News::Prove { host, proof, shown } => {
                self.authorities.prove(host, proof);
                Heard {
                    shown: Some(shown),
                    complaint: None,
                }
            }
            News::Over {
                acme,
                host,
                outcome,
            } => Heard {
                shown: None,
                complaint: self.authorities.over(acme, host, outcome, now_unix),
            },
        }
    }

    /// Puts authorities into what they are needed for. A listener that cannot ask clients for certificates is not
    /// opened; a service that cannot be believed is not called.
    pub(crate) fn fill(
        &mut self,
        needs: &mut Vec<Need>,
        traffic: &mut [TrafficPolicy],
        now_unix: Duration,
    ) -> Complaints {
        let mut wrong = Vec::new();
        needs.retain_mut(|need| {
            let (Some(clients), Some(tls)) = (&need.clients, &mut need.opening.tls) else {
                return true;
            };
            let pem = self.authorities(&clients.ca);
            let found = pem.map(|pem| tls.client_ca_pem = Some(pem));
            found.map_err(|why| wrong.push(why)).is_ok()
        });
        for policy in traffic {
            let Some(tls) = &mut policy.traffic.dial.tls else {
                continue;
            };
            let own = self
                .authority(now_unix)
                .map(|authority| authority.pem().to_owned());
            let pem = match &tls.ca {
                Some(path) => self.authorities(path),
                None => own.clone(),
            };
            // Nothing that another authority issued is believed by that of this machine.
            tls.ca_pem = pem
                .or_else(|why| {
                    wrong.push(why);
                    own
                })
                .ok();
        }
        self.unsaid(wrong)
    }

    fn of_files(&mut self, files: &CertificateFiles) -> Result<(Certificate, Vec<String>), String> {
        let read = |path: &Path| {
            self.files
                .get(path)
                .cloned()
                .unwrap_or_else(|| self::read(path))
        };
        let fresh = read(&files.cert).and_then(|chain_pem| {
            let certificate = Certificate {
                chain_pem,
                key_pem: Secret(read(&files.key)?),
                challenge: None,
            };
            let names = ondol_proxy::check_certificate(&certificate)
                .map_err(|why| format!("{}: {why}", files.cert.display()))?;
            Ok((certificate, names))
        });
        match (fresh, self.good.get(files)) {
            (Ok(fresh), _) => {
                self.good.insert(files.clone(), fresh.clone());
                Ok(fresh)
            }
            // Half of the pair may have been written; what was good is shown until the rest is.
            (Err(_), Some(good)) => Ok(good.clone()),
            (Err(why), None) => Err(why),
        }
    }

    fn authorities(&self, path: &Path) -> Result<String, String> {
        let read = self
            .files
            .get(path)
            .cloned()
            .unwrap_or_else(|| self::read(path))?;
        ondol_proxy::check_authorities(&read)
            .map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(read)
    }

    fn issue(&mut self, names: Vec<String>, now_unix: Duration) -> Result<Certificate, String> {
        if let Some(issued) = self.issued.get(&names)
            && now_unix < issued.renew_at
        {
            return Ok(issued.certificate.clone());
        }
        let certificate = self
            .authority(now_unix)?
            .issue(&names, now_unix)
            .map_err(|error| format!("no certificate for {}: {error}", names.join(", ")))?;
        let renew_at = now_unix + CERTIFICATE_LIFE * 2 / 3;
        let issued = Issued {
            certificate: certificate.clone(),
            renew_at,
        };
        self.issued.insert(names, issued);
        Ok(certificate)
    }

    fn authority(&mut self, now_unix: Duration) -> Result<&Authority, String> {
        let authority = match self.authority.take() {
            Some(authority) => authority,
            None => Authority::open(&self.state_dir, now_unix)
                .map_err(|error| format!("there is no development authority: {error}"))?,
        };
        Ok(self.authority.insert(authority))
    }

    /// What was not said before.
    fn unsaid(&mut self, wrong: Vec<String>) -> Complaints {
        wrong
            .into_iter()
            .filter(|why| self.said.insert(why.clone()))
            .collect()
    }
}

fn no_star(name: &str) -> String {
    format!(
        "no certificate for {name}: authorities check names with a star by DNS alone; name a file for it"
    )
}

/// The hosts of a project that TLS is done for here.
fn names(project: &Project) -> impl Iterator<Item = String> {
    let routes = project
        .services
        .values()
        .flat_map(|service| &service.routes);
    let served = routes.filter(|route| !route.passthrough);
    served
        .filter_map(|route| route.host.clone())
        .map(|host| {
            host.split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
        .filter(|host| !host.is_empty() && host != "*")
}

fn is_covered(name: &str, covered: &BTreeSet<String>) -> bool {
    let star = name.find('.').map(|dot| format!("*{}", &name[dot..]));
    covered.contains(name) || star.is_some_and(|star| covered.contains(&star))
}

fn files_of(project: &Project) -> impl Iterator<Item = &Path> {
    let https = project.edge.https.iter();
    let of_https = https.flat_map(|https: &Https| {
        let pairs = https.certificates.iter();
        let pairs = pairs.flat_map(|files| [files.cert.as_path(), files.key.as_path()]);
        pairs.chain(https.clients.as_ref().map(|clients| clients.ca.as_path()))
    });
    let services = project.services.values();
    let of_services =
        services.filter_map(|service| service.traffic.dial.tls.as_ref()?.ca.as_deref());
    of_https.chain(of_services)
}

fn read(path: &Path) -> Result<String, String> {
    let explain = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = fs::metadata(path).map_err(explain)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{} is larger than any certificate", path.display()));
    }
    fs::read_to_string(path).map_err(explain)
}
