//! What `--help` and the page of the documentation say: verbs in groups, more than a line about each, and examples.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use super::args::Cli;

/// How wide a paragraph is.
const WIDTH: usize = 90;

struct Group {
    title: &'static str,
    pages: &'static [Page],
}

struct Page {
    verb: &'static str,
    more: &'static str,
    /// What is typed, and what for.
    examples: &'static [(&'static str, &'static str)],
}

const GROUPS: [Group; 4] = [
    Group {
        title: "Run",
        pages: &[
            Page {
                verb: "up",
                more: "Stays and shows what services write, until Ctrl-C takes the project down (a second one kills what \
                       does not end). What runs already and did not change is left alone.",
                examples: &[
                    ("ondol up", "this folder's project"),
                    ("ondol up examples/flixtube", "the project of a folder"),
                    ("ondol up -d --wait", "leave it running once all is ready"),
                    (
                        "ondol up --watch web",
                        "one service, what it needs, and its files",
                    ),
                ],
            },
            Page {
                verb: "down",
                more: "Services leave in reverse order of dependency. Volumes stay unless you say otherwise.",
                examples: &[("ondol down", ""), ("ondol down -v", "its data too")],
            },
            Page {
                verb: "start",
                more: "Those that they depend on are not started with them; `ondol up SERVICE` does that.",
                examples: &[("ondol start web", "")],
            },
            Page {
                verb: "stop",
                more: "They stay stopped, also when the node is started anew, until `start` or `up`.",
                examples: &[
                    ("ondol stop web", ""),
                    ("ondol stop -t 5", "all, for five seconds at most"),
                ],
            },
            Page {
                verb: "restart",
                more: "The new ones are ready before the old ones go, where the service allows it: no request is lost.",
                examples: &[("ondol restart web", "")],
            },
            Page {
                verb: "scale",
                more: "Until the next `up` that says otherwise. Where the load decides (`x-ondol.autoscale`), a number stands until it is \
                       taken back with `auto`.",
                examples: &[
                    ("ondol scale web=3 worker=5", ""),
                    ("ondol scale web=auto", "its load decides again"),
                    ("ondol scale --explain web", "what decides"),
                ],
            },
            Page {
                verb: "run",
                more: "A migration, a shell, a test: beside the replicas, with this terminal, and this command ends with its \
                       exit code. What the service depends on is started first. It gets no requests.",
                examples: &[
                    ("ondol run --rm web sh", "a shell in a fresh replica"),
                    ("ondol run --rm -e DEBUG=1 api npm test", "a test"),
                    (
                        "ondol run -d worker import.py",
                        "in the background; see `ondol logs`",
                    ),
                ],
            },
            Page {
                verb: "exec",
                more: "In its sight of files and network, with this terminal, and this command ends with its exit code \
                       (126 when the program could not be run).",
                examples: &[
                    (
                        "ondol exec db psql -U postgres",
                        "a client in the database's replica",
                    ),
                    ("ondol exec --index 2 web sh", "a shell in web-2"),
                ],
            },
        ],
    },
    Group {
        title: "Look",
        pages: &[
            Page {
                verb: "ps",
                more: "Its state is what was seen last, and since when.",
                examples: &[
                    ("ondol ps", ""),
                    ("ondol ps --all", "those that have ended too"),
                ],
            },
            Page {
                verb: "logs",
                more: "Lines of all replicas, merged by the moment at which they were written.",
                examples: &[
                    ("ondol logs -f", "all, from now on too"),
                    (
                        "ondol logs --since 10m web api",
                        "two services, the last ten minutes",
                    ),
                    ("ondol logs -n 20 web-2", "the last lines of one replica"),
                    (
                        "ondol logs --level error --since 1h",
                        "errors of all services in the last hour",
                    ),
                    ("ondol logs -f --grep 'timeout|refused' web", ""),
                    (
                        "ondol logs --query '| json | status >= 500'",
                        "by what lines say, in LogQL",
                    ),
                ],
            },
            Page {
                verb: "alerts",
                more: "What waits for its time, what fires, and what is over since a quarter of an hour (`--json`). See \
                       [alerts](alerts.md).",
                examples: &[
                    ("ondol alerts", ""),
                    (
                        "ondol alerts why ErrorRatio",
                        "what was compared, and the series behind it",
                    ),
                ],
            },
            Page {
                verb: "silence",
                more: "Alerts under a silence go on; nobody is told of them. It survives a restart of the node.",
                examples: &[
                    ("ondol silence add service=web --for 2h -c 'new disk'", ""),
                    ("ondol silence list", ""),
                ],
            },
            Page {
                verb: "why",
                more: "What it waits for, what its last probe answered, how its last run ended, what was decided, and what \
                       comes next.",
                examples: &[("ondol why web", "")],
            },
            Page {
                verb: "events",
                more: "Started, restarted, replaced, refused: each with its reason.",
                examples: &[
                    ("ondol events --since 1h", ""),
                    ("ondol events -f web", "of one service, from now on too"),
                ],
            },
            Page {
                verb: "top",
                more: "CPU, memory, processes, and how requests to them fare, every second at a terminal.",
                examples: &[("ondol top", ""), ("ondol top --no-stream", "once")],
            },
            Page {
                verb: "metrics",
                more: "Every replica, the machine, Ondol itself, and what services say at `/metrics`.",
                examples: &[
                    ("ondol metrics", "what there is"),
                    (
                        "ondol metrics 'rate(ondol_replica_cpu_seconds_total[1m])' --since 1h",
                        "",
                    ),
                    ("ondol metrics up==0 --now", "who does not answer"),
                ],
            },
            Page {
                verb: "trace",
                more: "Every request that Ondol carries has one; services that send spans are in it with theirs.",
                examples: &[
                    (
                        "ondol trace --slowest --since 10m",
                        "what took longest lately",
                    ),
                    ("ondol trace --service web --error", ""),
                    (
                        "ondol trace 4bf92f3577b34da6a3ce929d0e0e4736",
                        "every hop of it, with its log lines",
                    ),
                ],
            },
            Page {
                verb: "telemetry",
                more: "What is kept, for how long and where programs ask for it.",
                examples: &[
                    ("ondol telemetry status", ""),
                    ("ondol telemetry export '{service=\"web\"}' --since 1h", ""),
                ],
            },
            Page {
                verb: "port",
                more: "All of its ports when none is named.",
                examples: &[("ondol port web 80", "")],
            },
            Page {
                verb: "routes",
                more: "All in the order in which they are tried; `explain` says which one gets a request, and why each \
                       other does not.",
                examples: &[
                    ("ondol routes", ""),
                    ("ondol routes explain http://shop.localhost/api", ""),
                ],
            },
            Page {
                verb: "cache",
                more: "For routes with `cache`. Counters begin at 0 with each proxy process.",
                examples: &[
                    ("ondol cache", ""),
                    (
                        "ondol cache purge http://shop.localhost/films",
                        "one address, with any query",
                    ),
                    (
                        "ondol cache purge --tag film-7",
                        "all that the service named so",
                    ),
                ],
            },
            Page {
                verb: "graph",
                more: "From the file alone: nothing has to run.",
                examples: &[("ondol graph", ""), ("ondol graph --dot", "for Graphviz")],
            },
        ],
    },
    Group {
        title: "Files",
        pages: &[
            Page {
                verb: "check",
                more: "All mistakes in one pass, each with its line; and each key as acted on, engine only, or not acted on. \
                       Starts nothing.",
                examples: &[("ondol check", ""), ("ondol check examples/flixtube", "")],
            },
            Page {
                verb: "config",
                more: "What is printed loads again to the same.",
                examples: &[
                    ("ondol config", ""),
                    ("ondol config --quiet", "for scripts: only the exit code"),
                ],
            },
            Page {
                verb: "init",
                more: "From package.json, Cargo.toml, pyproject.toml or requirements.txt, go.mod, pom.xml and Dockerfiles.",
                examples: &[
                    ("ondol init", ""),
                    ("ondol init --force shop", "replace the one of a folder"),
                ],
            },
        ],
    },
    Group {
        title: "The machine",
        pages: &[
            Page {
                verb: "doctor",
                more: "And what would change that.",
                examples: &[("ondol doctor", "")],
            },
            Page {
                verb: "serve",
                more: "`ondol up` starts one when there is none; a server runs it as a service of the system.",
                examples: &[
                    ("ondol serve", ""),
                    ("ondol serve --sandbox none", "without namespaces"),
                ],
            },
            Page {
                verb: "trust",
                more: "For the system (as root), and for Chromium and Firefox where `certutil` is.",
                examples: &[
                    ("ondol trust", ""),
                    ("ondol trust --uninstall", "take that back"),
                    (
                        "ondol trust --print",
                        "only print the authority's certificate",
                    ),
                ],
            },
            Page {
                verb: "completions",
                more: "To standard output.",
                examples: &[(
                    "ondol completions bash",
                    "for ~/.local/share/bash-completion/completions/ondol",
                )],
            },
            Page {
                verb: "version",
                more: "They differ after an upgrade, until the node was started anew.",
                examples: &[("ondol version", "")],
            },
        ],
    },
];

