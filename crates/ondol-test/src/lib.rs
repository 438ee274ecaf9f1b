//! What integration tests stand on: nodes, folders, browsers.
