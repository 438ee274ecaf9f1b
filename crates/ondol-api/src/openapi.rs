use utoipa::OpenApi;

use crate::routes::{cache, edge, events, logs, node, projects, replicas, services};

#[derive(OpenApi)]
#[openapi(
    info(title = "Ondol", version = "v1", license(name = "Apache-2.0")),
    paths(
        node::status,
        node::shutdown,
        node::doctor,
        node::openapi,
        cache::show,
        cache::purge,
        edge::list,
        events::list,
        events::stream,
        projects::list,
        projects::show,
        projects::apply,
        projects::down,
        projects::stream,
        projects::revisions,
        projects::usage,
        projects::readings,
        logs::read,
        services::scale,
        services::stop,
        services::start,
        services::restart,
        services::rebuild,
        services::show,
        services::why,
        services::run,
        replicas::show,
        replicas::forget,
        replicas::kill,
        replicas::exec_target
    )
)]
struct Document;

/// The contract of this API as an OpenAPI document in JSON, made from the types and routes themselves.
pub fn openapi() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Document::openapi()).map(|text| text + "\n")
}
