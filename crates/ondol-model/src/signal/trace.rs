use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a trace: not zero (W3C Trace Context, section 3.2.2.3). As text, 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId(pub u128);

/// Names a span: not zero (section 3.2.2.4). As text, 16 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanId(pub u64);

/// Text that names neither a trace nor a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoId;

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the hexadecimal digits of an id, or nothing but zeros")
    }
}

impl std::error::Error for NoId {}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        hex(text, 32).map(TraceId)
    }
}

impl FromStr for SpanId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let number = u64::try_from(hex(text, 16)?).map_err(|_| NoId)?;
        Ok(SpanId(number))
    }
}

fn hex(text: &str, digits: usize) -> Result<u128, NoId> {
    let right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).map_err(|_| NoId)?;
    match right && number != 0 {
        true => Ok(number),
        false => Err(NoId),
    }
}

macro_rules! as_text {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = NoId;

            fn try_from(text: String) -> Result<Self, NoId> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.to_string()
            }
        }
    };
}

as_text!(TraceId);
as_text!(SpanId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_digits() {
        let trace = TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.to_string().parse(), Ok(trace));
        assert_eq!("00000000000000ff".parse(), Ok(SpanId(255)));
        for bad in [
            "",
            "ff",
            "0000000000000000",
            "+000000000000001",
            "00000000000000fg",
        ] {
            assert_eq!(bad.parse::<SpanId>(), Err(NoId), "{bad}");
        }
    }
}
