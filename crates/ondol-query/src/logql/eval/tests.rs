//! Scripts of lines and queries. How they are written stands at the top of `tests/logql/lines.test`.

mod script;
mod store;

use script::run;

macro_rules! scripts {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            run(include_str!(concat!("../../../tests/logql/", $file)));
        })*
    };
}

scripts! {
    lines_are_selected_filtered_and_ordered: "lines.test",
    parsers_make_labels: "parsers.test",
    conditions_on_labels_keep_and_leave_out: "labels.test",
    lines_and_labels_are_rewritten: "format.test",
    ranges_of_lines_become_values: "ranges.test",
    values_are_aggregated_and_combined: "vectors.test",
    what_cannot_be_is_refused: "refused.test",
}
