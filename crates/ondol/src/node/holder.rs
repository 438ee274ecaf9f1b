//! Who listens on a port of the machine, for an error that can be acted on.

use std::fs;

/// `LISTEN` in the tables below (include/net/tcp_states.h).
const LISTENS: &str = "0A";

/// The process that listens on a TCP port, as far as this user may see it: `nginx (process 812)`.
pub(super) fn of_port(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| inodes(table, port))
        .collect();
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| holds(*pid, &sockets))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (process {pid})", name.trim()))
}

/// Sockets that listen on `port`, as links to them read. Columns: proc_pid_net(5).
fn inodes(table: &str, port: u16) -> Vec<String> {
    let local = format!(":{port:04X}");
    let listens = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let meant = columns.get(1)?.ends_with(&local) && *columns.get(3)? == LISTENS;
        meant.then(|| Some(format!("socket:[{}]", columns.get(9)?)))?
    };
    table.lines().filter_map(listens).collect()
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links.any(|link| {
        sockets
            .iter()
            .any(|socket| link.as_os_str() == socket.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_named_and_who_is_only_connected_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let named = of_port(port).unwrap();
        assert!(
            named.contains(&format!("(process {})", std::process::id())),
            "{named}"
        );
        drop(listener);
        assert_eq!(of_port(port), None);
    }

    #[test]
    fn only_what_listens_counts() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
";
        assert_eq!(inodes(table, 8080), ["socket:[4711]"]);
    }
}
