//! Brings what is to be told to whom it is for.

mod http;
mod smtp;
mod tls;

use std::time::Duration;

use ondol_alert::wire::{alertmanager, mail, slack, webhook};
use ondol_alert::{Delivery, DeliveryError, Message};
use ondol_model::ReceiverKind;

use crate::clock;

/// An attempt that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// One attempt.
pub(super) async fn deliver(
    delivery: &Delivery,
    kind: &ReceiverKind,
    external_url: &str,
) -> Result<(), DeliveryError> {
    let attempt = tokio::time::timeout(PATIENCE, attempt(delivery, kind, external_url)).await;
    attempt.unwrap_or_else(|_| {
        Err(passing(format!(
            "no answer within {} s",
            PATIENCE.as_secs()
        )))
    })
}

async fn attempt(
    delivery: &Delivery,
    kind: &ReceiverKind,
    external_url: &str,
) -> Result<(), DeliveryError> {
    match (kind, &delivery.message) {
        (ReceiverKind::Webhook { url }, Message::Group(group)) => {
            http::post(url, &webhook(&delivery.receiver, group, external_url)).await
        }
        (ReceiverKind::Slack { url, channel }, Message::Group(group)) => {
            http::post(url, &slack(channel.as_deref(), group, external_url)).await
        }
        (ReceiverKind::Email { to, from, smtp }, Message::Group(group)) => {
            smtp::send(smtp, from, to, &mail(group, external_url)).await
        }
        (ReceiverKind::Alertmanager { url }, Message::Alerts(alerts)) => {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let alerts = alertmanager::postable(alerts, external_url, clock::now_ms());
            http::post(&url, &alerts).await
        }
        // The plan has changed since it was sent.
        _ => Err(lasting(
            "the receiver is told by another way now".to_owned(),
        )),
    }
}

/// Another attempt may go better.
fn passing(message: String) -> DeliveryError {
    DeliveryError {
        is_passing: true,
        message,
    }
}

/// It will not.
fn lasting(message: String) -> DeliveryError {
    DeliveryError {
        is_passing: false,
        message,
    }
}
