//! The doors as the engine uses them, with a sandbox made by `unshare` in place of the engine's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ondol_model::{Build, Exit, Project, RuntimeKind, Service};

use super::*;
use crate::{Bake, Oven};

mod dockerfiles;
mod errors;
mod servers;

/// A state folder and a project folder that are removed at the end.
struct Place {
    dir: PathBuf,
    project: Project,
}

impl Place {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ondol-source-{name}-{}", std::process::id()));
        let _ = store::remove_all(&dir);
        fs::create_dir_all(dir.join("app")).unwrap();
        let project = serde_json::json!({
            "name": "shop", "dir": dir.join("app"), "files": [], "services": {}, "volumes": {}, "networks": {},
            "secrets": {}, "configs": {}, "edge_port": 8080,
        });
        Place {
            project: serde_json::from_value(project).unwrap(),
            dir,
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.join("app").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A service with `build: .`.
    fn built(&self) -> Service {
        let mut service = service();
        service.build = Some(Build {
            context: self.dir.join("app"),
            dockerfile: None,
            dockerfile_inline: None,
            target: None,
            args: BTreeMap::new(),
        });
        service
    }

    fn request<'a>(&'a self, service: &'a Service, oven: &'a dyn Oven) -> PrepareRequest<'a> {
        PrepareRequest {
            project: &self.project,
            service,
            state_dir: &self.dir,
            layered: true,
            again: false,
            oven,
        }
    }

    fn prepare(&self, service: &Service) -> Result<(Launch, Vec<String>), SourceError> {
        let mut said = Vec::new();
        let launch = prepare(&self.request(service, &Unshared), &mut |line| {
            said.push(line)
        })?;
        Ok((launch, said))
    }

    fn launch(&self, service: &Service) -> Result<Launch, SourceError> {
        launch(&self.request(service, &Unshared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = store::remove_all(&self.dir);
    }
}

/// A service that says nothing.
fn service() -> Service {
    let text = r#"{
        "name": "web", "runtime": "auto", "packages": [], "environment": {}, "init": false, "tty": false,
        "stop_grace": {"secs": 10, "nanos": 0}, "post_start": [], "pre_stop": [], "ulimits": {}, "mounts": [],
        "secrets": [], "configs": [], "host_network": false, "networks": {}, "ports": [], "expose": [],
        "port_env": "PORT", "routes": [], "depends_on": {}, "healthcheck": "image", "probes": {},
        "mode": "replicated", "replicas": 1, "placement_constraints": [], "watch": [], "labels": {},
        "resources": {"cpu_reserved_milli": 0, "memory_reserved": 0}
    }"#;
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    let rollout = serde_json::to_value(ondol_model::Rollout::default()).unwrap();
    value["restart"] = serde_json::to_value(ondol_model::RestartPolicy::ALWAYS).unwrap();
    value["update"] = rollout.clone();
    value["rollback"] = rollout;
    value["logs"] = serde_json::to_value(ondol_model::LogLimits::default()).unwrap();
    serde_json::from_value(value).unwrap()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Mount namespaces can be made here.
fn can_unshare() -> bool {
    let made = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    let can = made.is_ok_and(|status| status.success());
    if !can {
        skip("mount namespaces need root");
    }
    can
}

/// Shows layers over the machine's root in a mount namespace of its own, as the engine's sandbox does.
#[derive(Debug)]
struct Unshared;

const SCRIPT: &str = r#"
set -e
upper=$1 work=$2 workdir=$3 user=$4; shift 4
root=$work/root; mkdir -p "$root"
for dir in dev proc run sys tmp var/lib var/tmp root home; do mkdir -p "$upper/$dir"; done
for link in bin sbin lib lib64; do [ -h "/$link" ] && ln -sfn "usr/$link" "$upper/$link"; done
mount --bind "$upper" "$root"
tops="usr etc opt"; layers=
while [ "$1" != -- ]; do
  layers="$layers $1"
  for top in $(ls "$1"); do case " $tops dev proc run sys tmp " in *" $top "*) ;; *) tops="$tops $top" ;; esac; done
  shift
done
shift
for top in $tops; do
  lower=
  for layer in $layers; do if [ -d "$layer/$top" ]; then lower="$lower${lower:+:}$layer/$top"; fi; done
  case $top in usr|etc|opt) lower="$lower${lower:+:}/$top" ;; esac
  [ -n "$lower" ] || continue
  mkdir -p "$upper/$top" "$root/$top" "$work/tops/$top"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper/$top,workdir=$work/tops/$top" "$root/$top"
done
mount --rbind /dev "$root/dev"; mount --rbind /proc "$root/proc"; mount -t tmpfs tmpfs "$root/tmp" -o mode=1777
for home in ${ONDOL_TEST_HOME:-}; do mkdir -p "$root$home"; mount --rbind "$home" "$root$home"; done
mkdir -p "$root$workdir"
exec chroot $user "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$workdir" "$@"
"#;

