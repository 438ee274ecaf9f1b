//! The development authority of this machine: made on first use, known to nobody until `ondol trust` says so.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ondol_model::{Certificate, Secret};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// How people find it in a browser's list.
pub(crate) const NAME: &str = "Ondol development authority";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Some browsers believe nothing that lives longer than 398 days.
pub(crate) const CERTIFICATE_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Issues certificates for any name.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// Where its certificate is.
pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("tls/authority.pem")
}

impl Authority {
    /// The one of this state folder, made when there is none. `now_unix` is since 1970.
    pub(crate) fn open(state_dir: &Path, now_unix: Duration) -> io::Result<Authority> {
        let (pem_file, key_file) = (file(state_dir), state_dir.join("tls/authority.key"));
        let read =
            fs::read_to_string(&key_file).and_then(|key| Ok((key, fs::read_to_string(&pem_file)?)));
        match read {
            Ok((key, pem)) => {
                let key = KeyPair::from_pem(&key).map_err(|error| broken(&key_file, &error))?;
                let issuer = Issuer::new(params(now_unix), key);
                Ok(Authority { issuer, pem })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Authority::make(&pem_file, &key_file, now_unix)
            }
            Err(error) => Err(error),
        }
    }

    fn make(pem_file: &Path, key_file: &Path, now_unix: Duration) -> io::Result<Authority> {
        if let Some(folder) = key_file.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = params(now_unix);
        let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(key_file)?;
        file.write_all(key.serialize_pem().as_bytes())?;
        fs::write(pem_file, &pem)?;
        let issuer = Issuer::new(params, key);
        Ok(Authority { issuer, pem })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names and addresses, for [`CERTIFICATE_LIFE`].
    pub(crate) fn issue(&self, names: &[String], now_unix: Duration) -> io::Result<Certificate> {
        let mut params = CertificateParams::new(names.to_vec()).map_err(io::Error::other)?;
        params.distinguished_name = DistinguishedName::new();
        // An address is no common name, and a long name does not fit (RFC 5280, appendix A).
        let name = names
            .iter()
            .find(|name| name.len() <= 64 && name.parse::<IpAddr>().is_err());
        if let Some(name) = name {
            params
                .distinguished_name
                .push(DnType::CommonName, name.clone());
        }
        life(&mut params, now_unix, CERTIFICATE_LIFE);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        Ok(Certificate {
            chain_pem: certificate.pem(),
            key_pem: Secret(key.serialize_pem()),
            challenge: None,
        })
    }
}

/// The same each time: what it issues names it by this and by its key.
fn params(now_unix: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    life(&mut params, now_unix, AUTHORITY_LIFE);
    params
}

fn life(params: &mut CertificateParams, now_unix: Duration, life: Duration) {
    let now = date_time_ymd(1970, 1, 1) + now_unix;
    // Clocks differ.
    params.not_before = now - DAY;
    params.not_after = now + life;
}

fn broken(file: &Path, error: &rcgen::Error) -> io::Error {
    let what = format!("{} cannot be used: {error}", file.display());
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_what_it_issues_can_be_shown() {
        let folder = std::env::temp_dir().join(format!("ondol-authority-{}", std::process::id()));
        let now = Duration::from_secs(1_700_000_000);
        let first = Authority::open(&folder, now).unwrap();
        let again = Authority::open(&folder, now + DAY).unwrap();
        assert_eq!(first.pem(), again.pem());
        let mode = fs::metadata(folder.join("tls/authority.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = ["shop.example".to_owned(), "127.0.0.1".to_owned()];
        let certificate = again.issue(&names, now).unwrap();
        let found = ondol_proxy::check_certificate(&certificate).unwrap();
        assert_eq!(found, ["shop.example"]);
        fs::write(folder.join("tls/authority.key"), "nothing").unwrap();
        assert!(Authority::open(&folder, now).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
