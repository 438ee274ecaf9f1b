//! What a request is answered with. Always by length, never chunked: whoever reads can tell a
//! whole blob from one that was cut off.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Take, Write};

use crate::clock;
use crate::log::quoted;

pub struct Answer {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    content: Content,
}

enum Content {
    Text(String),
    Blob(Take<File>),
}

impl Answer {
    pub fn json(status: u16, text: String) -> Self {
        let answer = Self { status, headers: Vec::new(), content: Content::Text(text) };
        answer.with("Content-Type", "application/json".into())
    }

    pub fn refusal(status: u16, why: &str) -> Self {
        Self::json(status, format!(r#"{{"error":{}}}"#, quoted(why)))
    }

    /// The bytes from where the file stands to the limit.
    pub fn blob(status: u16, content: Take<File>) -> Self {
        Self { status, headers: Vec::new(), content: Content::Blob(content) }
    }

    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// `whole` is false for HEAD, whose answer ends where the content would begin.
    pub fn write<W: Write>(self, to: &mut W, whole: bool, close: bool) -> io::Result<()> {
        let mut head = self.head(close);
        match self.content {
            Content::Text(text) => {
                if whole {
                    head.push_str(&text);
                }
                to.write_all(head.as_bytes())
            }
            Content::Blob(mut content) => {
                to.write_all(head.as_bytes())?;
                let length = content.limit();
                if whole && io::copy(&mut content, to)? != length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(())
            }
        }
    }

    fn head(&self, close: bool) -> String {
        let length = match &self.content {
            Content::Text(text) => text.len() as u64,
            Content::Blob(content) => content.limit(),
        };
        let date = clock::for_http(clock::now_ms());
        let mut head =
            format!("HTTP/1.1 {} {}\r\nDate: {date}\r\nContent-Length: {length}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str(if close { "Connection: close\r\n\r\n" } else { "\r\n" });
        head
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        206 => "Partial Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    fn written(whole: bool, close: bool) -> String {
        let mut bytes = Vec::new();
        let answer = Answer::refusal(405, "no").with("Allow", "GET".into());
        answer.write(&mut bytes, whole, close).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn an_answer_says_its_length_also_to_head() {
        let head = "HTTP/1.1 405 Method Not Allowed|Content-Length: 14|Content-Type: application/json|Allow: GET|";
        assert_eq!(written(true, false), format!("{head}|{{\"error\":\"no\"}}"));
        assert_eq!(written(false, true), format!("{head}Connection: close||"));
    }
}
