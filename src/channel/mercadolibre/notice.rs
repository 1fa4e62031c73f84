//! Notifications: unsigned, so never more than a reason to read again with our own token.

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use super::document::{Id, NoticeDoc};
use crate::channel::hex::hex;
use crate::channel::{Admitted, Inbound, Refusal};
use crate::model::{ChannelOrderId, Delivery, Secret, Tiding};

/// The marketplace's own are below 1 KiB.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// Whom a notification must be for.
pub struct Addressee<'a> {
    pub user_id: u64,
    pub client_id: u64,
    /// The last segment of the callback's path, when the merchant chose one.
    pub path_secret: Option<&'a Secret>,
}

/// What a notification is about. Parsed to a number, so that no text of a stranger ever becomes
/// part of an address that we call with our token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Order(u64),
    Shipment(u64),
    Payment(u64),
}

impl Subject {
    /// `None`: not a resource of this topic.
    fn parse(topic: &str, resource: &str) -> Option<Self> {
        let (collection, id) = resource.strip_prefix('/')?.split_once('/')?;
        if !(1..=18).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let id = id.parse().ok()?;
        match (topic, collection) {
            ("orders_v2", "orders") => Some(Self::Order(id)),
            ("shipments", "shipments") => Some(Self::Shipment(id)),
            ("payments", "collections" | "payments") => Some(Self::Payment(id)),
            _ => None,
        }
    }

    fn tiding(self) -> Tiding {
        match self {
            Self::Order(id) => Tiding::Hint { order: ChannelOrderId::from(id), changed_at: None },
            Self::Shipment(id) => Tiding::Alias(format!("shipment:{id}")),
            Self::Payment(id) => Tiding::Alias(format!("payment:{id}")),
        }
    }
}

/// The topics that concern orders; every other one is taken and forgotten.
pub const TOPICS: [&str; 3] = ["orders_v2", "shipments", "payments"];

impl NoticeDoc {
    fn is_for(&self, who: &Addressee<'_>) -> bool {
        *self.user_id == Some(Id(who.user_id)) && *self.application_id == Some(Id(who.client_id))
    }

    /// The same for each repetition of one notification, different for each further event. The
    /// marketplace's id alone is not enough: it may be missing, and has been seen twice.
    pub fn key(&self, otherwise: &[u8]) -> String {
        let parts = [
            self.underscore_id.word(),
            self.id.word(),
            self.topic.word(),
            self.resource.word(),
            self.sent.word(),
        ];
        let named = self.underscore_id.is_some() || self.id.is_some() || self.sent.is_some();
        let text = if named { parts.join("\n").into_bytes() } else { otherwise.to_vec() };
        hex(digest(&SHA256, &text).as_ref())
    }

    /// What a notification that was kept for us means; `None` when it is not ours or not about an
    /// order.
    pub fn tiding(&self, who: &Addressee<'_>) -> Option<Tiding> {
        if !self.is_for(who) {
            return None;
        }
        Subject::parse(self.topic.word(), self.resource.word()).map(Subject::tiding)
    }
}

