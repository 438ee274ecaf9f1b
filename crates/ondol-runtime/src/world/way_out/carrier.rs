//! The programs that make a way out, and how they are called.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::keep;
use super::super::namespaces::Namespaces;
use super::Way;
use crate::engine::Config;
use crate::sandbox::machine;
use crate::source::Depot;

/// Its interface in the world.
const INTERFACE: &str = "ondolout";
/// Addresses between the world and the program: of the link, so that no network of the machine is hidden by them
/// (RFC 3927).
const OWN: &str = "169.254.77.2";
const FAR: &str = "169.254.77.1";
const NETWORK: &str = "169.254.77.0/24";
/// Debian's packages of the programs below.
const PACKAGES: [&str; 2] = ["slirp4netns", "nftables"];
/// Where programs of administrators are, which ordinary users do not have in their `PATH`.
const FURTHER: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// In the state folder: what the program said.
const LOG: &str = "way-out.log";
const TUN: &str = "/dev/net/tun";
/// Looks for its interface, 10 ms apart.
const LOOKS_MAX: u32 = 300;

/// The programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tools {
    carrier: Carrier,
    /// Packets of many replicas become those of one.
    nft: PathBuf,
    /// Root of the fetched packages that they belong to.
    fetched: Option<PathBuf>,
}

/// What carries packets out (slirp4netns(1), passt(1)). The first takes 1 MB of memory and the second 20, so that it is
/// taken where both are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Carrier {
    Slirp(PathBuf),
    Pasta(PathBuf),
}

/// The programs that are on this machine; `None` when one is missing.
pub(super) fn installed(config: &Config) -> Option<Tools> {
    let path = format!("{}:{FURTHER}", config.path);
    let find = |name| crate::shim::locate(name, &path).ok();
    let slirp = find("slirp4netns").map(Carrier::Slirp);
    Some(Tools {
        carrier: slirp.or_else(|| find("pasta").map(Carrier::Pasta))?,
        nft: find("nft")?,
        fetched: None,
    })
}

/// The programs, fetched when they are not on this machine.
pub(super) fn find(config: &Config) -> Result<Tools, Way> {
    if let Err(error) = File::options().read(true).write(true).open(TUN) {
        return Err(Way::Closed {
            why: format!("{TUN} cannot be opened: {error}"),
            fix: format!("let this user open it: modprobe tun && chmod 666 {TUN}"),
        });
    }
    if let Some(tools) = installed(config) {
        return Ok(tools);
    }
    let names = PACKAGES.map(str::to_owned);
    let fetched = Depot::new(&config.state_dir).fetch(&names, &mut |_| {});
    let fetched = fetched.map_err(|error| Way::Closed {
        why: format!(
            "neither slirp4netns nor pasta together with nft is here, and they could not be fetched: {}",
            error.what
        ),
        fix: format!("apt install {}", PACKAGES.join(" ")),
    })?;
    Ok(Tools::in_packages(fetched.tree.as_deref()))
}

impl Tools {
    /// Those of a tree of packages; what the machine has itself is not in it.
    fn in_packages(tree: Option<&Path>) -> Tools {
        let at = |path: &str| {
            let inside = tree.map(|tree| tree.join(path));
            inside
                .filter(|file| file.exists())
                .unwrap_or_else(|| Path::new("/").join(path))
        };
        Tools {
            carrier: Carrier::Slirp(at("usr/bin/slirp4netns")),
            nft: at("usr/sbin/nft"),
            fetched: tree.map(Path::to_owned),
        }
    }

    /// What carries packets out.
    pub(super) fn program(&self) -> &Path {
        match &self.carrier {
            Carrier::Pasta(program) | Carrier::Slirp(program) => program,
        }
    }

    /// Gives what leaves the world one address, which is all that the program knows.
    pub(super) fn translate(&self, config: &Config, namespaces: &Namespaces) -> Result<(), String> {
        let mut nft = self.command(&self.nft);
        namespaces
            .place(&mut nft, true)
            .map_err(|error| error.to_string())?;
        machine::nftables(nft, &machine::rules(config.subnets))
    }

