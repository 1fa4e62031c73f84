//! The documents of the API, as far as fenicia reads them.
//!
//! Ids are texts of 18 digits and more, sometimes bare numbers, sometimes with a line break at the
//! end; amounts are texts with any number of decimals; times are seconds, and 0 means never. A
//! field that cannot be read counts as not said.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub use crate::channel::amount::Amount;
pub use crate::channel::said::Said;
pub use crate::channel::word::Word;
use crate::model::{Currency, Timestamp};

/// A time in Unix seconds, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Option<Timestamp>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secs = Word::deserialize(deserializer)?.parse::<i64>().ok().filter(|secs| *secs > 0);
        Ok(Self(secs.map(Timestamp::from_secs)))
    }
}

/// A list whose rows are read one by one, so that an odd one does not hide the others.
#[derive(Debug)]
pub struct Rows<T> {
    rows: Vec<T>,
    /// Rows that are nothing of the kind.
    pub odd: usize,
    state: ListState,
}

#[derive(Debug, PartialEq, Eq)]
enum ListState {
    Unsaid,
    Said,
    /// It is no list, or nothing in it can be read.
    Torn,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), odd: 0, state: ListState::Unsaid }
    }
}

impl<T> Rows<T> {
    /// Empty when not said.
    pub fn list(&self) -> &[T] {
        &self.rows
    }

    pub fn into_list(self) -> Vec<T> {
        self.rows
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(raw) = Option::<Box<RawValue>>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let all = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get());
        let torn = all.is_err();
        let all = all.unwrap_or_default();
        let rows: Vec<T> = all.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect();
        let odd = all.len() - rows.len();
        let torn = torn || (odd > 0 && rows.is_empty());
        Ok(Self { rows, odd, state: if torn { ListState::Torn } else { ListState::Said } })
    }
}

/// What every answer is wrapped in.
#[derive(Debug, Deserialize)]
pub struct EnvelopeDoc<'a> {
    #[serde(default)]
    pub code: Word,
    #[serde(default)]
    pub message: Word,
    #[serde(default)]
    pub request_id: Word,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

/// An answer whose content does not matter.
#[derive(Debug, Default)]
pub struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

