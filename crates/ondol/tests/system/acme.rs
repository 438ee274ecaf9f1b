//! Certificates of a public authority, played by pebble, the test server of Let's Encrypt.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ondol_test::{Scene, program, scenes, skipped, wait_until};

use crate::app::{App, free_port};
use crate::project;

/// The first proof may fail and the second be tried after a pause.
const LONG: Duration = Duration::from_secs(90);

/// Ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Public {
    app: App,
    https_port: u16,
    _servers: [Server; 2],
    management: u16,
}

/// A node and an authority that looks for proofs at these ports.
fn up(looks_at_http: bool) -> Result<Option<Public>> {
    let tools = project().join("target/tools/bin");
    let (pebble, dns) = (tools.join("pebble"), tools.join("pebble-challtestsrv"));
    if !pebble.is_file() || !dns.is_file() {
        skipped("no pebble here");
        return Ok(None);
    }
    if program("openssl").is_none() || program("curl").is_none() {
        return Ok(None);
    }
    let app = App::new("public")?;
    let (https_port, directory, management) = (free_port()?, free_port()?, free_port()?);
    let (dns_port, dns_management) = (free_port()?, free_port()?);
    let http_port = match looks_at_http {
        true => app.edge_port(),
        false => free_port()?,
    };
    let dir = &app.dir;
    own_certificate(dir)?;
    let configuration = format!(
        r#"{{"pebble": {{"listenAddress": "127.0.0.1:{directory}", "managementListenAddress": "127.0.0.1:{management}",
        "certificate": "directory.pem", "privateKey": "directory.key", "httpPort": {http_port}, "tlsPort": {https_port},
        "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}"#
    );
    fs::write(dir.join("pebble.json"), configuration)?;
    let names = start(&mut names(&dns, dns_port, dns_management))?;
    let authority = start(
        Command::new(pebble)
            .current_dir(dir)
            .args([
                "-config",
                "pebble.json",
                "-dnsserver",
                &format!("127.0.0.1:{dns_port}"),
            ])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0"),
    )?;
    wait_until("the authority", LONG, || {
        TcpStream::connect(("127.0.0.1", directory)).ok()
    })?;
    documented(&app, https_port, directory)?;
    app.up()?;
    Ok(Some(Public {
        app,
        https_port,
        _servers: [names, authority],
        management,
    }))
}

/// Says that every name is this machine.
fn names(dns: &Path, port: u16, management: u16) -> Command {
    let (port, management) = (
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:{management}"),
    );
    let mut command = Command::new(dns);
    command.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
    command.args(["-dnsserver", &port, "-management", &management]);
    command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]);
    command
}

fn start(command: &mut Command) -> Result<Server> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(Server(command.spawn()?))
}

/// The lines that the documentation gives, with the ports, the authority and the service of the test.
fn documented(app: &App, https_port: u16, directory: u16) -> Result<()> {
    let page = fs::read_to_string(project().join("docs/connections.md"))?;
    let file = scenes(&page).into_iter().find_map(|scene| match scene {
        Scene::File { name, text } if name == "acme/compose.yaml" => Some(text),
        _ => None,
    });
    let mut text = file.context("the page has an example of ACME")?;
    let authority =
        format!("acme: {{ directory: 'https://localhost:{directory}/dir', ca: ./directory.pem,");
    for (documented, here) in [
        ("port: 80,", format!("port: {},", app.edge_port())),
        ("port: 443,", format!("port: {https_port},")),
        ("acme: {", authority),
        (
            "build: ..",
            "build: .\n    command: python3 server.py\n    expose: [80]".to_owned(),
        ),
    ] {
        ensure!(text.contains(documented), "{documented} in {text}");
        text = text.replace(documented, &here);
    }
    Ok(fs::write(app.dir.join("compose.yaml"), text)?)
}

/// The certificate of the directory itself.
fn own_certificate(dir: &Path) -> Result<()> {
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
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "directory.key", "-out", "directory.pem"])
        .current_dir(dir)
        .output()?;
    ensure!(made.status.success(), "{made:?}");
    Ok(())
}

impl Public {
    /// Waits until a client that believes only the authority is served.
    fn is_served(&self) -> Result<()> {
        let dir = &self.app.dir;
        let root = format!("https://127.0.0.1:{}/roots/0", self.management);
        let root = Command::new("curl")
            .args(["-sk", "-o", "root.pem", &root])
            .current_dir(dir)
            .status()?;
        ensure!(root.success(), "the authority's root");
        let port = self.https_port;
        let resolve = format!("shop.test:{port}:127.0.0.1");
        wait_until("a certificate of the authority", LONG, || {
            let mut curl = Command::new("curl");
            curl.args([
                "-sSi",
                "--max-time",
                "5",
                "--resolve",
                &resolve,
                "--cacert",
                "root.pem",
            ]);
            let output = curl
                .arg(format!("https://shop.test:{port}/"))
                .current_dir(dir)
                .output()
                .ok()?;
            output.stdout.starts_with(b"HTTP/2 200").then_some(())
        })
        .with_context(|| {
            fs::read_to_string(self.app.node.state().join("node.log")).unwrap_or_default()
        })
    }
}

#[test]
fn a_host_is_proved_by_http_and_its_certificate_outlives_the_node() -> Result<()> {
    let Some(mut public) = up(true)? else {
        return Ok(());
    };
    public.is_served()?;
    // The authority is gone, and the next node still has what it issued.
    for server in &mut public._servers {
        server.0.kill()?;
    }
    let before = fs::read_dir(public.app.node.state().join("tls/acme"))?.count();
    ensure!(before == 1, "one authority is kept");
    public.app.ok(["down"])?;
    public.app.up()?;
    let port = public.https_port;
    let resolve = format!("shop.test:{port}:127.0.0.1");
    let mut curl = Command::new("curl");
    curl.args(["-sSi", "--resolve", &resolve, "--cacert", "root.pem"]);
    let output = curl
        .arg(format!("https://shop.test:{port}/"))
        .current_dir(&public.app.dir)
        .output()?;
    ensure!(output.stdout.starts_with(b"HTTP/2 200"), "{output:?}");
    Ok(())
}

#[test]
fn where_http_does_not_lead_here_a_host_is_proved_by_tls() -> Result<()> {
    let Some(public) = up(false)? else {
        return Ok(());
    };
    public.is_served()
}
