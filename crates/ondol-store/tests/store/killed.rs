use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ondol_model::EventQuery;
use ondol_store::Store;

use crate::setup::{Folder, note, scaled, service};

const WRITER_FOLDER: &str = "ONDOL_STORE_TEST_WRITER";

/// Kills a writer again and again, each time a little later, and looks at what it left behind.
#[test]
fn what_was_acknowledged_is_there_after_a_kill_at_any_moment() {
    let folder = Folder::new();
    let mut acknowledged = 0;
    for round in 0..8 {
        acknowledged = acknowledged.max(write_until_killed(folder.path(), round * 7));

        let store = Store::open(folder.path()).unwrap();

        let kept = store.wishes().unwrap();
        let scale = kept[0].wish.scale.values().next().copied().unwrap();
        // One more than was heard of may have been written just before the kill.
        assert!(
            scale >= acknowledged,
            "{scale} kept, {acknowledged} acknowledged"
        );
        acknowledged = scale;
        let newest = store.events(&EventQuery {
            limit: 1,
            ..EventQuery::default()
        });
        let newest = newest.unwrap()[0].note.why.parse::<u32>().unwrap();
        assert!(newest >= scale, "event {newest} of wish {scale}");
    }
    assert!(acknowledged >= 8);
}

/// The child of the test above: writes numbers and says each when it is kept. Alone it does nothing.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(WRITER_FOLDER) else {
        return;
    };
    let mut store = Store::open(Path::new(&dir)).unwrap();
    let kept = store.wishes().unwrap();
    let mut number = kept
        .first()
        .map_or(0, |kept| *kept.wish.scale.values().next().unwrap());
    loop {
        number += 1;
        let event = note(service("shop", "web"), &number.to_string());
        store.add_events(&[event], 0).unwrap();
        store.keep(&scaled("shop", number), "user 0", 0).unwrap();
        writeln!(std::io::stdout(), "kept {number}").unwrap();
    }
}

/// The last number that the writer said, of which it says `lines` and perhaps some more.
fn write_until_killed(dir: &Path, lines: usize) -> u32 {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::writer", "--nocapture"])
        .env(WRITER_FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut numbers = said.filter_map(|line| line.unwrap().strip_prefix("kept ")?.parse().ok());
    let mut last = numbers.by_ref().take(lines + 1).last().unwrap();
    kill(Pid::from_raw(writer.id() as i32), Signal::SIGKILL).unwrap();
    last = numbers.last().unwrap_or(last);
    writer.wait().unwrap();
    last
}