/// The command line with all that `--help` says.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    let list = list(&command);
    for page in GROUPS.iter().flat_map(|group| group.pages) {
        command = command.mut_subcommand(page.verb, |verb| {
            let about = format!("{}\n\n{}", summary(&verb), wrapped(page.more));
            verb.about(about).after_help(examples(page))
        });
    }
    command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{list}Options:\n{{options}}\n\n\
         `ondol COMMAND --help` says more, with examples.\n\
         Exit codes: 0 done, 1 error, 2 invalid file or command line, 3 rolled back, 4 timeout."
    ))
}

/// The text in lines of at most [`WIDTH`] characters.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut room = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let gap = match (lines.is_empty(), length < room) {
            (true, _) => "",
            (false, true) => " ",
            (false, false) => "\n",
        };
        if gap != " " {
            room = WIDTH + 1;
        }
        let _ = write!(lines, "{gap}{word}");
        room = room.saturating_sub(length + 1);
    }
    lines
}

fn list(command: &Command) -> String {
    let mut list = String::new();
    for group in &GROUPS {
        let _ = writeln!(list, "{}:", group.title);
        for page in group.pages {
            let about = command.find_subcommand(page.verb).map(summary);
            let _ = writeln!(list, "  {:12} {}", page.verb, about.unwrap_or_default());
        }
        list.push('\n');
    }
    list
}

fn summary(verb: &Command) -> String {
    verb.get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn examples(page: &Page) -> String {
    let width = page
        .examples
        .iter()
        .map(|(typed, _)| typed.len())
        .max()
        .unwrap_or(0);
    let mut text = "Examples:".to_owned();
    for (typed, what) in page.examples {
        let _ = write!(text, "\n  {}", format!("{typed:width$}  {what}").trim_end());
    }
    text
}

#[cfg(test)]
mod tests;
