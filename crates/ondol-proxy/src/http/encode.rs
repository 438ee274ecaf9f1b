//! Content codings, as a body is passed on.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;

use crate::policy::coding::Coding;

/// Costs and savings are both near the middle there; what is compressed once for many is a matter of builds.
const GZIP_LEVEL: u32 = 5;
const ZSTD_LEVEL: i32 = 3;
const BROTLI_LEVEL: u32 = 4;
/// Two to this power is what a brotli encoder remembers (bytes).
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER: usize = 4096;

/// One body on its way through a coding.
pub(super) struct Encoder {
    stream: Stream,
    /// Something went in that has not come out.
    pending: bool,
}

enum Stream {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    pub(super) fn new(coding: Coding) -> io::Result<Self> {
        let stream = match coding {
            Coding::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Stream::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Zstd => {
                Stream::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?)
            }
            Coding::Brotli => Stream::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
                BROTLI_LEVEL,
                BROTLI_WINDOW,
            ))),
        };
        Ok(Encoder {
            stream,
            pending: false,
        })
    }

    /// Takes a piece; what comes out may be empty.
    pub(super) fn feed(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        self.pending = true;
        match &mut self.stream {
            Stream::Gzip(stream) => stream.write_all(piece)?,
            Stream::Zstd(stream) => stream.write_all(piece)?,
            Stream::Brotli(stream) => stream.write_all(piece)?,
        }
        Ok(self.take())
    }

    /// What was held back for a better coding, when nothing more comes for now: a client must not wait for it.
    pub(super) fn flush(&mut self) -> io::Result<Bytes> {
        if !std::mem::take(&mut self.pending) {
            return Ok(Bytes::new());
        }
        match &mut self.stream {
            Stream::Gzip(stream) => stream.flush()?,
            Stream::Zstd(stream) => stream.flush()?,
            Stream::Brotli(stream) => stream.flush()?,
        }
        Ok(self.take())
    }

    /// The end.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        let rest = match self.stream {
            Stream::Gzip(stream) => stream.finish()?,
            Stream::Zstd(stream) => stream.finish()?,
            Stream::Brotli(stream) => stream.into_inner(),
        };
        Ok(rest.into())
    }

    fn take(&mut self) -> Bytes {
        let out = match &mut self.stream {
            Stream::Gzip(stream) => stream.get_mut(),
            Stream::Zstd(stream) => stream.get_mut(),
            Stream::Brotli(stream) => stream.get_mut(),
        };
        std::mem::take(out).into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut decoder: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(coded)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(coded).unwrap()),
            Coding::Brotli => Box::new(brotli::Decompressor::new(coded, 4096)),
        };
        // A stream that is not at its end yet has an error after what is there.
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = decoder.read(&mut buffer) {
            plain.extend_from_slice(&buffer[..count]);
        }
        plain
    }

    #[test]
    fn what_goes_in_comes_out_and_at_once_when_it_is_flushed() {
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
            let mut encoder = Encoder::new(coding).unwrap();
            let mut coded = encoder.feed(b"first line\n").unwrap().to_vec();
            coded.extend(encoder.flush().unwrap());
            assert_eq!(decode(coding, &coded), b"first line\n", "{coding:?}");
            assert!(
                encoder.flush().unwrap().is_empty(),
                "{coding:?}: nothing new"
            );
            let long = b"the same again and again\n".repeat(10_000);
            coded.extend(encoder.feed(&long).unwrap());
            coded.extend(encoder.finish().unwrap());
            let plain = decode(coding, &coded);
            assert_eq!(plain.len(), 11 + long.len(), "{coding:?}");
            assert!(plain.ends_with(&long));
            assert!(
                coded.len() < plain.len() / 50,
                "{coding:?}: {} bytes",
                coded.len()
            );
        }
    }
}
