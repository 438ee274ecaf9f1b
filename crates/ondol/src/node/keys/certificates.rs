//! From when until when the certificates hold that are shown.

use std::collections::BTreeMap;

use ondol_model::Certificate;
use ondol_telemetry::{Format, Kind, Page};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, Tag};

/// Certificates that are shown, by their names.
#[derive(Default)]
pub(super) struct Certificates {
    /// By their text, so that each is read once.
    read: BTreeMap<String, Option<Read>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    names: Vec<String>,
    life: Life,
}

/// In seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    not_before: i64,
    not_after: i64,
}

impl Certificates {
    /// Takes in what is shown now. What proves something to an authority is no certificate of anybody.
    pub(super) fn see(&mut self, shown: &[Certificate]) {
        let shown = shown.iter().filter(|one| one.challenge.is_none());
        let mut before = std::mem::take(&mut self.read);
        self.read = shown
            .map(|one| {
                let known = before.remove(&one.chain_pem);
                (one.chain_pem.clone(), known.unwrap_or_else(|| read(one)))
            })
            .collect();
    }

    /// As a page: of each name the certificate that ends first.
    pub(super) fn page(&self) -> String {
        let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
        for read in self.read.values().flatten() {
            for name in &read.names {
                let life = lives.entry(name).or_insert(read.life);
                if read.life.not_after < life.not_after {
                    *life = read.life;
                }
            }
        }
        let mut page = Page::new(Format::Text);
        let mut family = |what: &str, help: &str, moment: fn(&Life) -> i64| {
            let name = format!("ondol_certificate_{what}_timestamp_seconds");
            page.family(&name, Kind::Gauge, help);
            for (host, life) in &lives {
                page.sample(&name, &[("host", host)], moment(life) as f64);
            }
        };
        let help = "When the certificate of a host ends.";
        family("not_after", help, |life| life.not_after);
        family("not_before", "When it began.", |life| life.not_before);
        page.finish()
    }
}

fn read(certificate: &Certificate) -> Option<Read> {
    let names = ondol_proxy::check_certificate(certificate).ok()?;
    let der = CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes()).ok()?;
    let life = yasna::parse_der(&der, life).ok()?;
    Some(Read { names, life })
}

/// `Certificate` as far as `validity` (RFC 5280, section 4.1).
fn life(certificate: BERReader<'_, '_>) -> ASN1Result<Life> {
    certificate.read_sequence(|parts| {
        let life = parts.next().read_sequence(|parts| {
            parts.read_optional(|version| {
                version.read_tagged(Tag::context(0), |version| version.read_u8())
            })?;
            for _serial_algorithm_issuer in 0..3 {
                parts.next().read_der()?;
            }
            let life = parts.next().read_sequence(|moments| {
                Ok(Life {
                    not_before: moment(moments.next())?,
                    not_after: moment(moments.next())?,
                })
            })?;
            // Everything is read, or it is an error.
            while parts.read_optional(|rest| rest.read_der())?.is_some() {}
            Ok(life)
        })?;
        for _algorithm_signature in 0..2 {
            parts.next().read_der()?;
        }
        Ok(life)
    })
}

/// `Time`: two digits for the year until 2049, four after that.
fn moment(time: BERReader<'_, '_>) -> ASN1Result<i64> {
    match time.lookahead_tag()? {
        yasna::tags::TAG_UTCTIME => Ok(time.read_utctime()?.datetime().unix_timestamp()),
        yasna::tags::TAG_GENERALIZEDTIME => {
            let moment = time.read_generalized_time()?;
            Ok(moment.datetime().unix_timestamp())
        }
        _ => Err(ASN1Error::new(ASN1ErrorKind::Invalid)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authority::{Authority, CERTIFICATE_LIFE};

    #[test]
    fn each_name_ends_with_the_first_of_its_certificates() {
        let folder = std::env::temp_dir().join(format!("ondol-lives-{}", std::process::id()));
        let now = Duration::from_secs(1_700_000_000);
        let later = now + Duration::from_secs(5);
        let authority = Authority::open(&folder, now).unwrap();
        let issue = |names: &[&str], at| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            authority.issue(&names, at).unwrap()
        };
        let mut certificates = Certificates::default();
        let shown = [issue(&["a.test", "b.test"], later), issue(&["a.test"], now)];
        certificates.see(&shown);
        let page = certificates.page();
        let ends = |host: &str, at: Duration| {
            let at = (at + CERTIFICATE_LIFE).as_secs() as f64;
            let name = "ondol_certificate_not_after_timestamp_seconds";
            page.contains(&format!("{name}{{host=\"{host}\"}} {at}\n"))
        };
        assert!(ends("a.test", now) && ends("b.test", later), "{page}");
        certificates.see(&[]);
        assert!(!certificates.page().contains("a.test"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_certificate_has_no_life() {
        for bytes in [&b""[..], b"\x30\x00", b"\x30\x82\xff\xff\x30"] {
            assert!(yasna::parse_der(bytes, life).is_err());
        }
    }
}