impl Unshared {
    /// The command that runs `argv` in the sandbox.
    fn command(bake: &Bake<'_>) -> Command {
        let work = bake.upper.with_extension("work");
        let mut etc = String::from("root:x:0:0:root:/root:/bin/sh\n");
        for user in bake.users {
            etc.push_str(&format!(
                "{0}:x:{1}:{1}::{2}:/bin/sh\n",
                user.name, user.id, user.home
            ));
        }
        fs::create_dir_all(bake.upper.join("etc")).unwrap();
        let group = bake
            .users
            .iter()
            .map(|user| format!("{}:x:{}:\n", user.name, user.id));
        fs::write(
            bake.upper.join("etc/group"),
            format!("root:x:0:\n{}", group.collect::<String>()),
        )
        .unwrap();
        fs::write(bake.upper.join("etc/passwd"), etc).unwrap();
        let user = bake.user.map(|user| {
            let id = |name: &str| {
                bake.users
                    .iter()
                    .find(|user| user.name == name)
                    .map_or(name.into(), |user| user.id.to_string())
            };
            let (user, group) = user.split_once(':').unwrap_or((user, user));
            format!("--userspec={}:{}", id(user), id(group))
        });
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", SCRIPT, "oven"])
            .arg(bake.upper)
            .arg(work)
            .arg(bake.workdir)
            .arg(user.unwrap_or_else(|| "--userspec=0:0".into()))
            .args(bake.lower)
            .arg("--")
            .args(bake.argv)
            .env_clear()
            .envs(bake.env)
            .env(
                "PATH",
                bake.env
                    .get("PATH")
                    .cloned()
                    .unwrap_or_else(|| programs::STANDARD.join(":")),
            )
            .stdin(Stdio::null());
        command
    }
}

impl Oven for Unshared {
    fn bake(&self, bake: &Bake<'_>, line: &mut dyn FnMut(&str)) -> Result<Exit, String> {
        let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
        let mut command = Unshared::command(bake);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        if let Some(rustup) = bake.env.get("RUSTUP_HOME") {
            let cargo = Path::new(rustup).with_file_name(".cargo");
            command.env("ONDOL_TEST_HOME", format!("{rustup} {}", cargo.display()));
        }
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        drop(command);
        for text in BufReader::new(reader).lines().map_while(Result::ok) {
            line(&text);
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        let _ = store::remove_all(&bake.upper.with_extension("work"));
        Ok(Exit::Code(status.code().unwrap_or(-1)))
    }
}

/// A service that was started from its [`Launch`]; ended when dropped.
struct Running(std::process::Child);

impl Running {
    /// Does what comes before, then starts it, in the machine's network.
    fn start(launch: &Launch, upper: &Path) -> Running {
        for dir in &launch.data_dirs {
            let owner = dir.owner.as_ref().or(launch.user.as_ref());
            let id = owner
                .and_then(|owner| launch.users.iter().find(|user| user.name == *owner))
                .map(|user| user.id);
            let path = upper.join(dir.path.trim_start_matches('/'));
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(dir.mode)).unwrap();
            std::os::unix::fs::chown(path, id, id).unwrap();
        }
        for before in &launch.before {
            let path = |path: &String| upper.join(path.trim_start_matches('/'));
            if before
                .unless_exists
                .as_ref()
                .is_some_and(|unless| path(unless).exists())
            {
                continue;
            }
            let output = Running::command(launch, &before.argv, upper)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}");
        }
        let running = Running::command(launch, &launch.argv, upper).spawn();
        // It and those who ask it mount the same folders: one after the other, or one of them finds none.
        std::thread::sleep(Duration::from_secs(2));
        Running(running.unwrap())
    }

    fn command(launch: &Launch, argv: &[String], upper: &Path) -> Command {
        let argv: Vec<String> = argv
            .iter()
            .map(|word| word.replace(crate::LISTEN_IP, "127.0.0.1"))
            .collect();
        Unshared::command(&Bake {
            argv: &argv,
            env: &launch.env,
            workdir: &launch.workdir,
            user: launch.user.as_deref(),
            users: &launch.users,
            lower: &launch.layers.lower,
            upper,
        })
    }

    /// Runs a command beside it until it succeeds; what it said. A busy machine may take a minute to make a database.
    fn eventually(launch: &Launch, argv: &[&str], upper: &Path) -> String {
        let argv = words(argv);
        let mut text = String::new();
        for _ in 0..600 {
            let output = Running::command(launch, &argv, upper).output().unwrap();
            text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            if output.status.success() {
                return text;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{argv:?} never succeeded: {text}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // As a person would: a killed master would leave its workers behind.
        let _ = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status();
        for _ in 0..100 {
            if self.0.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
