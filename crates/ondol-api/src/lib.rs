//! The HTTP API: routes, views, OpenAPI and its client.
