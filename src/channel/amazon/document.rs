//! The order as the Orders API 2026-01-01 writes it, as far as it is used.
//!
//! Almost everything is optional and most words are open sets, so nothing here refuses an order
//! that can be understood. No `Debug`: the documents hold personal data.

#![allow(clippy::struct_field_names, reason = "the fields bear Amazon's names")]

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::channel::said::Said;
use crate::channel::word::Word;
use crate::model::{Currency, decimal};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchAnswer {
    /// Read one by one, so that one odd order does not hide the others.
    pub orders: Vec<Box<RawValue>>,
    pub pagination: Option<Pagination>,
    #[serde(default)]
    pub last_updated_before: Said<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct OrderAnswer {
    pub order: OrderDocument,
}

/// Just the name, for an order that cannot be read as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderName {
    pub order_id: Word,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderDocument {
    pub order_id: String,
    #[serde(default)]
    pub order_aliases: Said<Vec<Alias>>,
    pub created_time: Option<String>,
    pub last_updated_time: Option<String>,
    #[serde(default)]
    pub programs: Said<Vec<String>>,
    pub sales_channel: Option<SalesChannel>,
    #[serde(default)]
    pub buyer: Said<Buyer>,
    #[serde(default)]
    pub recipient: Said<Recipient>,
    #[serde(default)]
    pub proceeds: Said<Proceeds>,
    pub fulfillment: Option<Fulfillment>,
    /// Not read leniently: an order of which a line or a unit is left out would be another order.
    pub order_items: Option<Vec<ItemDocument>>,
    pub packages: Option<Vec<Package>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alias {
    pub alias_id: Option<String>,
    pub alias_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SalesChannel {
    pub channel_name: Option<String>,
    pub marketplace_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Buyer {
    pub buyer_name: Option<String>,
    pub buyer_email: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recipient {
    pub delivery_address: Option<DeliveryAddress>,
    pub delivery_preference: Option<DeliveryPreference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryAddress {
    pub name: Option<String>,
    pub address_line1: Option<String>,
    pub address_line2: Option<String>,
    pub address_line3: Option<String>,
    pub city: Option<String>,
    pub state_or_region: Option<String>,
    pub postal_code: Option<String>,
    pub country_code: Option<String>,
    pub phone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryPreference {
    pub address_instruction: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proceeds {
    pub grand_total: Option<Money>,
    pub breakdowns: Option<Vec<ProceedsPart>>,
}

#[derive(Deserialize)]
pub(super) struct ProceedsPart {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub subtotal: Option<Money>,
}

/// A decimal string beside its currency; a bare number is read as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Money {
    amount: Option<Box<RawValue>>,
    currency_code: Option<String>,
}

impl Money {
    pub fn read(&self) -> Option<(Decimal, Currency)> {
        let amount = decimal(self.amount.as_ref()?.get())?;
        Some((amount, self.currency_code.as_ref()?.parse().ok()?))
    }

    /// The amount when it is in this currency, with that currency's decimals.
    pub fn in_currency(&self, currency: Currency) -> Option<Decimal> {
        self.read().filter(|(_, own)| *own == currency).map(|(amount, _)| currency.round(amount))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fulfillment {
    pub fulfillment_status: Option<String>,
    pub fulfilled_by: Option<String>,
    #[serde(default)]
    pub ship_by_window: Said<Window>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Window {
    pub latest_date_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemDocument {
    pub order_item_id: Word,
    pub quantity_ordered: Option<u32>,
    pub product: Option<Product>,
    pub proceeds: Option<ItemProceeds>,
    pub cancellation: Option<Cancellation>,
    pub fulfillment: Option<ItemFulfillment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Product {
    pub title: Option<String>,
    pub seller_sku: Option<String>,
    pub price: Option<Price>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Price {
    pub unit_price: Option<Money>,
}

#[derive(Deserialize)]
pub(super) struct ItemProceeds {
    pub breakdowns: Option<Vec<ProceedsPart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancellation {
    pub cancellation_request: Option<CancellationRequest>,
    pub cancellation_execution: Option<CancellationExecution>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancellationRequest {
    pub requester: Option<String>,
    pub cancel_reason: Option<String>,
}

/// Its presence is what counts.
#[derive(Deserialize)]
pub(super) struct CancellationExecution {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemFulfillment {
    pub quantity_fulfilled: Option<u32>,
    pub quantity_unfulfilled: Option<u32>,
    pub packing: Option<Packing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Packing {
    pub gift_option: Option<GiftOption>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GiftOption {
    pub gift_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package {
    pub package_reference_id: Word,
    pub package_status: Option<PackageStatus>,
    pub carrier: Option<String>,
    pub ship_time: Option<String>,
    pub tracking_number: Option<String>,
    pub package_items: Option<Vec<PackageItem>>,
}

#[derive(Deserialize)]
pub(super) struct PackageStatus {
    pub status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackageItem {
    pub order_item_id: Word,
    pub quantity: Option<u32>,
}

impl OrderDocument {
    /// Empty when not said.
    pub fn lines(&self) -> &[ItemDocument] {
        self.order_items.as_deref().unwrap_or_default()
    }

    /// Not sold on Amazon: goods of another shop that Amazon's warehouse sends.
    pub fn is_foreign(&self) -> bool {
        self.sales_channel.as_ref().and_then(|sold| sold.channel_name.as_deref()) == Some("NON_AMAZON")
    }

    pub fn status(&self) -> Option<&str> {
        self.fulfillment.as_ref()?.fulfillment_status.as_deref()
    }

    pub fn fulfilled_by(&self) -> Option<&str> {
        self.fulfillment.as_ref()?.fulfilled_by.as_deref()
    }

    pub fn by_merchant(&self) -> bool {
        self.fulfilled_by() == Some("MERCHANT")
    }

    /// Payment is not authorised yet: no prices, no address, no refunds.
    pub fn is_pending(&self) -> bool {
        matches!(self.status(), Some("PENDING" | "PENDING_AVAILABILITY"))
    }

    /// Parcels that exist: everything but what was called back.
    pub fn live_packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().flatten().filter(|package| package.status() != Some("CANCELLED"))
    }
}

impl Package {
    pub fn status(&self) -> Option<&str> {
        self.package_status.as_ref()?.status.as_deref()
    }
}

impl ItemDocument {
    /// A buyer's wish to cancel this line, with the reason.
    pub fn buyer_request(&self) -> Option<&CancellationRequest> {
        let request = self.cancellation.as_ref()?.cancellation_request.as_ref()?;
        (request.requester.as_deref() == Some("BUYER")).then_some(request)
    }
}
