//! The functions of the language.

use super::ast::ValueType;
use ValueType::{Matrix, Scalar, String as Text, Vector};

/// A function: what it takes and what it gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What its arguments are.
    pub args: &'static [ValueType],
    /// How many of them, from the end, may be left out; -1 when the last one may come any number of times, or not.
    pub variadic: i8,
    /// What it gives.
    pub returns: ValueType,
    /// Whether it is behind a switch.
    pub experimental: bool,
}

const fn stable(name: &'static str, args: &'static [ValueType]) -> Function {
    Function {
        name,
        args,
        variadic: 0,
        returns: Vector,
        experimental: false,
    }
}

const fn new(name: &'static str, args: &'static [ValueType]) -> Function {
    Function {
        experimental: true,
        ..stable(name, args)
    }
}

const fn variadic(variadic: i8, function: Function) -> Function {
    Function {
        variadic,
        ..function
    }
}

const fn number(function: Function) -> Function {
    Function {
        returns: Scalar,
        ..function
    }
}

/// All of them, by name.
pub(crate) static FUNCTIONS: &[Function] = &[
    stable("abs", &[Vector]),
    stable("absent", &[Vector]),
    stable("absent_over_time", &[Matrix]),
    stable("acos", &[Vector]),
    stable("acosh", &[Vector]),
    stable("asin", &[Vector]),
    stable("asinh", &[Vector]),
    stable("atan", &[Vector]),
    stable("atanh", &[Vector]),
    stable("avg_over_time", &[Matrix]),
    stable("ceil", &[Vector]),
    stable("changes", &[Matrix]),
    stable("clamp", &[Vector, Scalar, Scalar]),
    stable("clamp_max", &[Vector, Scalar]),
    stable("clamp_min", &[Vector, Scalar]),
    stable("cos", &[Vector]),
    stable("cosh", &[Vector]),
    stable("count_over_time", &[Matrix]),
    variadic(1, stable("day_of_month", &[Vector])),
    variadic(1, stable("day_of_week", &[Vector])),
    variadic(1, stable("day_of_year", &[Vector])),
    variadic(1, stable("days_in_month", &[Vector])),
    stable("deg", &[Vector]),
    stable("delta", &[Matrix]),
    stable("deriv", &[Matrix]),
    new("double_exponential_smoothing", &[Matrix, Scalar, Scalar]),
    number(new("end", &[])),
    stable("exp", &[Vector]),
    new("first_over_time", &[Matrix]),
    stable("floor", &[Vector]),
    stable("histogram_avg", &[Vector]),
    stable("histogram_count", &[Vector]),
    stable("histogram_fraction", &[Scalar, Scalar, Vector]),
    stable("histogram_quantile", &[Scalar, Vector]),
    variadic(
        9,
        new("histogram_quantiles", &[Vector, Text, Scalar, Scalar]),
    ),
    stable("histogram_stddev", &[Vector]),
    stable("histogram_stdvar", &[Vector]),
    stable("histogram_sum", &[Vector]),
    variadic(1, stable("hour", &[Vector])),
    stable("idelta", &[Matrix]),
    stable("increase", &[Matrix]),
    variadic(1, new("info", &[Vector, Vector])),
    stable("irate", &[Matrix]),
    variadic(-1, stable("label_join", &[Vector, Text, Text, Text])),
    stable("label_replace", &[Vector, Text, Text, Text, Text]),
    stable("last_over_time", &[Matrix]),
    stable("ln", &[Vector]),
    stable("log10", &[Vector]),
    stable("log2", &[Vector]),
    new("mad_over_time", &[Matrix]),
    number(new("max_of", &[Scalar, Scalar])),
    stable("max_over_time", &[Matrix]),
    number(new("min_of", &[Scalar, Scalar])),
    stable("min_over_time", &[Matrix]),
    variadic(1, stable("minute", &[Vector])),
    variadic(1, stable("month", &[Vector])),
    number(stable("pi", &[])),
    stable("predict_linear", &[Matrix, Scalar]),
    stable("present_over_time", &[Matrix]),
    stable("quantile_over_time", &[Scalar, Matrix]),
    stable("rad", &[Vector]),
    number(new("range", &[])),
    stable("rate", &[Matrix]),
    stable("resets", &[Matrix]),
    variadic(1, stable("round", &[Vector, Scalar])),
    number(stable("scalar", &[Vector])),
    stable("sgn", &[Vector]),
    stable("sin", &[Vector]),
    stable("sinh", &[Vector]),
    stable("sort", &[Vector]),
    variadic(-1, new("sort_by_label", &[Vector, Text])),
    variadic(-1, new("sort_by_label_desc", &[Vector, Text])),
    stable("sort_desc", &[Vector]),
    stable("sqrt", &[Vector]),
    number(new("start", &[])),
    new("start_timestamp", &[Vector]),
    stable("stddev_over_time", &[Matrix]),
    stable("stdvar_over_time", &[Matrix]),
    number(new("step", &[])),
    stable("sum_over_time", &[Matrix]),
    stable("tan", &[Vector]),
    stable("tanh", &[Vector]),
    number(stable("time", &[])),
    stable("timestamp", &[Vector]),
    new("ts_of_first_over_time", &[Matrix]),
    new("ts_of_last_over_time", &[Matrix]),
    new("ts_of_max_over_time", &[Matrix]),
    new("ts_of_min_over_time", &[Matrix]),
    stable("vector", &[Scalar]),
    variadic(1, stable("year", &[Vector])),
];

impl Function {
    /// The function of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS
            .binary_search_by(|function| function.name.cmp(name))
            .ok()
            .map(|at| &FUNCTIONS[at])
    }

    /// The type of an argument, counted from 0. Those that may be repeated are like the last one.
    pub(crate) fn arg(&self, at: usize) -> Option<ValueType> {
        self.args.get(at).or(self.args.last()).copied()
    }

    /// The fewest and the most arguments.
    pub(crate) fn arity(&self) -> (usize, Option<usize>) {
        let all = self.args.len();
        match self.variadic {
            0 => (all, Some(all)),
            -1 => (all.saturating_sub(1), None),
            // The quantiles that are given to `histogram_quantiles` beyond the first are all optional.
            9 => (all - 1, Some(all - 1 + 9)),
            more => (
                all.saturating_sub(usize::from(more.unsigned_abs())),
                Some(all),
            ),
        }
    }

    /// Whether it counts as the same at all times when what it reads is pinned to one.
    pub(crate) fn depends_on_time(&self) -> bool {
        const THEM: [&str; 15] = [
            "day_of_month",
            "day_of_week",
            "day_of_year",
            "days_in_month",
            "end",
            "hour",
            "minute",
            "month",
            "predict_linear",
            "range",
            "start",
            "start_timestamp",
            "step",
            "time",
            "timestamp",
        ];
        self.name == "year" || THEM.contains(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_in_order_so_that_each_is_found() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(Function::named("rate").map(|f| f.name), Some("rate"));
        assert_eq!(Function::named("Rate"), None);
    }
}
