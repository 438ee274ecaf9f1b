use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds of buckets within an octave: 2^(1/8) apart, as schema 3 of Prometheus' native histograms.
const PER_OCTAVE: i32 = 8;
/// Everything up to 2^-17 s (7.6 us) is in the first bucket.
const INDEX_MIN: i32 = -17 * PER_OCTAVE;
/// Everything from 2^(63/8) s on (235 s) is in the last.
const INDEX_MAX: i32 = 8 * PER_OCTAVE;
const BUCKETS: usize = (INDEX_MAX - INDEX_MIN + 1) as usize;

/// The bounds of an octave without its last, from 2^(0/8) on.
const BOUNDS: [f64; PER_OCTAVE as usize] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

/// How long things took, in buckets that grow by 9 % each: a quantile is at most 4.5 % off. Of fixed size.
///
/// The bucket of index `i` holds what is longer than 2^((i-1)/8) s and at most 2^(i/8) s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Sparse", into = "Sparse")]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    sum_ns: u64,
}

/// As it is sent: most buckets are empty.
#[derive(Serialize, Deserialize)]
struct Sparse {
    buckets: Vec<(i32, u64)>,
    sum_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: Box::new([0; BUCKETS]),
            sum_ns: 0,
        }
    }
}

impl Histogram {
    /// The schema of Prometheus' native histograms whose bounds these are.
    pub const SCHEMA: i8 = 3;

    /// One more.
    pub fn observe(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.counts[place(index(span.as_secs_f64()))] += 1;
        self.sum_ns = self.sum_ns.saturating_add(nanos);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// Adds what was observed elsewhere.
    pub fn add(&mut self, other: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts.iter()) {
            *sum += count;
        }
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }

    /// The buckets that are not empty, by index.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        let all = (INDEX_MIN..).zip(self.counts.iter().copied());
        all.filter(|(_, count)| *count > 0)
    }

    /// How long the part `q` of them took at most, from 0 to 1; `None` when there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0);
        let mut seen = 0;
        let reached = self.buckets().find(|(_, count)| {
            seen += count;
            seen as f64 >= rank
        });
        reached.map(|(index, _)| Duration::from_secs_f64(middle(index)))
    }

    /// How many took at most each of these times (seconds, growing): classic buckets, without that for infinity.
    /// What is near a bound may be counted on the other side, by at most 4.5 % of it.
    pub fn cumulative<const N: usize>(&self, bounds: [f64; N]) -> [u64; N] {
        let mut counts = [0; N];
        for (index, count) in self.buckets() {
            for (sum, bound) in counts.iter_mut().zip(bounds) {
                if middle(index) <= bound {
                    *sum += count;
                }
            }
        }
        counts
    }
}

impl From<Sparse> for Histogram {
    fn from(sparse: Sparse) -> Self {
        let mut histogram = Histogram::default();
        for (index, count) in sparse.buckets {
            histogram.counts[place(index)] += count;
        }
        histogram.sum_ns = sparse.sum_ns;
        histogram
    }
}

impl From<Histogram> for Sparse {
    fn from(histogram: Histogram) -> Self {
        Sparse {
            buckets: histogram.buckets().collect(),
            sum_ns: histogram.sum_ns,
        }
    }
}

/// The index of the bucket for so many seconds, which are not negative: by the bits of the number, because this is
/// asked for every request.
fn index(seconds: f64) -> i32 {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const BIAS: i32 = f64::MAX_EXP - 1;
    let bits = seconds.to_bits();
    let exponent = (bits >> FRACTION_BITS) as i32 - BIAS;
    let fraction = f64::from_bits(bits & ((1 << FRACTION_BITS) - 1) | 1.0f64.to_bits());
    let below = BOUNDS.iter().filter(|&&bound| bound < fraction).count();
    exponent * PER_OCTAVE + below as i32
}

fn place(index: i32) -> usize {
    (index.clamp(INDEX_MIN, INDEX_MAX) - INDEX_MIN) as usize
}

/// What stands for everything in a bucket, in seconds: as far from its lower bound as from its upper, as a factor.
fn middle(index: i32) -> f64 {
    ((f64::from(index) - 0.5) / f64::from(PER_OCTAVE)).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_those_of_schema_3_and_belong_to_the_bucket_below() {
        assert_eq!(index(1.0), 0);
        assert_eq!(index(1.000_001), 1);
        assert_eq!(index(BOUNDS[1]), 1);
        assert_eq!(index(2.0), 8);
        assert_eq!(index(0.5), -8);
        assert_eq!(index(0.001), (0.001f64.log2() * 8.0).ceil() as i32);
        assert_eq!(place(index(0.0)), 0);
        assert_eq!(place(index(1e9)), BUCKETS - 1);
    }

    #[test]
    fn classic_buckets_are_cumulative() {
        let mut histogram = Histogram::default();
        for millis in [1, 4, 20, 20, 300, 20_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        assert_eq!(
            histogram.cumulative([0.005, 0.025, 0.5, 10.0]),
            [2, 4, 5, 5]
        );
        assert_eq!(histogram.count(), 6);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    /// From 10 us to 200 s, as evenly over the octaves as times are.
    fn spans() -> impl Strategy<Value = Vec<Duration>> {
        let span = (-16.6f64..7.6).prop_map(|log2| Duration::from_secs_f64(log2.exp2()));
        prop::collection::vec(span, 1..200)
    }

    fn of(spans: &[Duration]) -> Histogram {
        let mut histogram = Histogram::default();
        spans.iter().for_each(|&span| histogram.observe(span));
        histogram
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_five_percent(mut spans in spans(), q in 0.0f64..=1.0) {
            let found = of(&spans).quantile(q).unwrap().as_secs_f64();
            spans.sort();
            let rank = (q * spans.len() as f64).ceil().max(1.0) as usize;
            let exact = spans[rank - 1].as_secs_f64();
            prop_assert!((found / exact - 1.0).abs() < 0.05, "{found} for {exact}");
        }

        #[test]
        fn what_is_merged_is_what_all_observed_together(one in spans(), other in spans()) {
            let mut merged = of(&one);
            merged.add(&of(&other));
            let together = of(&[one, other].concat());
            prop_assert_eq!(&merged, &together);
            let json = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), together);
        }
    }
}
