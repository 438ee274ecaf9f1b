//! The microservice platform in one binary.

fn main() {}
