//! Durable desired state in SQLite.
