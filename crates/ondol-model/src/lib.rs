//! What everybody in Ondol talks about: plain values, no IO, no async.
