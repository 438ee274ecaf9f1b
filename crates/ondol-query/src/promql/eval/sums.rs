//! Sums and means of histograms.

use crate::histogram::{Incompatible, Tally};
use crate::{Histogram, ResetHint};

/// A sum in the making, or a mean.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    tally: Tally,
    count: f64,
    /// Whether it is divided already, because the sum would be larger than numbers can be.
    divided: bool,
    hints: (bool, bool),
    pub(super) bounds_reconciled: bool,
}

impl Sum {
    pub(super) fn of(first: &Histogram) -> Self {
        let mut sum = Self {
            tally: Tally::of(first),
            count: 1.0,
            divided: false,
            hints: (false, false),
            bounds_reconciled: false,
        };
        sum.see(first.reset_hint);
        sum
    }

    fn see(&mut self, hint: ResetHint) {
        self.hints.0 |= hint == ResetHint::Reset;
        self.hints.1 |= hint == ResetHint::NotReset;
    }

    /// Whether some say that counting began anew and some that it did not.
    pub(super) const fn hints_collided(&self) -> bool {
        self.hints.0 && self.hints.1
    }

    pub(super) fn add(&mut self, value: &Histogram) -> Result<(), Incompatible> {
        self.see(value.reset_hint);
        self.count += 1.0;
        let settled = self.tally.add(value, 1.0)?;
        self.bounds_reconciled |= settled.bounds_reconciled;
        Ok(())
    }

    /// Adds to a mean.
    pub(super) fn add_to_mean(&mut self, value: &Histogram) -> Result<(), Incompatible> {
        self.see(value.reset_hint);
        self.count += 1.0;
        let large = |sum: f64| sum.abs() > f64::MAX / 4.0;
        if !self.divided && (self.tally.any(large) || large(value.sum) || large(value.count)) {
            self.divided = true;
            self.tally.scale(1.0 / (self.count - 1.0));
        }
        let part = if self.divided {
            self.tally.scale((self.count - 1.0) / self.count);
            1.0 / self.count
        } else {
            1.0
        };
        let settled = self.tally.add(value, part)?;
        self.bounds_reconciled |= settled.bounds_reconciled;
        Ok(())
    }

    pub(super) fn sum(self) -> Histogram {
        self.tally.finish()
    }

    pub(super) fn mean(mut self) -> Histogram {
        if !self.divided {
            self.tally.divide(self.count);
        }
        self.tally.finish()
    }
}
