use std::path::Path;

use crate::findings::{Findings, error};
use crate::tree::Span;

/// The text of a file and its number; `None` after telling where it is no text.
pub(crate) fn text_of<'a>(
    path: &Path,
    bytes: &'a [u8],
    findings: &mut Findings,
) -> Option<(&'a str, u32)> {
    let why = match std::str::from_utf8(bytes) {
        Ok(text) => return Some((text, findings.add_text(path, text))),
        Err(why) => why,
    };
    let (good, bad) = bytes.split_at(why.valid_up_to());
    let file = findings.add_text(path, &String::from_utf8_lossy(good));
    let (start, end) = (good.len() as u32, good.len() as u32);
    let byte = bad.first().copied().unwrap_or_default();
    findings.add(
        error(
            "not-utf8",
            format!("this is not UTF-8 text: byte {byte:#04x} cannot stand here"),
        )
        .at(Span { file, start, end })
        .help("save the file as UTF-8"),
    );
    None
}
