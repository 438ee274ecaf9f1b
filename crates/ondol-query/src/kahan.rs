//! Sums that do not lose small numbers beside large ones: Kahan's, with Neumaier's improvement.

/// A running sum and what rounding took from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Kahan {
    pub(crate) const fn of(sum: f64) -> Self {
        Self { sum, lost: 0.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - sum) + value;
        } else {
            self.lost += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            sum: self.sum * factor,
            lost: self.lost * factor,
        }
    }

    /// The sum with what rounding took.
    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// A running mean: a sum that is divided at the end, unless it would overflow; then one that is kept divided.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: Kahan,
    count: f64,
    divided: bool,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Kahan::of(value);
            return;
        }
        if !self.divided {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.divided = true;
            self.sum = Kahan {
                sum: self.sum.sum / (self.count - 1.0),
                lost: self.sum.lost / (self.count - 1.0),
            };
        }
        self.sum = self.sum.scaled((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    pub(crate) fn value(self) -> f64 {
        if self.divided {
            self.sum.total()
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_survive_large_ones_that_cancel() {
        let mut sum = Kahan::default();
        for value in [2.0, 1e100, 8.0, -1e100] {
            sum.add(value);
        }
        assert!((sum.total() - 10.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_mean_does_not_overflow_where_its_sum_would() {
        let mut mean = Mean::default();
        for value in [1e308, 1e308, 1e308] {
            mean.add(value);
        }
        assert!((mean.value() / 1e308 - 1.0).abs() < 1e-12);
    }
}