    /// Starts the program outside, in a process group of its own, so that it outlives this node.
    pub(super) fn carry(&self, config: &Config) -> Result<Child, String> {
        // Inside it may look at processes of the world only.
        let holder = keep::find(config).map_err(|error| format!("the world: {error}"))?;
        let places = ["user", "net"].map(|kind| format!("/proc/{}/ns/{kind}", holder.process.pid));
        let log = config.state_dir.join(LOG);
        let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = self.command(self.program());
        command
            .args(self.arguments(&places))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_or_else(|_| Stdio::null(), Stdio::from))
            .stderr(log)
            .process_group(0);
        command.spawn().map_err(|error| error.to_string())
    }

    /// Waits until its interface is there.
    pub(super) fn wait(
        &self,
        config: &Config,
        namespaces: &Namespaces,
        child: &mut Child,
    ) -> Result<(), String> {
        for _ in 0..LOOKS_MAX {
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                let said = fs::read_to_string(config.state_dir.join(LOG)).unwrap_or_default();
                return Err(last_words(&said));
            }
            if is_there(namespaces).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("its interface does not come".to_owned())
    }

    fn arguments(&self, [user, network]: &[String; 2]) -> Vec<String> {
        let words: &[&str] = match &self.carrier {
            Carrier::Pasta(_) => &[
                "--foreground",
                "--quiet",
                "--ipv4-only",
                "--config-net",
                "--no-netns-quit",
                // Loopback of the machine is for the machine.
                "--no-map-gw",
                "--tcp-ports=none",
                "--udp-ports=none",
                "--tcp-ns=none",
                "--udp-ns=none",
                "--no-dhcp",
                "--ns-ifname",
                INTERFACE,
                "--address",
                OWN,
                "--netmask",
                "24",
                "--gateway",
                FAR,
                "--userns",
                user,
                "--netns",
                network,
            ],
            Carrier::Slirp(_) => &[
                "--configure",
                "--disable-host-loopback",
                "--disable-dns",
                "--mtu=65520",
                "--cidr",
                NETWORK,
                "--userns-path",
                user,
                "--netns-type=path",
                network,
                INTERFACE,
            ],
        };
        let words = words.iter().map(|&word| word.to_owned());
        // Started by root, pasta would become nobody, who may not enter.
        let stay = nix::unistd::geteuid().is_root() && matches!(self.carrier, Carrier::Pasta(_));
        let stay = stay.then_some(["--runas".to_owned(), "0".to_owned()]);
        stay.into_iter().flatten().chain(words).collect()
    }

    /// A program with the libraries that were fetched with it.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/");
        if let Some(tree) = &self.fetched {
            command.env("LD_LIBRARY_PATH", libraries(tree));
        }
        command
    }
}

/// `usr/lib` and the folders for each kind of machine in it (Debian's multiarch).
fn libraries(tree: &Path) -> std::ffi::OsString {
    let own = tree.join("usr/lib");
    let inside = fs::read_dir(&own).into_iter().flatten().flatten();
    let inside = inside.map(|entry| entry.path());
    let dirs = inside.filter(|dir| dir.is_dir()).chain([own.clone()]);
    std::env::join_paths(dirs).unwrap_or_default()
}

/// Whether the world has the program's interface with a route: asked from a process of its own inside.
fn is_there(namespaces: &Namespaces) -> io::Result<bool> {
    let mut look = Command::new("/bin/cat");
    look.arg("/proc/thread-self/net/route")
        .env_clear()
        .stdin(Stdio::null());
    namespaces.place(&mut look, true)?;
    let output = look.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).contains(INTERFACE))
}

fn last_words(said: &str) -> String {
    let mut lines = said.lines().map(str::trim);
    let last = lines.rfind(|line| !line.is_empty() && !line.contains("syslog"));
    last.unwrap_or("it ended without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(carrier: Carrier) -> Tools {
        Tools {
            carrier,
            nft: "/sbin/nft".into(),
            fetched: None,
        }
    }

    #[test]
    fn neither_program_leads_to_the_loopback_of_the_machine() {
        let at = ["/u".to_owned(), "/n".to_owned()];
        let pasta = tools(Carrier::Pasta("pasta".into())).arguments(&at);
        assert!(pasta.contains(&"--no-map-gw".to_owned()), "{pasta:?}");
        let slirp = tools(Carrier::Slirp("slirp4netns".into())).arguments(&at);
        assert!(
            slirp.contains(&"--disable-host-loopback".to_owned()),
            "{slirp:?}"
        );
        for words in [pasta, slirp] {
            assert!(words.contains(&"/u".to_owned()) && words.contains(&"/n".to_owned()));
        }
    }

    #[test]
    fn the_last_word_of_a_program_is_what_people_are_told() {
        let said =
            "Failed to send 11 bytes to syslog\nNo tun\nFailed to send 9 bytes to syslog\n\n";
        assert_eq!(last_words(said), "No tun");
        assert_eq!(last_words(""), "it ended without a word");
    }

    #[test]
    fn programs_of_packages_are_found_in_their_tree_and_the_rest_on_the_machine() {
        let tree = std::env::temp_dir().join(format!("ondol-way-out-{}", std::process::id()));
        fs::create_dir_all(tree.join("usr/bin")).unwrap();
        fs::write(tree.join("usr/bin/slirp4netns"), "").unwrap();
        let tools = Tools::in_packages(Some(&tree));
        assert_eq!(tools.program(), tree.join("usr/bin/slirp4netns"));
        assert_eq!(tools.nft, Path::new("/usr/sbin/nft"));
        fs::remove_dir_all(tree).unwrap();
    }
}
