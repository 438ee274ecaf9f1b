//! How a histogram is shown.

use std::fmt;

use super::bucket::Side;
use super::{Bucket, Histogram};
use crate::number::general;

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        write!(
            f,
            "{open}{},{}{close}:{}",
            general(self.lower),
            general(self.upper),
            general(self.count)
        )
    }
}

/// `{count:20, sum:10, [-2,-1):2, (0.5,1]:1}`: filled buckets only, from the lowest to the highest.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{count:{}, sum:{}",
            general(self.count),
            general(self.sum)
        )?;
        let mut negative: Vec<Bucket> = self.outward(Side::Negative).collect();
        negative.reverse();
        let all = negative
            .into_iter()
            .chain(self.zero_bucket())
            .chain(self.outward(Side::Positive));
        for bucket in all.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}
