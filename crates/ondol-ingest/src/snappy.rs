//! Snappy's block format, with a bound on what comes out.

use crate::IngestError;

pub(crate) fn unpack(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, IngestError> {
    let refuse = |error: snap::Error| IngestError::malformed("snappy", error.to_string());
    // The first bytes say how much it will be.
    let len = snap::raw::decompress_len(body).map_err(refuse)?;
    if len > bytes_max {
        return Err(IngestError::TooLarge { bytes_max });
    }
    snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(refuse)
}