// ---- access ----------------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenDoc {
    pub access_token: Word,
    /// Absolute Unix seconds, whatever the name says.
    pub access_token_expire_in: Word,
    pub refresh_token: Word,
    pub refresh_token_expire_in: Word,
    pub user_type: Word,
    pub granted_scopes: Said<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ShopsDoc {
    pub shops: Said<Vec<ShopDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ShopDoc {
    pub id: Word,
    pub name: Word,
    pub region: Word,
    pub cipher: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhooksDoc {
    pub webhooks: Said<Vec<WebhookDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookDoc {
    pub event_type: Word,
    pub address: Word,
}

// ---- orders ----------------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrdersDoc {
    pub orders: Rows<OrderDoc>,
    pub next_page_token: Word,
    pub total_count: Word,
}

impl OrdersDoc {
    /// The list cannot be read, though it is not empty: no page without news, but no page at all.
    pub fn is_torn(&self) -> bool {
        match self.orders.state {
            ListState::Said => false,
            ListState::Torn => true,
            ListState::Unsaid => promises(&self.total_count),
        }
    }
}

fn promises(total_count: &Word) -> bool {
    total_count.parse::<u64>().is_ok_and(|count| count > 0)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OrderDoc {
    pub id: Word,
    pub status: Word,
    pub create_time: Moment,
    pub update_time: Moment,
    pub paid_time: Moment,
    /// When it was shipped.
    pub rts_time: Moment,
    pub delivery_time: Moment,
    pub is_cod: Said<bool>,
    pub is_on_hold_order: Said<bool>,
    pub is_buyer_request_cancel: Said<bool>,
    pub fulfillment_type: Word,
    pub shipping_type: Word,
    pub delivery_option_id: Word,
    pub cancellation_initiator: Word,
    /// `COMBINED`: its parcel holds other orders of the buyer too.
    pub split_or_combine_tag: Word,
    /// Until when the seller has to ship, by two names.
    pub tts_sla_time: Moment,
    pub shipping_due_time: Moment,
    pub buyer_email: Word,
    pub buyer_message: Word,
    pub seller_note: Word,
    pub payment: Said<PaymentDoc>,
    pub recipient_address: Said<AddressDoc>,
    pub line_items: Said<Vec<LineDoc>>,
}

impl OrderDoc {
    pub fn is_on_hold(&self) -> bool {
        &*self.status == "ON_HOLD" || *self.is_on_hold_order == Some(true)
    }

    pub fn buyer_wants_out(&self) -> bool {
        *self.is_buyer_request_cancel == Some(true)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PaymentDoc {
    pub currency: Said<Currency>,
    pub total_amount: Said<Amount>,
    pub sub_total: Said<Amount>,
    pub shipping_fee: Said<Amount>,
    pub tax: Said<Amount>,
    pub seller_discount: Said<Amount>,
    pub platform_discount: Said<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AddressDoc {
    pub name: Word,
    pub phone_number: Word,
    pub address_line1: Word,
    pub address_line2: Word,
    pub address_detail: Word,
    pub postal_code: Word,
    pub post_town: Word,
    pub region_code: Word,
    pub district_info: Said<Vec<DistrictDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DistrictDoc {
    /// `L0` (country) to `L4`.
    #[serde(rename = "address_level")]
    pub level: Word,
    #[serde(rename = "address_level_name")]
    pub level_name: Word,
    #[serde(rename = "address_name")]
    pub name: Word,
}

/// One unit of something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LineDoc {
    pub id: Word,
    pub product_name: Word,
    pub sku_id: Word,
    pub sku_name: Word,
    pub seller_sku: Word,
    pub sale_price: Said<Amount>,
    pub display_status: Word,
    pub package_id: Word,
    pub package_status: Word,
    pub tracking_number: Word,
    pub shipping_provider_name: Word,
    pub rts_time: Moment,
}

// ---- what happens after the sale -------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AfterSalesDoc {
    pub cancellations: Rows<AfterSaleDoc>,
    pub return_orders: Rows<AfterSaleDoc>,
    pub next_page_token: Word,
    pub total_count: Word,
}

impl AfterSalesDoc {
    /// See [`OrdersDoc::is_torn`].
    pub fn is_torn(&self) -> bool {
        let states = [&self.cancellations.state, &self.return_orders.state];
        states.contains(&&ListState::Torn)
            || (!states.contains(&&ListState::Said) && promises(&self.total_count))
    }
}

/// A cancellation or a return.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AfterSaleDoc {
    pub cancel_id: Word,
    pub cancel_status: Word,
    pub cancel_type: Word,
    pub cancel_line_items: Said<Vec<AfterSaleLineDoc>>,
    pub return_id: Word,
    pub return_status: Word,
    pub return_line_items: Said<Vec<AfterSaleLineDoc>>,
    pub order_id: Word,
    pub refund_amount: Said<RefundDoc>,
    pub seller_next_action_response: Said<Vec<NextActionDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AfterSaleLineDoc {
    pub order_line_item_id: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RefundDoc {
    pub refund_total: Said<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NextActionDoc {
    pub action: Word,
    pub deadline: Moment,
}

// ---- shipping --------------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProvidersDoc {
    pub shipping_providers: Said<Vec<ProviderDoc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProviderDoc {
    pub id: Word,
    pub name: Word,
}

/// What came of declaring a parcel.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PackedDoc {
    pub package_id: Word,
    pub warning: Said<WarningDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WarningDoc {
    pub message: Word,
}

/// What came of asking for a cancellation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CancelledDoc {
    pub cancel_id: Word,
}

// ---- notifications ---------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NoticeDoc {
    #[serde(rename = "type")]
    pub kind: Word,
    pub tts_notification_id: Word,
    pub shop_id: Word,
    pub data: Said<NoticeDataDoc>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NoticeDataDoc {
    pub order_id: Word,
    pub package_list: Said<Vec<NoticePackageDoc>>,
    pub expiration_time: Moment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NoticePackageDoc {
    pub order_id_list: Said<Vec<Word>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_nonsense_are_never() {
        let read = |json: &str| serde_json::from_str::<Moment>(json).expect(json).0;
        assert_eq!(read("1619611561"), Some(Timestamp::from_secs(1_619_611_561)));
        assert_eq!(read(r#""1619611561""#), Some(Timestamp::from_secs(1_619_611_561)));
        for never in ["0", r#""0""#, "null", r#""soon""#, "-5"] {
            assert_eq!(read(never), None, "{never}");
        }
    }
}
