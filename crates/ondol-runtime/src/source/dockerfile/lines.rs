use super::{Finding, INSTRUCTIONS_MAX, TEXT_BYTES_MAX};

/// One instruction with its continuation lines joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Line it begins at, from 1.
    pub(crate) line: u32,
    /// In upper case.
    pub(crate) name: String,
    /// All behind the name, continuation lines joined, comments between them left out.
    pub(crate) rest: String,
    /// The heredocs opened in `rest`, in order.
    pub(crate) heredocs: Vec<Heredoc>,
}

/// `<<EOF` and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heredoc {
    pub(crate) name: String,
    /// The name was quoted: nothing in the body is substituted.
    pub(crate) quoted: bool,
    /// `<<-`: leading tabs are not part of it.
    pub(crate) tabs_stripped: bool,
    /// With a line end after each line.
    pub(crate) body: String,
}

/// A Dockerfile cut into instructions.
pub(super) struct Cut {
    pub(crate) escape: char,
    pub(crate) instructions: Vec<Instruction>,
}

/// Cuts a Dockerfile into instructions (Dockerfile reference, "Format", "Parser directives", "Here-Documents").
pub(super) fn cut(text: &str, findings: &mut Vec<Finding>) -> Cut {
    let mut out = Cut {
        escape: '\\',
        instructions: Vec::new(),
    };
    if text.len() > TEXT_BYTES_MAX {
        findings.push(Finding::error(
            1,
            format!("the file is {} bytes long", text.len()),
            "a Dockerfile may have 1 MiB; move what is generated into a script that it runs",
        ));
        return out;
    }
    let lines: Vec<&str> = text
        .trim_start_matches('\u{feff}')
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .collect();
    out.escape = escape_directive(&lines);
    let mut at = 0;
    while at < lines.len() {
        if is_blank(lines[at]) {
            at += 1;
            continue;
        }
        if out.instructions.len() == INSTRUCTIONS_MAX {
            findings.push(Finding::error(
                line_number(at),
                format!("more than {INSTRUCTIONS_MAX} instructions"),
                "split the file, or run a script",
            ));
            break;
        }
        let begin = at;
        let joined = join(&lines, &mut at, out.escape);
        let (name, rest) = split_name(&joined);
        let mut instruction = Instruction {
            line: line_number(begin),
            name: name.to_ascii_uppercase(),
            rest: rest.to_string(),
            heredocs: Vec::new(),
        };
        if takes_heredocs(&instruction) {
            read_heredocs(&lines, &mut at, &mut instruction, findings);
        }
        out.instructions.push(instruction);
    }
    out
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// `# escape=` counts only among the directives at the very top.
fn escape_directive(lines: &[&str]) -> char {
    for line in lines {
        let Some((key, value)) = line
            .trim()
            .strip_prefix('#')
            .and_then(|comment| comment.split_once('='))
        else {
            break;
        };
        if key.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}

fn join(lines: &[&str], at: &mut usize, escape: char) -> String {
    let mut joined = String::new();
    while *at < lines.len() {
        let line = lines[*at];
        *at += 1;
        if !joined.is_empty() && is_blank(line) {
            continue;
        }
        let line = if joined.is_empty() {
            line.trim_start()
        } else {
            line
        };
        match line.trim_end().strip_suffix(escape) {
            Some(before) => joined.push_str(before),
            None => {
                joined.push_str(line);
                break;
            }
        }
        if joined.is_empty() {
            joined.push(' ');
        }
    }
    joined.trim().to_string()
}

fn split_name(joined: &str) -> (&str, &str) {
    match joined.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (joined, ""),
    }
}

fn takes_heredocs(instruction: &Instruction) -> bool {
    match instruction.name.as_str() {
        "RUN" | "COPY" | "ADD" => true,
        "ONBUILD" => {
            let (inner, _) = split_name(&instruction.rest);
            ["RUN", "COPY", "ADD"]
                .iter()
                .any(|name| inner.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

fn read_heredocs(
    lines: &[&str],
    at: &mut usize,
    instruction: &mut Instruction,
    findings: &mut Vec<Finding>,
) {
    for mut heredoc in openings(&instruction.rest) {
        let mut closed = false;
        while *at < lines.len() && !closed {
            let line = if heredoc.tabs_stripped {
                lines[*at].trim_start_matches('\t')
            } else {
                lines[*at]
            };
            *at += 1;
            closed = line == heredoc.name;
            if !closed {
                heredoc.body.push_str(line);
                heredoc.body.push('\n');
            }
        }
        if !closed {
            findings.push(Finding::error(
                instruction.line,
                format!("the heredoc `{}` is not closed", heredoc.name),
                format!("write `{}` alone on a line after it", heredoc.name),
            ));
        }
        instruction.heredocs.push(heredoc);
    }
}

/// The `<<NAME`, `<<-NAME`, `<<"NAME"` outside of quotes.
fn openings(rest: &str) -> Vec<Heredoc> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '\\') => {
                chars.next();
            }
            (None, '<') if rest[at..].starts_with("<<<") => {
                chars.next();
                chars.next();
            }
            (None, '<') if rest[at..].starts_with("<<") => {
                chars.next();
                found.extend(opening(&rest[at + 2..]));
                // A quoted name must not be taken for the beginning of a quote.
                while chars
                    .peek()
                    .is_some_and(|(_, c)| matches!(c, '-' | '\'' | '"'))
                {
                    chars.next();
                }
                while chars.peek().is_some_and(|(_, c)| is_name_char(*c)) {
                    chars.next();
                }
                while chars.peek().is_some_and(|(_, c)| matches!(c, '\'' | '"')) {
                    chars.next();
                }
            }
            _ => {}
        }
    }
    found
}

fn opening(after: &str) -> Option<Heredoc> {
    let tabs_stripped = after.starts_with('-');
    let after = after.strip_prefix('-').unwrap_or(after);
    let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let after = if quote.is_some() { &after[1..] } else { after };
    let end = after
        .find(|c: char| !is_name_char(c))
        .unwrap_or(after.len());
    let name = &after[..end];
    let closed = quote.is_none_or(|quote| after[end..].starts_with(quote));
    (closed && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then(|| {
        Heredoc {
            name: name.to_string(),
            quoted: quote.is_some(),
            tabs_stripped,
            body: String::new(),
        }
    })
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_cleanly(text: &str) -> Vec<(u32, String, String)> {
        let mut findings = Vec::new();
        let cut = cut(text, &mut findings);
        assert_eq!(findings, []);
        cut.instructions
            .into_iter()
            .map(|i| (i.line, i.name, i.rest))
            .collect()
    }

    #[test]
    fn continuation_lines_are_joined_and_comments_between_them_left_out() {
        let cut = cut_cleanly(
            "# top\nrun apt-get update && \\\n# why\n\n  apt-get \\\n  install x\nCMD y",
        );
        assert_eq!(
            cut,
            [
                (
                    2,
                    "RUN".into(),
                    "apt-get update &&   apt-get   install x".into()
                ),
                (7, "CMD".into(), "y".into()),
            ]
        );
    }

    #[test]
    fn the_escape_character_can_be_changed_at_the_top() {
        let text = "# syntax=docker/dockerfile:1\r\n# escape=`\r\nRUN dir `\r\n  c:\\\r\nCMD x\r\n";
        assert_eq!(
            cut_cleanly(text),
            [
                (3, "RUN".into(), "dir   c:\\".into()),
                (5, "CMD".into(), "x".into())
            ]
        );
        assert_eq!(
            cut_cleanly("FROM x\n# escape=`\nRUN a \\\n b").len(),
            2,
            "a directive after an instruction is a comment"
        );
    }

    #[test]
    fn heredocs_are_read_with_their_bodies() {
        let mut findings = Vec::new();
        let cut = cut(
            "COPY <<a <<-\"b\" /x/\none\na\n\ttwo\n\tb\nRUN cat <<<here\nRUN <<E\nx",
            &mut findings,
        );
        let bodies: Vec<_> = cut.instructions[0]
            .heredocs
            .iter()
            .map(|h| (h.name.as_str(), h.quoted, h.body.as_str()))
            .collect();
        assert_eq!(bodies, [("a", false, "one\n"), ("b", true, "two\n")]);
        assert!(cut.instructions[1].heredocs.is_empty());
        assert_eq!(findings.len(), 1, "the last one is not closed");
    }
}
