//! Compose text to a project and its diagnostics.
