//! The documents of the orders API, as far as fenicia reads them.
//!
//! Production answers carry explicit nulls, `{}` for what is empty, and now and then an object in
//! place of a list of one, so nothing here refuses an order that can be understood. No `Debug`: the
//! documents hold personal data.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::channel::amount::Amount;
pub(super) use crate::channel::said::Many;
use crate::channel::said::Said;
use crate::model::Timestamp;

/// A name or number: a text, or a JSON number as its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word(pub String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let word = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(text).map_err(D::Error::custom)?,
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => text.to_owned(),
            _ => return Err(D::Error::custom("not a word")),
        };
        let word = word.trim();
        if word.is_empty() { Err(D::Error::custom("empty")) } else { Ok(Self(word.to_owned())) }
    }
}

/// An instant: milliseconds since the epoch, as a number or as text, or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub Timestamp);

impl Moment {
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let millis = text.parse::<i64>().ok().map(Timestamp::from_millis);
        millis.or_else(|| Timestamp::parse(text)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Word::deserialize(deserializer)?;
        Self::read(&word.0).ok_or_else(|| D::Error::custom("not a time"))
    }
}

/// `GET /v3/orders`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListAnswer {
    pub list: Said<ListDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListDoc {
    pub meta: Said<MetaDoc>,
    pub elements: Said<ElementsDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct MetaDoc {
    pub total_count: Said<Amount>,
    pub next_cursor: Said<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ElementsDoc {
    /// Read one by one, so that one odd order does not hide the others.
    pub order: Many<Box<RawValue>>,
}

/// `GET /v3/orders/{purchaseOrderId}`, and what a change of an order answers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderAnswer {
    pub order: Many<OrderDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OrderDoc {
    pub purchase_order_id: Said<Word>,
    pub customer_order_id: Said<Word>,
    pub customer_email_id: Said<String>,
    pub order_date: Said<Moment>,
    /// Only with `replacementInfo=true`.
    pub order_type: Said<String>,
    pub shipping_info: Said<ShippingDoc>,
    pub order_lines: Said<LinesDoc>,
    pub ship_node: Said<ShipNodeDoc>,
}

impl OrderDoc {
    pub fn lines(&self) -> &[LineDoc] {
        self.order_lines.as_ref().map_or(&[], |lines| &lines.order_line.0)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ShippingDoc {
    pub phone: Said<Word>,
    pub estimated_ship_date: Said<Moment>,
    pub method_code: Said<String>,
    pub postal_address: Said<AddressDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AddressDoc {
    pub name: Said<String>,
    pub address1: Said<String>,
    pub address2: Said<String>,
    pub city: Said<String>,
    pub state: Said<String>,
    pub postal_code: Said<Word>,
    /// ISO alpha-3.
    pub country: Said<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ShipNodeDoc {
    #[serde(rename = "type")]
    pub kind: Said<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LinesDoc {
    pub order_line: Many<LineDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LineDoc {
    pub line_number: Said<Word>,
    pub item: Said<ItemDoc>,
    pub charges: Said<ChargesDoc>,
    pub order_line_quantity: Said<QuantityDoc>,
    pub status_date: Said<Moment>,
    pub order_line_statuses: Said<StatusesDoc>,
    pub refund: Many<RefundDoc>,
    pub refunds: Said<RefundsDoc>,
    /// A text, such as `"true"`; absent when the customer did not ask.
    pub intent_to_cancel: Said<Word>,
}

impl LineDoc {
    pub fn charges(&self) -> &[ChargeDoc] {
        self.charges.as_ref().map_or(&[], |charges| &charges.charge.0)
    }

    pub fn statuses(&self) -> &[StatusDoc] {
        self.order_line_statuses.as_ref().map_or(&[], |statuses| &statuses.order_line_status.0)
    }

    pub fn refunds(&self) -> impl Iterator<Item = &RefundDoc> {
        self.refund.0.iter().chain(self.refunds.iter().flat_map(|refunds| refunds.refund.0.iter()))
    }

    /// The customer asked to cancel it.
    pub fn is_unwanted(&self) -> bool {
        self.intent_to_cancel
            .as_ref()
            .is_some_and(|word| !matches!(word.0.as_str(), "false" | "False" | "N" | "NO"))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ItemDoc {
    pub product_name: Said<String>,
    pub sku: Said<Word>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChargesDoc {
    pub charge: Many<ChargeDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ChargeDoc {
    pub charge_type: Said<String>,
    pub charge_name: Said<String>,
    pub charge_amount: Said<MoneyDoc>,
    pub tax: Said<TaxDoc>,
    /// Chile.
    pub is_discount: Said<Word>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TaxDoc {
    pub tax_amount: Said<MoneyDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MoneyDoc {
    pub currency: Said<String>,
    pub amount: Said<Amount>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct QuantityDoc {
    /// A text in most answers.
    pub amount: Said<Amount>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StatusesDoc {
    pub order_line_status: Many<StatusDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StatusDoc {
    pub status: Said<String>,
    pub status_quantity: Said<QuantityDoc>,
    pub cancellation_reason: Said<String>,
    pub tracking_info: Said<TrackingDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TrackingDoc {
    pub ship_date_time: Said<Moment>,
    pub carrier_name: Said<CarrierDoc>,
    pub tracking_number: Said<Word>,
    #[serde(rename = "trackingURL")]
    pub tracking_url: Said<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CarrierDoc {
    pub carrier: Said<String>,
    pub other_carrier: Said<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RefundsDoc {
    pub refund: Many<RefundDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RefundDoc {
    pub refund_charges: Said<RefundChargesDoc>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RefundChargesDoc {
    pub refund_charge: Many<RefundChargeDoc>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RefundChargeDoc {
    pub charge: Many<ChargeDoc>,
}

impl RefundDoc {
    pub fn charges(&self) -> impl Iterator<Item = &ChargeDoc> {
        let entries = self.refund_charges.iter().flat_map(|charges| charges.refund_charge.0.iter());
        entries.flat_map(|entry| entry.charge.0.iter())
    }
}

/// Text with something in it.
pub(super) fn filled(text: &Said<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> LineDoc {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn a_list_of_one_may_be_an_object_and_the_other_way_round() {
        for json in [
            r#"{"charges":{"charge":[{"chargeType":"PRODUCT"}]}}"#,
            r#"{"charges":{"charge":{"chargeType":"PRODUCT"}}}"#,
            r#"{"charges":{"charge":[{"chargeType":"PRODUCT"},null,{ }]}}"#,
        ] {
            assert_eq!(line(json).charges().len(), 1, "{json}");
        }
        for json in [r#"{"order":{"purchaseOrderId":"1"}}"#, r#"{"order":[{"purchaseOrderId":1}]}"#] {
            let answer: OrderAnswer = serde_json::from_str(json).expect(json);
            assert_eq!(*answer.order.0[0].purchase_order_id, Some(Word("1".to_owned())), "{json}");
        }
    }

    #[test]
    fn null_and_an_empty_object_say_nothing() {
        for json in [
            r#"{"charges":null,"refund":null,"orderLineStatuses":null,"intentToCancel":null}"#,
            r#"{"charges":{},"refund":{},"orderLineStatuses":{},"intentToCancel":{}}"#,
            r#"{"charges":{"charge":{}},"orderLineStatuses":{"orderLineStatus":null}}"#,
            "{}",
        ] {
            let line = line(json);
            assert!(line.charges().is_empty() && line.statuses().is_empty(), "{json}");
            assert!(line.refunds().next().is_none() && !line.is_unwanted(), "{json}");
        }
    }

    #[test]
    fn a_wish_to_cancel_is_a_text_or_a_flag() {
        for (json, unwanted) in [
            (r#"{"intentToCancel":"true"}"#, true),
            (r#"{"intentToCancel":true}"#, true),
            (r#"{"intentToCancel":"CUSTOMER_REQUESTED"}"#, true),
            (r#"{"intentToCancel":"false"}"#, false),
            (r#"{"intentToCancel":false}"#, false),
            (r#"{"intentToCancel":""}"#, false),
        ] {
            assert_eq!(line(json).is_unwanted(), unwanted, "{json}");
        }
    }

    #[test]
    fn times_are_milliseconds_or_text() {
        let expected = Timestamp::from_millis(1_568_466_571_000);
        for json in ["1568466571000", "\"1568466571000\"", "\"2019-09-14T13:09:31Z\""] {
            assert_eq!(serde_json::from_str::<Moment>(json).expect(json).0, expected, "{json}");
        }
    }
}
