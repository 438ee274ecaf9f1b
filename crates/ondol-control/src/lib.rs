//! The control core: events in, actions out, time as an argument.
