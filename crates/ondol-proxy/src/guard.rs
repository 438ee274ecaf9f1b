//! What the bytes of an HTTP/1 client are checked for before the parser sees them: everything that two parsers could
//! understand differently. One that is lenient in front of one that is strict is how requests are smuggled.

mod body;
mod fault;
mod head;

pub(crate) use body::Body;
pub use fault::Fault;
use head::Head;
pub(crate) use head::{is_host, is_target, is_token, is_value};

/// Follows the requests of one connection: where each head ends, and by that where its body does.
///
/// Pure: bytes in, verdict out. The reader calls [`Guard::check`] with what it read and obeys.
pub struct Guard {
    at: At,
    /// Each connection has one of these, and most wait: half the width does.
    head_bytes_max: u32,
    underscores: bool,
}

enum At {
    Head(Head),
    Body(Body),
}

/// What may be done with the bytes that were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of them may be read.
    Pass,
    /// From this offset on they are the beginning of a head that is not complete. They are to be kept, and checked
    /// again together with what follows.
    Hold(usize),
    /// Here a request begins that must not be read, and nothing after it.
    Refuse(usize, Fault),
    /// Here a body breaks off that is not one, and the head before it has been passed; or something begins that is
    /// not HTTP at all. There is nobody to answer.
    Break(usize, Fault),
}

impl Guard {
    /// `head_bytes_max` bounds a request line with its headers.
    pub fn new(head_bytes_max: usize) -> Self {
        Guard {
            at: At::Head(Head::default()),
            head_bytes_max: u32::try_from(head_bytes_max).unwrap_or(u32::MAX),
            underscores: false,
        }
    }

    /// Whether a body has begun and not ended.
    pub fn is_in_body(&self) -> bool {
        matches!(self.at, At::Body(_))
    }

    /// Whether a header of some request had a `_` in its name, which some servers take for `-`.
    pub fn has_underscores(&self) -> bool {
        self.underscores
    }

    /// Looks at the next bytes. After [`Verdict::Hold`] they begin with those that were held; after
    /// [`Verdict::Refuse`] and [`Verdict::Break`] there is nothing more to ask.
    pub fn check(&mut self, bytes: &[u8]) -> Verdict {
        let mut seen = 0;
        while seen < bytes.len() {
            let rest = &bytes[seen..];
            match &mut self.at {
                At::Head(head) => match head.read(rest, self.head_bytes_max as usize) {
                    Ok(Some((length, body))) => {
                        seen += length;
                        self.underscores |= head.underscores;
                        self.at = body.map_or_else(|| At::Head(Head::default()), At::Body);
                    }
                    Ok(None) => return Verdict::Hold(seen),
                    Err(Fault::NotHttp) => return Verdict::Break(seen, Fault::NotHttp),
                    Err(fault) => return Verdict::Refuse(seen, fault),
                },
                At::Body(body) => match body.read(rest) {
                    Ok((length, ended)) => {
                        seen += length;
                        if ended {
                            self.at = At::Head(Head::default());
                        }
                    }
                    Err((length, fault)) => return Verdict::Break(seen + length, fault),
                },
            }
        }
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests;