/// See `Channel::admit`.
pub fn admit(request: &Inbound<'_>, who: &Addressee<'_>) -> Result<Admitted, Refusal> {
    if let Some(secret) = who.path_secret {
        let given = request.topic.unwrap_or_default().as_bytes();
        if !bool::from(given.ct_eq(secret.expose().as_bytes())) {
            return Err(Refusal::Unauthenticated);
        }
    }
    let content_type = request.headers.get("content-type");
    if content_type.is_some_and(|kind| !is_json(kind)) {
        return Err(Refusal::ContentType);
    }
    if request.body.len() > BODY_MAX_BYTES {
        return Err(Refusal::Malformed);
    }
    let notice: NoticeDoc = serde_json::from_slice(request.body).map_err(|_| Refusal::Malformed)?;
    if !notice.is_for(who) {
        return Err(Refusal::Unauthenticated);
    }
    let topic = notice.topic.word();
    if topic.is_empty() {
        return Err(Refusal::Malformed);
    }
    let ignore = !TOPICS.contains(&topic);
    if !ignore && Subject::parse(topic, notice.resource.word()).is_none() {
        return Err(Refusal::Malformed);
    }
    Ok(Admitted {
        delivery_id: notice.key(request.body),
        topic: topic.chars().filter(|c| !c.is_control()).take(64).collect(),
        notes: Vec::new(),
        ignore,
    })
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// See `Channel::read`.
pub fn read(delivery: &Delivery) -> Vec<Tiding> {
    let subject = serde_json::from_slice::<NoticeDoc>(&delivery.body)
        .ok()
        .and_then(|notice| Subject::parse(notice.topic.word(), notice.resource.word()));
    vec![subject.map_or(Tiding::PollNow, Subject::tiding)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Headers;
    use crate::model::Timestamp;

    struct Typed(&'static str);
    impl Headers for Typed {
        fn get(&self, name: &str) -> Option<&str> {
            (name == "content-type" && !self.0.is_empty()).then_some(self.0)
        }
    }

    const WHO: Addressee<'static> = Addressee { user_id: 42, client_id: 7, path_secret: None };

    fn offered(
        body: &str,
        topic: Option<&str>,
        kind: &'static str,
        who: &Addressee<'_>,
    ) -> Result<Admitted, Refusal> {
        let headers = Typed(kind);
        let request =
            Inbound { topic, headers: &headers, body: body.as_bytes(), received_at: Timestamp::EPOCH };
        admit(&request, who)
    }

    fn sent(topic: &str, resource: &str) -> String {
        format!(
            r#"{{"_id":"a","resource":"{resource}","user_id":"42","topic":"{topic}","application_id":7,"attempts":1,"sent":"2026-11-23T10:00:00.000Z"}}"#
        )
    }

    #[test]
    fn a_resource_fits_its_topic_or_is_refused() {
        #[rustfmt::skip]
        let table = [
            ("orders_v2", "/orders/2195160686", true),
            ("shipments", "/shipments/40546549876", true),
            ("payments", "/collections/3043111111", true),
            ("payments", "/payments/3043111111", true),
            ("orders_v2", "/shipments/1", false),
            ("payments", "/orders/1", false),
            ("orders_v2", "@evil.example/orders/1", false),
            ("orders_v2", "//evil.example/orders/1", false),
            ("orders_v2", "/orders/../oauth/token", false),
            ("orders_v2", "/orders/1?access_token=x", false),
            ("orders_v2", "/orders/1/", false),
            ("orders_v2", "/orders/", false),
            ("orders_v2", "/orders/1234567890123456789", false),
            ("orders_v2", "/orders/٣", false),
            ("orders_v2", "", false),
        ];
        for (topic, resource, good) in table {
            let answer = offered(&sent(topic, resource), None, "application/json", &WHO);
            assert_eq!(answer.is_ok(), good, "{topic} {resource}");
            if !good {
                assert_eq!(answer, Err(Refusal::Malformed));
            }
        }
    }

    #[test]
    fn only_ours_is_taken() {
        let for_another = sent("orders_v2", "/orders/1").replace("42", "43");
        assert_eq!(offered(&for_another, None, "application/json", &WHO), Err(Refusal::Unauthenticated));
        let of_another = sent("orders_v2", "/orders/1").replace(":7,", ":8,");
        assert_eq!(offered(&of_another, None, "application/json", &WHO), Err(Refusal::Unauthenticated));
        assert_eq!(offered("{}", None, "application/json", &WHO), Err(Refusal::Unauthenticated));
        assert_eq!(offered("[1", None, "application/json", &WHO), Err(Refusal::Malformed));
        let good = sent("orders_v2", "/orders/1");
        assert_eq!(offered(&good, None, "text/plain", &WHO), Err(Refusal::ContentType));
        assert!(offered(&good, None, "application/json; charset=utf-8", &WHO).is_ok());
        let long = format!("{good}{}", " ".repeat(BODY_MAX_BYTES));
        assert_eq!(offered(&long, None, "", &WHO), Err(Refusal::Malformed));
    }

    #[test]
    fn a_chosen_path_is_the_first_lock() {
        let secret = Secret::new("k3y");
        let who = Addressee { path_secret: Some(&secret), ..WHO };
        let body = sent("orders_v2", "/orders/1");
        assert!(offered(&body, Some("k3y"), "application/json", &who).is_ok());
        assert_eq!(offered(&body, Some("other"), "application/json", &who), Err(Refusal::Unauthenticated));
        assert_eq!(offered(&body, None, "application/json", &who), Err(Refusal::Unauthenticated));
    }

    #[test]
    fn other_topics_are_taken_and_ignored() {
        let body = sent("items", "/items/MLA686791111");
        assert!(offered(&body, None, "application/json", &WHO).expect("admitted").ignore);
    }

    #[test]
    fn a_repetition_has_the_same_id_and_a_further_event_another() {
        let id = |body: &str| offered(body, None, "application/json", &WHO).expect("admitted").delivery_id;
        let first = sent("orders_v2", "/orders/1");
        assert_eq!(id(&first), id(&first.replace(r#""attempts":1"#, r#""attempts":2"#)));
        assert_ne!(id(&first), id(&first.replace("/orders/1", "/orders/2")));
        assert_ne!(id(&first), id(&first.replace("10:00:00.000", "10:05:00.000")));
        let nameless = first.replace(r#""_id":"a","#, "");
        assert_ne!(id(&nameless), id(&nameless.replace("/orders/1", "/orders/2")));
        assert!(id(&first).len() <= 128);
    }

    #[test]
    fn a_delivery_is_read_as_a_hint() {
        let delivery = |body: String| Delivery {
            delivery_id: String::new(),
            topic: String::new(),
            notes: Vec::new(),
            body: body.into_bytes(),
            received_at: Timestamp::EPOCH,
        };
        assert_eq!(
            read(&delivery(sent("orders_v2", "/orders/5"))),
            [Tiding::Hint { order: ChannelOrderId::from(5), changed_at: None }]
        );
        assert_eq!(read(&delivery(sent("shipments", "/shipments/6"))), [Tiding::Alias("shipment:6".into())]);
        assert_eq!(read(&delivery(sent("payments", "/collections/7"))), [Tiding::Alias("payment:7".into())]);
        assert_eq!(read(&delivery("{".into())), [Tiding::PollNow]);
    }
}
