//! Any text as log lines: no panic, bounded fields, and what is put together from pieces is all that was there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_ingest::line::{self, Assembler, Bounds, Piece};

fuzz_target!(|text: &str| {
    let fields = line::lift(text);
    assert!(fields.len() <= 67);
    let mut assembler = Assembler::new(Bounds::default());
    let mut sent = 0;
    for (number, piece) in text.split('\n').enumerate() {
        sent += piece.len();
        let piece = Piece {
            channel: (1, 1),
            at_ns: 0,
            partial: piece.ends_with('\\'),
            text: piece,
        };
        assembler.push(piece, number);
    }
    let mut came = 0;
    while let Some((lines, _)) = assembler.take(u64::MAX) {
        let bytes = |text: &str| text.bytes().filter(|byte| *byte != b'\n').count();
        came += lines
            .iter()
            .map(|line| bytes(&line.text) + line.cut_bytes)
            .sum::<usize>();
    }
    assert_eq!(came, sent);
});
