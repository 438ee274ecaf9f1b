//! Real processes in rooms of their own, as root and inside a world.

mod support;

use std::net::IpAddr;
use std::time::Duration;

use ondol_model::*;
use ondol_runtime::Sandbox;
use support::{Node, service};

/// The sandboxes that work here; says which are left out.
fn sandboxes() -> Vec<Sandbox> {
    let mut found = Vec::new();
    for sandbox in [Sandbox::Root, Sandbox::User] {
        match sandbox.works() {
            Ok(()) => found.push(sandbox),
            Err(why) => eprintln!("skipped: {sandbox:?}: {why}"),
        }
    }
    found
}

async fn address(node: &mut Node) -> IpAddr {
    node.until(|said| match said {
        Observation::Started { ip, .. } => Some(ip),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_room_shows_the_machines_programs_and_nothing_of_its_own_is_the_machines() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let script = "id -u; hostname; cat /etc/hosts; ls -a /root /home /var/lib /run; echo mine > /etc/mine; \
                      echo x > /usr/bin/x; cat /etc/shadow | head -1; ls /proc | grep -c '^[0-9]'; \
                      echo t > /tmp/t; ls -la /dev; ls /.old /run/.stage; cat /proc/1/comm; mount | wc -l";
        let run = node.start(service("web", &["sh", "-c", script]), 1);
        let exit = node.exited(&run).await;
        let words = node.lines(&run).join("\n");
        assert_eq!(exit, Exit::Code(0), "{words}");
        assert!(
            words.starts_with("0\nweb-1\n127.0.0.1\tlocalhost"),
            "{words}"
        );
        assert!(
            words.contains("root:*:") && words.contains("ondol-room"),
            "{words}"
        );
        assert!(!std::path::Path::new("/etc/mine").exists());
        assert!(!std::path::Path::new("/usr/bin/x").exists());
        // It keeps what it wrote through restarts.
        let run = node.start(service("web", &["cat", "/etc/mine"]), 2);
        assert_eq!(node.exited(&run).await, Exit::Code(0));
        assert_eq!(node.lines(&run), ["mine"]);
    }
}
