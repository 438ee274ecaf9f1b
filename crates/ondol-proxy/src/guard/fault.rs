/// What is wrong with a request. Each is one that some server lets pass and another understands otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    /// Not `METHOD TARGET HTTP/1.1` with one space each (RFC 9112, section 3).
    RequestLine = 1,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
    /// A target with bytes that no URI has (RFC 3986).
    Target,
    /// A line that ends without CR, or a CR that ends none (RFC 9112, section 2.2).
    LineEnd,
    /// A header over several lines (RFC 9112, section 5.2).
    Fold,
    /// A name that is no token, or white space before its colon (RFC 9112, section 5.1).
    HeaderName,
    /// A control character in a value (RFC 9110, section 5.5).
    HeaderValue,
    /// More than one `Host`, or one that is not a host, or another than the target says (RFC 9112, section 3.2).
    Host,
    /// A `Content-Length` that is not one number, or two of them (RFC 9112, section 6.3).
    Length,
    /// A `Transfer-Encoding` that is not `chunked` alone, or that HTTP/1.0 cannot have (RFC 9112, section 6.1).
    Encoding,
    /// Both, which say different things about where the request ends (RFC 9112, section 6.1).
    LengthAndEncoding,
    /// A body where HTTP/1.0 has none.
    Body,
    /// The request line with its headers is too large.
    TooLarge,
    /// A chunk whose size is not a number of at most 15 digits, with a line end of CR and LF (RFC 9112, section 7.1).
    Chunk,
    /// Trailers that are no headers, or too many (RFC 9112, section 7.1.2).
    Trailer,
    /// A first line without a version of HTTP: another protocol, which is not answered in this one.
    NotHttp,
}

impl Fault {
    const ALL: [Fault; 16] = [
        Fault::RequestLine,
        Fault::Version,
        Fault::Target,
        Fault::LineEnd,
        Fault::Fold,
        Fault::HeaderName,
        Fault::HeaderValue,
        Fault::Host,
        Fault::Length,
        Fault::Encoding,
        Fault::LengthAndEncoding,
        Fault::Body,
        Fault::TooLarge,
        Fault::Chunk,
        Fault::Trailer,
        Fault::NotHttp,
    ];

    /// The fault of this number; numbers are for a cell that holds one.
    pub(crate) fn from_number(number: u8) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| *fault as u8 == number)
    }

    /// What was found and what was expected, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Fault::RequestLine => "the request line is not a method, a target and a version",
            Fault::Version => "the version is neither HTTP/1.1 nor HTTP/1.0",
            Fault::Target => "the target has characters that must be percent-encoded",
            Fault::LineEnd => "a line of the head does not end with CR LF",
            Fault::Fold => "a header goes on in a second line",
            Fault::HeaderName => "the name of a header is not a token followed by a colon",
            Fault::HeaderValue => "the value of a header has control characters",
            Fault::Host => "the request does not say one host",
            Fault::Length => "Content-Length is not one number",
            Fault::Encoding => "Transfer-Encoding is not `chunked`",
            Fault::LengthAndEncoding => {
                "Content-Length and Transfer-Encoding both say where the request ends"
            }
            Fault::Body => "HTTP/1.0 has no body with this method",
            Fault::TooLarge => "the request line and headers are too large",
            Fault::Chunk => "a chunk of the body does not begin with its size",
            Fault::Trailer => "what follows the last chunk is not a header",
            Fault::NotHttp => "this is not HTTP",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_number() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_number(fault as u8), Some(fault));
        }
        assert_eq!(Fault::from_number(0), None);
    }
}
