//! Datagrams, callers on the machine's network, and the way out.

use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::wait_until;

use crate::app::{App, SOON, free_port, has_own_network};
use crate::process;

#[test]
fn datagrams_come_back_through_a_published_port() -> Result<()> {
    let (app, port) = wires("127.0.0.1:9".parse()?)?;
    app.ok(["up", "--detach", "--wait", "echo"])?;
    let callers = [
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    ];
    for (number, caller) in callers.iter().enumerate() {
        caller.set_read_timeout(Some(Duration::from_millis(500)))?;
        caller.connect(("127.0.0.1", port))?;
        let heard = wait_until("the first echo", SOON, || {
            ask(caller, &format!("{number}")).ok()
        });
        assert_eq!(heard?, format!("echo {number}"));
    }
    // Each hears what it said itself, a large one too.
    let long = "x".repeat(9000);
    for (number, caller) in callers.iter().enumerate() {
        let said = format!("{number}{long}");
        assert_eq!(ask(caller, &said)?, format!("echo {said}"));
    }
    // The next replica answers on the same port.
    let pid = app.pid("echo-1")?;
    process::kill(pid)?;
    app.wait_for("echo-1", "to run again", |echo| {
        echo["pid"]
            .as_i64()
            .is_some_and(|now| now != i64::from(pid))
    })?;
    let heard = wait_until("an echo of the next replica", SOON, || {
        ask(&callers[0], "again").ok()
    });
    assert_eq!(heard?, "echo again");
    app.finish()
}

#[test]
fn a_service_on_the_machines_network_calls_the_others() -> Result<()> {
    if has_own_network() && !process::is_root() {
        // The virtual addresses lie in the world of its user.
        return Ok(());
    }
    let (app, _) = wires("127.0.0.1:9".parse()?)?;
    app.ok(["up", "--detach", "near", "web"])?;
    says(&app, "near", "heard 200")?;
    app.finish()
}

#[test]
fn a_service_of_internal_networks_has_no_way_out_and_others_have() -> Result<()> {
    if !process::is_root() || !has_own_network() {
        return Ok(());
    }
    let outside = outside()?;
    let (app, _) = wires(outside)?;
    app.ok(["up", "--detach", "apart", "out"])?;
    says(&app, "out", "heard outside")?;
    says(&app, "apart", "heard nothing")?;
    app.finish()
}

/// The application, and the port that its echo is published on.
fn wires(outside: SocketAddr) -> Result<(App, u16)> {
    let mut app = App::new("wires")?;
    let port = free_port()?;
    app.node.set("UDP_PORT", &port.to_string());
    app.node.set("OUTSIDE", &outside.to_string());
    Ok((app, port))
}

fn ask(caller: &UdpSocket, said: &str) -> Result<String> {
    caller.send(said.as_bytes())?;
    let mut heard = vec![0; 65536];
    let length = caller.recv(&mut heard)?;
    Ok(String::from_utf8_lossy(&heard[..length]).into_owned())
}

fn says(app: &App, service: &str, words: &str) -> Result<()> {
    let logs = || app.ok(["logs", service]).map(|logs| logs.stdout);
    let found = wait_until(&format!("{service} to say `{words}`"), SOON, || {
        logs().ok().filter(|logs| logs.contains(words))
    });
    found.map(drop).with_context(|| logs().unwrap_or_default())
}

/// A server of this machine at an address that is not loopback's; it says `outside` to everybody.
fn outside() -> Result<SocketAddr> {
    // Nothing is sent: it asks for the way to an address of the documentation (RFC 5737).
    let way = UdpSocket::bind("0.0.0.0:0")?;
    way.connect("198.51.100.7:9")?;
    let ip: IpAddr = way.local_addr()?.ip();
    let listener = TcpListener::bind((ip, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"outside");
        }
    });
    Ok(address)
}
