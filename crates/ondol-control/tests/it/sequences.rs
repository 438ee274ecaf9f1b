//! Every short sequence of events in a replica's life, and random long ones, hold to what is never broken.

use std::collections::BTreeMap;

use ondol_control::{Action, Control, Event};
use proptest::prelude::*;

use crate::script::{Script, http, project, service};

const ALPHABET: [&str; 7] = [
    "started web-1",
    "ok web-1",
    "fail web-1 503",
    "exited web-1 1",
    "acked web",
    "+3s",
    "kill web-1",
];

const LONG_ALPHABET: [&str; 11] = [
    "exited web-1 0",
    "drained web-1",
    "edit web",
    "scale web 2",
    "scale web 0",
    "stop web",
    "begin web",
    "restart web",
    "prepared web",
    "down",
    "want",
];

fn web() -> ondol_model::Project {
    project(vec![service("web", |web| {
        let mut probe = http("/");
        probe.interval = std::time::Duration::from_secs(1);
        web.probes.ready = Some(probe.clone());
        web.probes.live = Some(probe);
    })])
}

/// What no sequence of events may break, seen from the actions alone.
fn assert_sane(log: &str) {
    let mut alive: BTreeMap<&str, bool> = BTreeMap::new();
    let mut runs = 0;
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["start", replica, "run", run] => {
                let run: u64 = run.parse().unwrap();
                assert!(run > runs, "{run} was used before:\n{log}");
                runs = run;
                let before = alive.insert(replica, true);
                assert_ne!(before, Some(true), "{replica} is started twice:\n{log}");
            }
            [">", "exited", replica, _] => {
                alive.insert(replica, false);
            }
            ["publish", _, ..] if line.contains(" ready") => {
                let ready = line.matches(" ready").count() - line.matches("not ready").count();
                let living = alive.values().filter(|alive| **alive).count();
                assert!(ready <= living, "traffic to one that does not run:\n{log}");
            }
            ["discard", replica, ..] => {
                let replica = replica.trim_end_matches(',');
                assert_ne!(alive.get(replica), Some(&true), "discarded alive:\n{log}");
            }
            _ => {}
        }
    }
}

#[test]
fn all_sequences_of_five_events_are_sane() {
    let mut sequence = [0usize; 5];
    loop {
        let words: Vec<_> = sequence.iter().map(|at| ALPHABET[*at]).collect();
        let script = format!("found\nprepared web\n{}", words.join("\n"));
        let mut run = Script::run(web(), &script);
        assert_sane(&run.log);
        assert_quiet(&mut run);
        let Some(at) = sequence.iter().position(|at| at + 1 < ALPHABET.len()) else {
            break;
        };
        sequence[..at].fill(0);
        sequence[at] += 1;
    }
}

/// A tick that nobody asked for does nothing.
fn assert_quiet(run: &mut Script) {
    run.control.handle(Event::Tick, run.now);
    let action: Option<Action> = run.control.poll_action();
    assert_eq!(action, None, "{}", run.log);
    let due = run.control.poll_timeout();
    assert!(
        due.is_none_or(|due| due > run.now),
        "due at {due:?}:\n{}",
        run.log
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn long_random_lives_are_sane(events in prop::collection::vec(0usize..18, 1..60)) {
        let words: Vec<_> = events
            .iter()
            .map(|at| ALPHABET.iter().chain(&LONG_ALPHABET).nth(*at).copied().unwrap())
            .collect();
        let mut run = Script::run(web(), &format!("found\nprepared web\n{}", words.join("\n")));
        assert_sane(&run.log);
        assert_quiet(&mut run);
    }
}

#[test]
fn the_same_events_give_the_same_actions() {
    let script = "found\nprepared web\nstarted web-1\nok web-1\nedit web\nprepared web\n+5s\nexited web-1 1\n+5s";
    assert_eq!(
        Script::run(web(), script).log,
        Script::run(web(), script).log
    );
}

#[test]
fn nothing_is_done_before_what_is_there_is_known() {
    let mut control: Control = Script::run(web(), "").control;
    assert_eq!(control.poll_action(), None);
}
