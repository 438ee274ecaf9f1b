use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One port of `ports:`; a range in the file is as many of these as it has ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Port that the service listens on.
    pub target: u16,
    /// Port on the machine; `None` takes a free one.
    pub published: Option<u16>,
    /// Address on the machine; `None` is every address.
    pub host_ip: Option<IpAddr>,
    /// TCP or UDP.
    pub transport: Transport,
    /// `app_protocol:` as written (`http`, `http2`, `tcp`...), a hint that spares detection.
    pub app_protocol: Option<String>,
}

/// The transport of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A stream.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}
