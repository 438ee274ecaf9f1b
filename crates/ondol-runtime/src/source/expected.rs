use ondol_model::Service;

use super::dockerfile;
use super::image::Ask;
use super::image_name::ImageName;
use super::known::{self, Server};
use super::origin::{Origin, origin};
use super::programs::Program;

/// The port that a service will listen on, as its Dockerfile or well-known image says, before it was prepared:
/// the others are told it when they start, which may be earlier.
pub(crate) fn port(service: &Service, layered: bool) -> Option<u16> {
    let command = service.command.as_deref();
    let own_entrypoint = service.entrypoint.is_some();
    match origin(service).ok()? {
        Origin::Dockerfile { build, text, .. } => {
            let (recipe, _) = dockerfile::read(&text, &build.args, build.target.as_deref());
            let last = recipe.last()?;
            let exposed = last.expose.first().copied();
            let command = command.or(last.cmd.as_deref());
            let own_entrypoint = own_entrypoint || last.entrypoint.is_some();
            exposed.or_else(|| of_image(&last.base, service, command, own_entrypoint, layered))
        }
        Origin::Image { name } => of_image(&name, service, command, own_entrypoint, layered),
        Origin::Sources { .. } | Origin::Command => None,
    }
}

fn of_image(
    name: &str,
    service: &Service,
    command: Option<&[String]>,
    own_entrypoint: bool,
    layered: bool,
) -> Option<u16> {
    let name = ImageName::parse(name).ok()?;
    let known = known::known(name.well_known())?;
    let ask = Ask {
        env: &service.environment,
        command,
        own_entrypoint,
        tag: name.tag.as_deref(),
        major: name.major(),
        layered,
    };
    // Which server will be found does not matter for its port.
    let server = Server {
        program: Program {
            dir: String::new(),
            file: Default::default(),
            fetched: false,
        },
        name: (*known.servers.first()?).to_owned(),
        version: None,
        repository: name.well_known().to_owned(),
    };
    known.image(&ask, &server).ports.first().copied()
}

#[cfg(test)]
mod tests {
    use ondol_compose::{MemorySource, Request, load};

    use super::*;

    fn port_of(service: &str) -> Option<u16> {
        let text = format!("services: {{a: {service}}}");
        let request = Request {
            dir: "/shop".into(),
            ..Request::default()
        };
        let loaded = load(&request, &MemorySource::of("/shop/compose.yaml", text));
        let project = loaded.project.unwrap();
        port(project.services.values().next().unwrap(), true)
    }

    #[test]
    fn a_port_is_known_before_anything_is_prepared() {
        for (service, expected) in [
            ("{image: 'redis:7'}", Some(6379)),
            (
                "{image: redis, command: [redis-server, --port, '7000']}",
                Some(7000),
            ),
            ("{image: 'postgres:15'}", Some(5432)),
            ("{image: node, command: node x.js}", None),
            ("{command: sleep 1}", None),
            (
                r#"{build: {context: /, dockerfile_inline: "FROM node\nEXPOSE 80 90\n"}}"#,
                Some(80),
            ),
            (
                r#"{build: {context: /, dockerfile_inline: "FROM nginx\n"}}"#,
                Some(80),
            ),
        ] {
            assert_eq!(port_of(service), expected, "{service}");
        }
    }
}
