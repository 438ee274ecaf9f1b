//! How replicas are kept apart, and what this machine allows of it.

pub(crate) mod claim;
pub(crate) mod machine;
pub(crate) mod toolchains;
mod trial;

use std::io;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::engine::Config;
use crate::world::World;
use claim::Claim;

/// How replicas are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// Namespaces on the machine itself; needs root.
    Root,
    /// Namespaces inside a user namespace, the world: needs no privilege.
    User,
    /// None: processes get `$PORT` and an address of 127.77.0.0/16.
    None,
}

impl Sandbox {
    /// The strongest that works here, tried out.
    pub fn best() -> Sandbox {
        [Sandbox::Root, Sandbox::User]
            .into_iter()
            .find(|sandbox| sandbox.works().is_ok())
            .unwrap_or(Sandbox::None)
    }

    /// Tries it out in a process that is thrown away. The error says for people what this machine refused.
    pub fn works(self) -> Result<(), String> {
        trial::run(self)
    }

    /// The addresses in use: those of 127.0.0.0/8 where there are no namespaces.
    pub fn subnets(self, wanted: Subnets) -> Subnets {
        match self {
            Sandbox::None => Subnets {
                replicas: Ipv4Addr::new(127, 77, 0, 0),
                services: Ipv4Addr::new(127, 78, 0, 0),
            },
            Sandbox::Root | Sandbox::User => wanted,
        }
    }
}

/// Two /16 networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnets {
    /// Addresses of replicas; .0.1 is the bridge.
    pub replicas: Ipv4Addr,
    /// Virtual addresses of services, all of them local to where the proxy is.
    pub services: Ipv4Addr,
}

impl Default for Subnets {
    fn default() -> Self {
        Subnets {
            replicas: Ipv4Addr::new(10, 77, 0, 0),
            services: Ipv4Addr::new(10, 78, 0, 0),
        }
    }
}

impl Subnets {
    /// The bridge's own address.
    pub fn gateway(&self) -> Ipv4Addr {
        let [a, b, ..] = self.replicas.octets();
        Ipv4Addr::new(a, b, 0, 1)
    }

    /// The bridge's name: one per network, so that several nodes can share a machine.
    pub(crate) fn bridge(&self) -> String {
        match *self == Subnets::default() {
            true => "ondol0".to_owned(),
            false => format!("ondol{}", self.replicas.octets()[1]),
        }
    }
}

/// What all replicas of a node share.
#[derive(Debug)]
pub(crate) enum Shared {
    /// Networks of the machine.
    Machine(Claim),
    /// A world of their own.
    World(World),
    /// Nothing.
    Nothing,
}

impl Shared {
    /// The world, when replicas live in one.
    pub(crate) fn world(&self) -> Option<&World> {
        match self {
            Shared::World(world) => Some(world),
            Shared::Machine(_) | Shared::Nothing => None,
        }
    }
}

/// Makes what all replicas share. In `config` are the addresses that it may use from then on.
pub(crate) async fn open(config: &mut Config) -> io::Result<Shared> {
    match config.sandbox {
        Sandbox::Root => {
            let claim = Claim::take(&config.state_dir, config.subnets)?;
            config.subnets = claim.subnets;
            machine::make_bridge(config.subnets)?;
            // Without it everything but calls to the outside works; `doctor` tells.
            let _ = machine::make_way_out(config.subnets);
            Ok(Shared::Machine(claim))
        }
        Sandbox::User => Ok(Shared::World(World::open(config).await?)),
        Sandbox::None => Ok(Shared::Nothing),
    }
}
