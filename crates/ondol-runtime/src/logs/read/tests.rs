use std::fs;

use super::super::Writer;
use super::*;
use crate::spec::LogBounds;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ondol-logs-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SMALL: LogBounds = LogBounds {
    segment_bytes_max: 400,
    segments_max: 3,
};

fn write(dir: &Path, bounds: LogBounds, run: u64, texts: impl IntoIterator<Item = String>) {
    let mut writer = Writer::new(dir, bounds, run);
    for (at, text) in texts.into_iter().enumerate() {
        writer.push(Stream::Stdout, false, text.as_bytes(), at as u64);
        writer.flush(at as u64);
    }
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn what_was_written_is_read_across_runs_and_filtered() {
    let dir = Dir::new("runs");
    write(&dir.0, LogBounds::default(), 1, ["a".into(), "b".into()]);
    write(&dir.0, LogBounds::default(), 2, ["c".into()]);
    let all = Reader::new(&dir.0, Cursor::default(), Filter::default())
        .read(10)
        .unwrap();
    assert_eq!(texts(&all), ["a", "b", "c"]);
    assert_eq!(segments(&dir.0), [1]);
    let second = Filter {
        run: Some(2),
        ..Filter::default()
    };
    let lines = Reader::new(&dir.0, Cursor::default(), second)
        .read(10)
        .unwrap();
    assert_eq!(texts(&lines), ["c"]);
    let since = Filter {
        since_ns: Some(1),
        ..Filter::default()
    };
    assert_eq!(
        texts(
            &Reader::new(&dir.0, Cursor::default(), since)
                .read(10)
                .unwrap()
        ),
        ["b"]
    );
}

#[test]
fn only_so_many_segments_are_kept_and_a_late_cursor_goes_on_with_the_oldest() {
    let dir = Dir::new("capped");
    let mut reader = Reader::new(&dir.0, Cursor::default(), Filter::default());
    write(&dir.0, SMALL, 1, (0..3).map(|n| format!("{n:050}")));
    assert_eq!(reader.read(1).unwrap().len(), 1);
    write(&dir.0, SMALL, 2, (3..60).map(|n| format!("{n:050}")));
    let kept = segments(&dir.0);
    assert_eq!(kept.len(), 3);
    let bytes: u64 = kept
        .iter()
        .map(|n| fs::metadata(dir.0.join(segment_name(*n))).unwrap().len())
        .sum();
    assert!(bytes <= 3 * (400 + 74), "{bytes}");
    let rest = reader.read(100).unwrap();
    assert_eq!(rest.last().unwrap().text, format!("{:050}", 59));
    assert!(rest.windows(2).all(|pair| pair[0].text < pair[1].text));
}

#[test]
fn the_tail_spans_segments_and_can_be_followed() {
    let dir = Dir::new("tail");
    write(&dir.0, SMALL, 1, (0..12).map(|n| format!("{n:050}")));
    let (lines, mut reader) = Reader::tail(&dir.0, 9, Filter::default()).unwrap();
    let expected: Vec<String> = (3..12).map(|n| format!("{n:050}")).collect();
    assert_eq!(texts(&lines), expected);
    assert_eq!(reader.read(5).unwrap(), []);
    write(&dir.0, SMALL, 1, ["more".to_owned()]);
    assert_eq!(texts(&reader.read(5).unwrap()), ["more"]);
    let mut end = Reader::at_end(&dir.0, Filter::default()).unwrap();
    assert_eq!(end.read(5).unwrap(), []);
    write(&dir.0, SMALL, 1, ["last".to_owned()]);
    assert_eq!(texts(&end.read(5).unwrap()), ["last"]);
}

#[test]
fn half_a_record_is_neither_read_nor_built_upon() {
    let dir = Dir::new("torn");
    write(&dir.0, LogBounds::default(), 1, ["whole".to_owned()]);
    let path = dir.0.join("1.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&[40, 0, 0, 0, 1, 0, 0, 0, 9, 9]);
    fs::write(&path, &bytes).unwrap();
    let mut reader = Reader::new(&dir.0, Cursor::default(), Filter::default());
    assert_eq!(texts(&reader.read(9).unwrap()), ["whole"]);
    write(&dir.0, LogBounds::default(), 2, ["after".to_owned()]);
    assert_eq!(texts(&reader.read(9).unwrap()), ["after"]);
}

#[test]
fn what_cannot_be_written_is_counted() {
    let dir = Dir::new("full");
    fs::write(&dir.0, "a file where the folder should be").unwrap();
    let mut writer = Writer::new(&dir.0, LogBounds::default(), 1);
    for text in ["a", "b"] {
        writer.push(Stream::Stdout, false, text.as_bytes(), 1);
        writer.flush(1);
    }
    fs::remove_file(&dir.0).unwrap();
    writer.push(Stream::Stdout, false, b"c", 2);
    writer.flush(2);
    let lines = Reader::new(&dir.0, Cursor::default(), Filter::default())
        .read(9)
        .unwrap();
    assert_eq!(
        texts(&lines),
        [
            "c",
            "2 lines were dropped here: the log could not be written"
        ]
    );
}

#[test]
fn what_was_written_before_its_removal_is_read_and_then_the_next_log_of_that_name() {
    let dir = Dir::new("removed");
    write(&dir.0, LogBounds::default(), 1, ["a".into()]);
    let mut reader = Reader::new(&dir.0, Cursor::default(), Filter::default());
    assert_eq!(texts(&reader.read(10).unwrap()), ["a"]);
    write(
        &dir.0,
        LogBounds::default(),
        1,
        (0..3).map(|n| format!("b{n}")),
    );
    fs::remove_dir_all(&dir.0).unwrap();
    assert_eq!(texts(&reader.read(2).unwrap()), ["b0", "b1"]);
    assert_eq!(texts(&reader.read(10).unwrap()), ["b2"]);
    assert!(reader.read(10).unwrap().is_empty());
    write(&dir.0, LogBounds::default(), 7, ["c".into(), "d".into()]);
    assert_eq!(texts(&reader.read(10).unwrap()), ["c", "d"]);
    assert!(reader.read(10).unwrap().is_empty());
}
