//! Mails, handed to the server that the file names (RFC 5321).
//!
//! A client of our own: what a library has beside these seven commands (pools, attachments, other TLS stacks) would
//! be more crates than the rest of this one stands on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ondol_alert::DeliveryError;
use ondol_alert::wire::Mail;
use ondol_model::Smtp;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{lasting, passing, tls};
use crate::{clock, host};

/// Lines of one answer, and bytes of one line (RFC 5321, section 4.5.3.1.5, and room to spare).
const LINES_MAX: usize = 64;
const LINE_BYTES_MAX: u64 = 2_048;

/// Hands a mail over.
pub(super) async fn send(
    smtp: &Smtp,
    from: &str,
    to: &[String],
    mail: &Mail,
) -> Result<(), DeliveryError> {
    let place = format!("{}:{}", smtp.host, smtp.port);
    let stream = TcpStream::connect((smtp.host.as_str(), smtp.port)).await;
    let stream = stream.map_err(|error| passing(format!("{place}: {error}")))?;
    let me = host::name();
    let default = format!("ondol@{me}");
    let from = if from.is_empty() { &default } else { from };
    let letter = Letter {
        from,
        to,
        mail,
        me: &me,
    };
    if smtp.tls {
        let stream = secured(stream, &smtp.host).await?;
        let mut talk = Talk::new(stream);
        talk.expect(220).await?;
        talk.greet(&me).await?;
        return talk.hand_over(&letter, smtp).await;
    }
    let mut talk = Talk::new(stream);
    talk.expect(220).await?;
    let offers = talk.greet(&me).await?;
    if smtp.clear {
        return match smtp.login {
            Some(_) => Err(lasting("a password is not sent without TLS".to_owned())),
            None => talk.hand_over(&letter, smtp).await,
        };
    }
    if !offers
        .iter()
        .any(|offer| offer.eq_ignore_ascii_case("STARTTLS"))
    {
        let is_here = matches!(smtp.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        return match is_here && smtp.login.is_none() {
            true => talk.hand_over(&letter, smtp).await,
            false => Err(lasting(format!(
                "{place} offers no STARTTLS; `?starttls=never` behind its address speaks in the clear"
            ))),
        };
    }
    talk.say("STARTTLS").await?;
    talk.expect(220).await?;
    // What was sent before TLS is not believed (RFC 3207, section 6).
    let stream = secured(talk.into_inner(), &smtp.host).await?;
    let mut talk = Talk::new(stream);
    talk.greet(&me).await?;
    talk.hand_over(&letter, smtp).await
}

async fn secured(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, DeliveryError> {
    let connected = tls::client().await?.secured(stream, host.to_owned()).await;
    connected.map_err(|error| passing(format!("TLS with {host}: {error}")))
}

struct Letter<'a> {
    from: &'a str,
    to: &'a [String],
    mail: &'a Mail,
    me: &'a str,
}

/// A conversation with the server.
struct Talk<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn new(stream: S) -> Self {
        Talk {
            stream: BufReader::new(stream),
        }
    }

    fn into_inner(self) -> S {
        self.stream.into_inner()
    }

    async fn hand_over(&mut self, letter: &Letter<'_>, smtp: &Smtp) -> Result<(), DeliveryError> {
        if let Some((user, password)) = &smtp.login {
            let login = STANDARD.encode(format!("\0{user}\0{password}"));
            self.say(&format!("AUTH PLAIN {login}")).await?;
            self.expect(235).await?;
        }
        self.say(&format!("MAIL FROM:<{}>", letter.from)).await?;
        self.expect(250).await?;
        for to in letter.to {
            self.say(&format!("RCPT TO:<{to}>")).await?;
            self.expect(250).await?;
        }
        self.say("DATA").await?;
        self.expect(354).await?;
        self.say(&format!("{}\r\n.", letter.text())).await?;
        self.expect(250).await?;
        // It has the mail; how it says goodbye is no matter.
        let _ = self.say("QUIT").await;
        Ok(())
    }

    /// What the server can do.
    async fn greet(&mut self, me: &str) -> Result<Vec<String>, DeliveryError> {
        self.say(&format!("EHLO {me}")).await?;
        self.expect(250).await
    }

    async fn say(&mut self, line: &str) -> Result<(), DeliveryError> {
        let line = format!("{line}\r\n");
        let written = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        let written: std::io::Result<()> = written.await;
        written.map_err(|error| passing(format!("the mail server went away: {error}")))
    }

    /// The lines of an answer, without their code.
    async fn expect(&mut self, code: u16) -> Result<Vec<String>, DeliveryError> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let mut line = String::new();
            let read = (&mut self.stream)
                .take(LINE_BYTES_MAX)
                .read_line(&mut line)
                .await;
            let is_cut = !line.ends_with('\n');
            if read.is_err() || is_cut {
                return Err(passing("the mail server went away".to_owned()));
            }
            let line = line.trim_end();
            let said: Option<u16> = line.get(..3).and_then(|code| code.parse().ok());
            // A forwarded mail (251) is as good as one that is delivered (250).
            let is_well = said == Some(code) || (code == 250 && said == Some(251));
            if !is_well {
                let message = format!("the mail server said: {line}");
                return Err(match said {
                    Some(500..) => lasting(message),
                    _ => passing(message),
                });
            }
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(lines);
            }
        }
        Err(lasting(format!(
            "the mail server says more than {LINES_MAX} lines"
        )))
    }
}

impl Letter<'_> {
    /// Head and body, in lines that end with CR LF; the body in base64, so that no line of it means anything.
    fn text(&self) -> String {
        let now_ms = clock::now_ms();
        let subject = match self.mail.subject.is_ascii() {
            true => self.mail.subject.chars().take(900).collect(),
            false => encoded_words(&self.mail.subject),
        };
        let head = [
            format!("From: <{}>", self.from),
            format!(
                "To: {}",
                self.to
                    .iter()
                    .map(|to| format!("<{to}>"))
                    .collect::<Vec<_>>()
                    .join(",\r\n ")
            ),
            format!("Subject: {subject}"),
            format!("Date: {}", ondol_alert::calendar::rfc5322(now_ms)),
            format!("Message-ID: <{now_ms}.{}@{}>", std::process::id(), self.me),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
            "Content-Transfer-Encoding: base64".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
        ];
        let body = STANDARD.encode(self.mail.body.replace('\n', "\r\n"));
        let lines = body
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8_lossy(line));
        let body: Vec<_> = lines.collect();
        format!("{}\r\n\r\n{}", head.join("\r\n"), body.join("\r\n"))
    }
}

/// Text beyond ASCII in a head (RFC 2047): pieces of whole letters, 45 bytes at most.
fn encoded_words(text: &str) -> String {
    let mut pieces = vec![String::new()];
    for c in text.chars().take(600) {
        if let Some(last) = pieces.last_mut() {
            match last.len() + c.len_utf8() > 45 {
                true => pieces.push(c.into()),
                false => last.push(c),
            }
        }
    }
    let words = pieces
        .iter()
        .map(|piece| format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
    words.collect::<Vec<_>>().join("\r\n ")
}
