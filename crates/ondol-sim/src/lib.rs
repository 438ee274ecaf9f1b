//! A deterministic world to run the control core in.
