//! Notifications: signed, thin, in any order. Each is only a reason to read the order again.

use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::document::NoticeDoc;
use super::sign::Signer;
use crate::channel::hex::hex;
use crate::channel::{Admitted, Inbound, Refusal};
use crate::model::{Anomaly, ChannelOrderId, Delivery, Tiding};

/// Longest notification id that is kept as it came.
const ID_MAX: usize = 100;
/// What a body of TikTok Shop's that cannot be read is called.
const UNREADABLE: &str = "unreadable";

/// A notice of a new address names the second of the change and nothing of the address. Without an
/// id, a further change within the second looks like a repetition, so the order is read when that
/// second is over.
const ADDRESS_SETTLES: Duration = Duration::from_secs(2);

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    OrderStatus,
    Address,
    Packages,
    Deauthorised,
    AuthorizationEnds,
    Cancellation,
    Return,
}

/// What fenicia subscribes to: the event, its number, its name.
pub const EVENTS: [(Event, &str, &str); 7] = [
    (Event::OrderStatus, "1", "ORDER_STATUS_CHANGE"),
    (Event::Address, "3", "RECIPIENT_ADDRESS_UPDATE"),
    (Event::Packages, "4", "PACKAGE_UPDATE"),
    (Event::Deauthorised, "6", "SELLER_DEAUTHORIZATION"),
    (Event::AuthorizationEnds, "7", "UPCOMING_AUTHORIZATION_EXPIRATION"),
    (Event::Cancellation, "11", "CANCELLATION_STATUS_CHANGE"),
    (Event::Return, "12", "RETURN_STATUS_CHANGE"),
];

/// By its number, else by the path it came on: the list of numbers is not complete.
fn event(kind: &str, path: Option<&str>) -> Option<(Event, &'static str)> {
    let by_number = EVENTS.iter().find(|(_, number, _)| *number == kind);
    let by_path =
        || EVENTS.iter().find(|(_, _, name)| path.is_some_and(|path| path.eq_ignore_ascii_case(name)));
    by_number.or_else(by_path).map(|(event, _, name)| (*event, *name))
}

/// See `Channel::admit`.
pub fn admit(request: &Inbound<'_>, signer: &Signer, shop_id: &str) -> Result<Admitted, Refusal> {
    let authorization = request.headers.get("authorization").ok_or(Refusal::Unauthenticated)?;
    if !signer.is_notice(authorization, request.body) {
        return Err(Refusal::Unauthenticated);
    }
    if request.headers.get("content-type").is_some_and(|kind| !is_json(kind)) {
        return Err(Refusal::ContentType);
    }
    let hash = || format!("sha256:{}", hex(digest(&SHA256, request.body).as_ref()));
    let Ok(notice) = serde_json::from_slice::<NoticeDoc>(request.body) else {
        // TikTok Shop's own, but nothing that sending again would heal.
        let topic = UNREADABLE.to_owned();
        return Ok(Admitted { delivery_id: hash(), topic, notes: Vec::new(), ignore: false });
    };
    let event = event(&notice.kind, request.topic);
    let given = notice.tts_notification_id.filled();
    let given = given.filter(|id| id.len() <= ID_MAX && id.bytes().all(|b| b.is_ascii_graphic()));
    Ok(Admitted {
        delivery_id: given.map_or_else(hash, str::to_owned),
        topic: event.map_or("other", |(_, name)| name).to_owned(),
        notes: Vec::new(),
        // One app may serve several shops.
        ignore: notice.shop_id.filled().is_some_and(|id| id != shop_id)
            || event.is_none_or(|(event, _)| means_nothing(event, &notice)),
    })
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// An order's own event that names no order which could be asked for.
fn means_nothing(event: Event, notice: &NoticeDoc) -> bool {
    match event {
        Event::OrderStatus | Event::Address | Event::Cancellation | Event::Return => {
            notice.data.as_ref().and_then(|data| order_id(&data.order_id)).is_none()
        }
        Event::Packages | Event::Deauthorised | Event::AuthorizationEnds => false,
    }
}

/// An order's id: 1 to 20 digits.
pub fn order_id(text: &str) -> Option<ChannelOrderId> {
    let sound = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if sound { ChannelOrderId::new(text).ok() } else { None }
}

/// See `Channel::read`.
pub fn read(delivery: &Delivery, channel: &str) -> Vec<Tiding> {
    let event = EVENTS.iter().find(|(_, _, name)| *name == delivery.topic).map(|(event, ..)| *event);
    let notice = serde_json::from_slice::<NoticeDoc>(&delivery.body).ok();
    let (Some(event), Some(notice)) = (event, notice) else { return unreadable() };
    let data = notice.data.0.unwrap_or_default();
    match event {
        Event::Address if notice.tts_notification_id.is_empty() => {
            let until = delivery.received_at.plus(ADDRESS_SETTLES);
            order_id(&data.order_id).map_or_else(unreadable, |order| vec![Tiding::Settling { order, until }])
        }
        Event::OrderStatus | Event::Address | Event::Cancellation | Event::Return => {
            order_id(&data.order_id).map_or_else(unreadable, |order| vec![hint(order)])
        }
        Event::Packages => {
            let named = data.package_list.list().iter().flat_map(|package| package.order_id_list.list());
            let mut orders: Vec<_> = named.filter_map(|id| order_id(id)).collect();
            orders.sort();
            orders.dedup();
            if orders.is_empty() { unreadable() } else { orders.into_iter().map(hint).collect() }
        }
        Event::Deauthorised => vec![Tiding::Access {
            ends_at: Some(delivery.received_at),
            message: format!(
                "The seller has withdrawn this app's access in TikTok Shop. Consent again: fenicia connect {channel}"
            ),
        }],
        Event::AuthorizationEnds => vec![Tiding::Access {
            ends_at: data.expiration_time.0,
            message: format!(
                "The seller's authorization of this app ends soon. Consent again before: fenicia connect {channel}"
            ),
        }],
    }
}

fn hint(order: ChannelOrderId) -> Tiding {
    Tiding::Hint { order, changed_at: None }
}

fn unreadable() -> Vec<Tiding> {
    let anomaly = Anomaly {
        code: "unreadable_webhook".to_owned(),
        summary:
            "A notification of TikTok Shop does not tell which order it is about. The channel is polled \
                  instead."
                .to_owned(),
    };
    vec![Tiding::PollNow, Tiding::Anomaly { order: None, anomaly }]
}
