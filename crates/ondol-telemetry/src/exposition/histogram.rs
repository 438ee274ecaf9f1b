//! One point of a histogram: its buckets, its count and its sum belong together.

#[derive(Default)]
pub(super) struct Histogram {
    /// Upper bound and count of the last bucket.
    bucket: Option<(f64, f64)>,
    count: Option<f64>,
    has_sum: bool,
    has_negative_sum: bool,
    /// `_sum` only grows, `_gsum` may be anything.
    has_gauge_sum: bool,
    has_negative_bucket: bool,
    is_begun: bool,
}

impl Histogram {
    /// Takes a sample in; an error is what was expected.
    pub(super) fn add(
        &mut self,
        suffix: &str,
        le: Option<f64>,
        value: f64,
    ) -> Result<(), &'static str> {
        self.is_begun = true;
        match suffix {
            "_bucket" => {
                let le = le.unwrap_or(f64::INFINITY);
                if self.bucket.is_some_and(|(before, _)| le <= before) {
                    return Err("buckets in the order of `le`");
                }
                if self.bucket.is_some_and(|(_, count)| value < count) {
                    return Err("buckets that count at least what the one before counts");
                }
                self.has_negative_bucket |= le < 0.0;
                self.bucket = Some((le, value));
            }
            "_count" | "_gcount" => self.count = Some(value),
            "_sum" => self.has_sum = true,
            "_gsum" => {
                self.has_gauge_sum = true;
                self.has_negative_sum = value < 0.0;
            }
            _ => {}
        }
        Ok(())
    }

    /// The point is complete; an error is what was expected.
    pub(super) fn finish(self) -> Result<(), &'static str> {
        if !self.is_begun {
            return Ok(());
        }
        let any_sum = self.has_sum || self.has_gauge_sum;
        match self.bucket {
            Some((le, _)) if le == f64::INFINITY => {}
            _ => return Err("a bucket with le=\"+Inf\" in each histogram"),
        }
        if self.count.is_some() && self.count != self.bucket.map(|(_, count)| count) {
            return Err("the same count as in the bucket with le=\"+Inf\"");
        }
        if any_sum && self.count.is_none() {
            return Err("a count beside the sum");
        }
        if self.count.is_some() && !any_sum {
            return Err("a sum beside the count");
        }
        if self.has_negative_bucket && self.has_sum {
            return Err("no sum in a histogram with negative buckets");
        }
        if self.has_negative_sum && !self.has_negative_bucket {
            return Err("a negative sum only beside negative buckets");
        }
        Ok(())
    }
}
