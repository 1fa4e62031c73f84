//! The documents of the API, as far as fenicia reads them.
//!
//! Ids come as numbers or as text, amounts as floats with noise, and any field may be missing, null
//! or of another shape than documented. A field that cannot be read counts as not said: one odd
//! field must not hide an order.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub use crate::channel::amount::Amount;
use crate::channel::said::is_nothing;
pub use crate::channel::said::{Many, Said};
use crate::model::{Currency, Timestamp};

/// An id: digits, as a number or as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().trim_matches('"').parse().map(Self).map_err(|_| D::Error::custom("not an id"))
    }
}

/// Something that is there, whatever it is; `{}` is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct There;

impl<'de> Deserialize<'de> for There {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if is_nothing(raw.get()) { Err(D::Error::custom("nothing")) } else { Ok(Self) }
    }
}

/// `GET /orders/{id}`, and each result of `GET /orders/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrderDoc {
    pub id: Said<Id>,
    pub status: Said<String>,
    pub status_detail: Said<String>,
    pub date_created: Said<Timestamp>,
    pub last_updated: Said<Timestamp>,
    /// Of the search index only; it is what the filter of the same name looks at.
    pub date_last_updated: Said<Timestamp>,
    pub expiration_date: Said<Timestamp>,
    pub pack_id: Said<Id>,
    pub fulfilled: Said<bool>,
    pub cancel_detail: Said<There>,
    pub total_amount: Said<Amount>,
    pub currency_id: Said<Currency>,
    pub order_items: Said<Vec<LineDoc>>,
    pub payments: Said<Vec<PaymentDoc>>,
    pub shipping: Said<ShippingDoc>,
    pub buyer: Said<BuyerDoc>,
    pub taxes: Said<TaxesDoc>,
    pub tags: Said<Vec<String>>,
    pub context: Said<ContextDoc>,
    pub feedback: Said<FeedbackRefDoc>,
}

