//! TLS at the edge, through the real binary, with curl.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ondol_test::{program, wait_until};

use crate::app::{App, SOON, free_port};

struct Secure {
    app: App,
    port: u16,
}

impl Secure {
    /// curl at the port with TLS, believing `ca`; what it prints, also when it fails.
    fn curl(&self, host: &str, ca: &str) -> Result<String> {
        let (port, dir) = (self.port, &self.app.dir);
        let resolve = format!("{host}:{port}:127.0.0.1");
        let mut curl = Command::new("curl");
        curl.args([
            "-sSi",
            "--max-time",
            "10",
            "--resolve",
            &resolve,
            "--cacert",
            ca,
        ]);
        let output = curl
            .arg(format!("https://{host}:{port}/"))
            .current_dir(dir)
            .output()?;
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// A certificate that vouches for itself, as the files of `own.test`.
    fn write_own(&self) -> Result<()> {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args([
                "-subj",
                "/CN=own.test",
                "-addext",
                "subjectAltName=DNS:own.test",
            ])
            .args(["-keyout", "own.key", "-out", "own.pem"])
            .current_dir(&self.app.dir)
            .output()?;
        ensure!(made.status.success(), "{made:?}");
        Ok(())
    }
}

impl Secure {
    /// The same, of a year that is over.
    fn write_expired(&self) -> Result<()> {
        let mut params = rcgen::CertificateParams::new(vec!["own.test".to_owned()])?;
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        fs::write(self.app.dir.join("own.key"), key.serialize_pem())?;
        Ok(fs::write(self.app.dir.join("own.pem"), certificate.pem())?)
    }
}

fn up() -> Result<Option<Secure>> {
    if program("curl").is_none() || program("openssl").is_none() {
        return Ok(None);
    }
    let mut app = App::new("secure")?;
    let port = free_port()?;
    app.node.set("HTTPS_PORT", &port.to_string());
    let secure = Secure { app, port };
    secure.write_own()?;
    secure.app.up()?;
    fs::write(
        secure.app.dir.join("ca.pem"),
        secure.app.ok(["trust", "--print"])?.stdout,
    )?;
    Ok(Some(secure))
}

/// What is known of the end of a host's certificate.
fn ends_in_days(secure: &Secure, host: &str, days: f64) -> Result<()> {
    let name = "ondol_certificate_not_after_timestamp_seconds";
    let query = format!("({name}{{host=\"{host}\"}} - time()) / 86400");
    let left = wait_until("the end of a certificate", SOON, || {
        let told = secure.app.ok(["metrics", &query, "--now"]).ok()?.stdout;
        told.split_ascii_whitespace().last()?.parse::<f64>().ok()
    })?;
    ensure!((days - 0.1..=days).contains(&left), "{host}: {left}");
    Ok(())
}

#[test]
fn hosts_have_certificates_of_the_development_authority_and_of_files() -> Result<()> {
    let Some(secure) = up()? else { return Ok(()) };
    let answer = secure.curl("shop.test", "ca.pem")?;
    ensure!(answer.starts_with("HTTP/2 200"), "{answer}");
    ensure!(
        answer.contains("X-Forwarded-Proto: https") || answer.contains("x-forwarded-proto: https"),
        "{answer}"
    );
    ensure!(
        answer.contains("strict-transport-security: max-age=86400"),
        "{answer}"
    );
    let own = secure.curl("own.test", "own.pem")?;
    ensure!(own.starts_with("HTTP/2 200"), "{own}");
    ensure!(
        secure.curl("own.test", "ca.pem")?.contains("SSL"),
        "the file wins"
    );
    // Without TLS one is sent there.
    let plain = ondol_test::request("GET", &secure.app.edge("/x"), &[("host", "shop.test")], b"")?;
    ensure!(plain.status == 308, "{plain:?}");
    ends_in_days(&secure, "own.test", 2.0)?;
    ends_in_days(&secure, "shop.test", 90.0)?;
    let key = secure.app.node.state().join("tls/authority.key");
    let mode = fs::metadata(&key).context("a key")?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    only_owners_read(&secure.app.node.state().join("proxy/last.json"))
}

#[test]
fn a_certificate_that_is_changed_in_its_file_is_shown_soon_and_half_of_one_never() -> Result<()> {
    let Some(secure) = up()? else { return Ok(()) };
    let before = fs::read(secure.app.dir.join("own.pem"))?;
    fs::write(secure.app.dir.join("before.pem"), &before)?;
    fs::write(secure.app.dir.join("own.pem"), "half")?;
    std::thread::sleep(std::time::Duration::from_secs(3));
    let answer = secure.curl("own.test", "before.pem")?;
    ensure!(answer.starts_with("HTTP/2 200"), "{answer}");
    secure.write_own()?;
    let is_shown = |what: &str| {
        wait_until(what, SOON, || {
            let answer = secure.curl("own.test", "own.pem").ok()?;
            answer.starts_with("HTTP/2 200").then_some(())
        })
    };
    is_shown("the new certificate")?;
    // One whose time is over is shown too, and nobody believes it; the next is.
    secure.write_expired()?;
    wait_until("the expired certificate", SOON, || {
        let answer = secure.curl("own.test", "own.pem").ok()?;
        answer.contains("certificate has expired").then_some(())
    })?;
    secure.write_own()?;
    is_shown("the certificate after that")
}

#[test]
fn the_authority_is_told_to_a_browsers_database_and_forgotten_again() -> Result<()> {
    let Some(certutil) = program("certutil") else {
        return Ok(());
    };
    let mut app = App::new("secure")?;
    let home = app.folder().join("home");
    let database = home.join(".pki/nssdb");
    fs::create_dir_all(&database)?;
    let at = format!("sql:{}", database.display());
    let run = |arguments: &[&str]| {
        Command::new(&certutil)
            .args(["-d", &at])
            .args(arguments)
            .output()
    };
    ensure!(run(&["-N", "--empty-password"])?.status.success());
    app.node.set("HOME", &home.to_string_lossy());
    let name = "Ondol development authority";
    let trusted = app.ok(["trust"])?;
    ensure!(trusted.stdout.contains("believed by"), "{trusted:?}");
    ensure!(run(&["-L", "-n", name])?.status.success());
    app.ok(["trust", "--uninstall"])?;
    ensure!(!run(&["-L", "-n", name])?.status.success());
    Ok(())
}

fn only_owners_read(file: &Path) -> Result<()> {
    let mode = fs::metadata(file)
        .with_context(|| file.display().to_string())?
        .permissions()
        .mode();
    ensure!(mode & 0o077 == 0, "{mode:o}");
    Ok(())
}
