//! How the others are told to do the same as Ondol: connections kept on both sides, `X-Forwarded-*` set, no log except
//! where everything is on.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::machine;
use super::memory::SPARE_FILES;
use super::servers::{Ports, ROUTES};

type Upstream = [SocketAddr; 2];

pub(super) fn nginx(dir: &Path, ports: Ports, [web, other]: Upstream) -> Result<Command> {
    let at = dir.display();
    let above = dir.parent().context("a folder above")?.display();
    let Ports {
        plain,
        features,
        tls,
        kept,
    } = ports;
    let locations: String = (0..ROUTES)
        .map(|number| format!("location /r{number}/ {{ proxy_pass http://pair; }}\n"))
        .collect();
    let text = format!(
        "daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;
events {{ worker_connections 8000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
  proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
  upstream web {{ server {web}; keepalive 256; keepalive_requests 100000000; }}
  upstream pair {{ zone pair 64k; random two least_conn; server {web}; server {other}; keepalive 256; keepalive_requests 100000000; }}
  limit_req_zone $binary_remote_addr zone=all:10m rate=1000000r/s;
  log_format json escape=json '{{\"at\":\"$msec\",\"id\":\"$request_id\",\"client\":\"$remote_addr\",\"method\":\"$request_method\",\"host\":\"$host\",\"path\":\"$uri\",\"status\":$status,\"bytes\":$body_bytes_sent,\"seconds\":$request_time,\"upstream\":\"$upstream_addr\",\"upstream_seconds\":\"$upstream_response_time\"}}';
  proxy_cache_path {at}/cache keys_zone=kept:10m; 
  server {{ listen 127.0.0.1:{plain}; location / {{ proxy_pass http://web; }} }}
  server {{ listen 127.0.0.1:{features}; access_log {at}/access.log json buffer=64k flush=1s; limit_req zone=all burst=1000000 nodelay;
    proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; proxy_set_header X-Request-Id $request_id;
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
{locations} }}
  server {{ listen 127.0.0.1:{tls} ssl http2; ssl_certificate {above}/chain.pem; ssl_certificate_key {above}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    http2_max_requests 100000000; location / {{ proxy_pass http://web; }} }}
  server {{ listen 127.0.0.1:{kept}; location / {{ proxy_cache kept; proxy_pass http://web; }} }}
}}
"
    );
    written(dir, "nginx.conf", &text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(dir.join("nginx.conf"));
    Ok(command)
}

pub(super) fn haproxy(dir: &Path, ports: Ports, [web, other]: Upstream) -> Result<Command> {
    let above = dir.parent().context("a folder above")?.display();
    let Ports {
        plain,
        features,
        tls,
        ..
    } = ports;
    // By itself it begins only when it may open two files for each, which are not needed here.
    let connections = machine::files().saturating_sub(SPARE_FILES);
    let text = format!(
        "global
 nbthread 1
 maxconn {connections}
 no strict-limits
 ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
 mode http
 timeout connect 5s
 timeout client 300s
 timeout server 300s
 timeout http-keep-alive 300s
 option forwardfor
 http-reuse always
frontend plain
 bind 127.0.0.1:{plain}
 default_backend web
frontend tls
 bind 127.0.0.1:{tls} ssl crt {above}/both.pem alpn h2,http/1.1
 default_backend web
frontend features
 bind 127.0.0.1:{features}
 default_backend pair
backend web
 http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
 http-request set-header X-Forwarded-Host %[req.hdr(Host)]
 server one {web}
backend pair
 http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
 http-request set-header X-Forwarded-Host %[req.hdr(Host)]
 balance random(2)
 server one {web}
 server other {other}
"
    );
    written(dir, "haproxy.cfg", &text)?;
    let mut command = Command::new("haproxy");
    command.arg("-f").arg(dir.join("haproxy.cfg"));
    Ok(command)
}

pub(super) fn varnish(dir: &Path, ports: Ports, [web, _]: Upstream) -> Result<Command> {
    let text = format!(
        "vcl 4.1;\nbackend web {{ .host = \"{}\"; .port = \"{}\"; }}\n",
        web.ip(),
        web.port()
    );
    written(dir, "kept.vcl", &text)?;
    let mut command = Command::new("varnishd");
    command
        .arg("-F")
        .arg("-n")
        .arg(dir.join("work"))
        .arg("-f")
        .arg(dir.join("kept.vcl"));
    command.args([
        "-a",
        &format!("127.0.0.1:{}", ports.kept),
        "-s",
        "malloc,64m",
    ]);
    // One pool, as few threads as it takes; its log in memory is a part of it.
    command.args([
        "-p",
        "thread_pools=1",
        "-p",
        "thread_pool_min=40",
        "-p",
        "timeout_idle=300",
        "-j",
        "none",
    ]);
    Ok(command)
}

pub(super) fn caddy(dir: &Path, ports: Ports, [web, _]: Upstream) -> Result<Command> {
    let text = format!(
        "{{\n admin off\n auto_https off\n storage file_system {}\n}}\nhttp://127.0.0.1:{} {{\n bind 127.0.0.1\n reverse_proxy {web}\n}}\n",
        dir.display(),
        ports.plain
    );
    written(dir, "Caddyfile", &text)?;
    let mut command = Command::new("env");
    command.args([
        "GOMAXPROCS=1",
        &format!("HOME={}", dir.display()),
        "caddy",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
    ]);
    command.arg(dir.join("Caddyfile"));
    Ok(command)
}

fn written(dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}
