//! What is run on every platform: busybox, as a process that waits and as a web server.

use super::marked::Marked;

/// A file with `services` services of one replica each.
pub(crate) fn services(count: u32, program: &Marked) -> String {
    let mut text = String::from("version: \"3.8\"\nservices:\n");
    for number in 1..=count {
        text.push_str(&format!("  s{number}:\n"));
        text.push_str(&service(program, true));
    }
    text
}

/// A file with one service of so many replicas; on the machine's network or each on its own.
pub(crate) fn replicas(count: u32, program: &Marked, on_host: bool) -> String {
    format!(
        "version: \"3.8\"\nservices:\n  s:\n{}    deploy:\n      replicas: {count}\n",
        service(program, on_host)
    )
}

/// A web server behind a published port, and so many other replicas.
pub(crate) fn web(port: u16, others: u32, program: &Marked) -> String {
    let web = format!(
        "  web:\n    image: bench:1\n    command: [\"busybox\", \"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/www\"]\n    \
         ports: [\"127.0.0.1:{port}:80\"]\n    volumes: [\"./www:/www:ro\"]\n{RUNTIME}"
    );
    replicas(others, program, true) + &web
}

const RUNTIME: &str = "    x-ondol: {runtime: process}\n";

fn service(program: &Marked, on_host: bool) -> String {
    let network = if on_host {
        "    network_mode: host\n"
    } else {
        ""
    };
    format!(
        "    image: bench:1\n    command: {}\n    stop_signal: SIGKILL\n{network}{RUNTIME}",
        program.command()
    )
}