/// What was said about the sale; the seller's part has had two names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FeedbackRefDoc {
    pub sale: Said<There>,
    pub seller: Said<There>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LineDoc {
    pub item: Said<ItemDoc>,
    pub quantity: Said<Amount>,
    pub unit_price: Said<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ItemDoc {
    pub id: Said<String>,
    pub title: Said<String>,
    pub variation_id: Said<Id>,
    pub variation_attributes: Said<Vec<AttributeDoc>>,
    pub seller_sku: Said<String>,
    pub seller_custom_field: Said<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AttributeDoc {
    pub value_name: Said<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PaymentDoc {
    pub id: Said<Id>,
    pub status: Said<String>,
    pub transaction_amount: Said<Amount>,
    pub transaction_amount_refunded: Said<Amount>,
    pub tags: Said<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ShippingDoc {
    pub id: Said<Id>,
}

/// Each element of `GET /orders/{id}/shipments`, in any order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ParcelRefDoc {
    pub id: Said<Id>,
    /// `forward`, or on its way back.
    #[serde(rename = "type")]
    pub kind: Said<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BuyerDoc {
    pub nickname: Said<String>,
    pub first_name: Said<String>,
    pub last_name: Said<String>,
    pub billing_info: Said<BillingRefDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BillingRefDoc {
    pub id: Said<BillingId>,
}

/// Digits or a short word, safe in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingId(pub String);

impl<'de> Deserialize<'de> for BillingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        let safe = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if safe && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(D::Error::custom("not a billing id"))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TaxesDoc {
    pub amount: Said<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContextDoc {
    pub flows: Said<Vec<String>>,
}

/// `GET /shipments/{id}` with `x-format-new: true`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ShipmentDoc {
    pub id: Said<Id>,
    pub status: Said<String>,
    pub substatus: Said<String>,
    pub last_updated: Said<Timestamp>,
    pub logistic: Said<LogisticDoc>,
    pub tracking_number: Said<String>,
    pub tracking_method: Said<String>,
    pub status_history: Said<HistoryDoc>,
    pub destination: Said<DestinationDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogisticDoc {
    pub mode: Said<String>,
    #[serde(rename = "type")]
    pub kind: Said<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct HistoryDoc {
    pub date_shipped: Said<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DestinationDoc {
    pub receiver_id: Said<Id>,
    pub receiver_name: Said<String>,
    pub receiver_phone: Said<String>,
    pub shipping_address: Said<AddressDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AddressDoc {
    pub address_line: Said<String>,
    pub street_name: Said<String>,
    pub street_number: Said<String>,
    pub comment: Said<String>,
    pub city: Said<PlaceDoc>,
    pub state: Said<PlaceDoc>,
    pub country: Said<PlaceDoc>,
    pub zip_code: Said<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PlaceDoc {
    pub id: Said<String>,
    pub name: Said<String>,
}

/// `GET /orders/billing-info/{site}/{id}`: only the name; the tax data are not read at all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BillingDoc {
    pub buyer: Said<BillingBuyerDoc>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BillingBuyerDoc {
    pub billing_info: Said<BillingNameDoc>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BillingNameDoc {
    pub name: Said<String>,
    pub last_name: Said<String>,
}

/// Each element of `GET /orders/{id}/notes`; whether that is a list is not documented.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NotesDoc {
    pub results: Said<Vec<NoteDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NoteDoc {
    pub note: Said<String>,
}

/// `GET /shipments/{id}/carrier`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CarrierDoc {
    pub name: Said<String>,
    pub url: Said<String>,
}

/// Each element of `GET /shipments/{id}/items`, and `GET /collections/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrderRefDoc {
    pub order_id: Said<Id>,
    /// Where a collection is wrapped.
    pub collection: Said<Box<OrderRefDoc>>,
}

/// `GET /orders/search`.
#[derive(Debug, Deserialize)]
pub struct SearchDoc {
    /// Read one by one, so that one odd order does not hide the others.
    pub results: Vec<Box<RawValue>>,
    #[serde(default)]
    pub paging: Said<PagingDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PagingDoc {
    pub total: Said<u64>,
}

/// `GET /missed_feeds`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MissedDoc {
    pub messages: Said<Vec<NoticeDoc>>,
}

/// A notification, posted to us or kept for us.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NoticeDoc {
    /// May be missing.
    #[serde(rename = "_id")]
    pub underscore_id: Said<String>,
    /// The same in the newer topics.
    pub id: Said<String>,
    pub resource: Said<String>,
    pub user_id: Said<Id>,
    pub topic: Said<String>,
    pub application_id: Said<Id>,
    pub sent: Said<String>,
}

/// The answer of the token endpoint.
#[derive(Deserialize)]
pub struct TokenDoc {
    pub access_token: String,
    #[serde(default)]
    pub expires_in: Said<u64>,
    #[serde(default)]
    pub scope: Said<String>,
    #[serde(default)]
    pub user_id: Said<Id>,
    #[serde(default)]
    pub refresh_token: Said<String>,
}

/// `GET /users/me`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UserDoc {
    pub id: Said<Id>,
    pub site_id: Said<String>,
}

/// `GET /orders/{id}/feedback`: `sale` is what the seller said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FeedbackDoc {
    pub sale: Said<SaleDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SaleDoc {
    pub fulfilled: Said<bool>,
}

/// Every body of an error that has been seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorDoc {
    pub error: Said<String>,
    pub code: Said<String>,
    pub message: Said<String>,
    pub error_description: Said<String>,
    pub cause: Said<Vec<CauseDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CauseDoc {
    pub code: Said<String>,
    pub message: Said<String>,
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn an_id_is_a_number_or_text() {
        let order: OrderDoc = serde_json::from_str(
            r#"{"id":"2000003508419013","pack_id":2000006556183755,"shipping":{"id":null}}"#,
        )
        .expect("order");
        assert_eq!(*order.id, Some(Id(2_000_003_508_419_013)));
        assert_eq!(*order.pack_id, Some(Id(2_000_006_556_183_755)));
        assert_eq!(order.shipping.as_ref().and_then(|s| *s.id), None);
    }

    #[test]
    fn a_field_of_another_shape_counts_as_not_said() {
        let order: OrderDoc = serde_json::from_str(
            r#"{"id":1,"status":{"id":"paid"},"tags":"paid","total_amount":"12.5","payments":[{"status":7}]}"#,
        )
        .expect("order");
        assert_eq!(order.status.word(), "");
        assert!(order.tags.is_none());
        assert_eq!(*order.total_amount, Some(Amount(Decimal::new(125, 1))));
        assert_eq!(order.payments.list().len(), 1);
        assert!(order.cancel_detail.is_none());
        let order: OrderDoc =
            serde_json::from_str(r#"{"cancel_detail":{},"feedback":{"sale":{ },"seller":{"id":1}}}"#)
                .expect("order");
        let feedback = order.feedback.as_ref().expect("feedback");
        assert!(order.cancel_detail.is_none() && feedback.sale.is_none() && feedback.seller.is_some());
    }

    #[test]
    fn a_billing_id_is_safe_in_a_path() {
        assert!(serde_json::from_str::<BillingId>(r#""../users/me""#).is_err());
        assert_eq!(serde_json::from_str::<BillingId>("77").expect("id").0, "77");
    }
}
