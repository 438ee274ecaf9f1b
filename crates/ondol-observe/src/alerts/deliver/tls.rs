//! TLS to receivers, with the authorities that this machine believes.

use ondol_alert::DeliveryError;

use super::{lasting, passing};
use crate::client::Client;

/// The authorities are read each time: that is seldom, and holding them costs more than reading them.
pub(super) async fn client() -> Result<Client, DeliveryError> {
    let made = tokio::task::spawn_blocking(|| Client::new(None)).await;
    made.map_err(|error| passing(error.to_string()))?
        .map_err(lasting)
}
