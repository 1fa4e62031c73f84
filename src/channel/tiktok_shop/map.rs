//! From the documents of one order to one observation.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::document::{Amount, OrderDoc, Said};
use super::facts::{Provider, key, list};
use super::lines::{self, Line};
use super::money::{AfterSales, Refund};
use super::{address, state};
use crate::model::{
    Amounts, Anomaly, ChannelOrderId, Currency, FulfilledBy, Native, Observation, OrderStatus, Source,
    Timestamp,
};

/// Everything that was read about one order.
pub struct Reading<'a> {
    pub order: &'a OrderDoc,
    /// `None`: not asked for, or not for us to see.
    pub after_sales: Option<&'a AfterSales>,
    /// `None`: not asked for.
    pub providers: Option<&'a [Provider]>,
    pub source: Source,
    pub read_at: Timestamp,
}

pub fn observe(id: ChannelOrderId, reading: &Reading<'_>) -> Observation {
    let order = reading.order;
    let payment = order.payment.as_ref();
    let currency = payment.and_then(|payment| *payment.currency);
    let total = payment.and_then(|payment| plain(&payment.total_amount));
    let refund = Refund::of(reading.after_sales, total);
    let folded = order.line_items.is_some().then(|| lines::fold(order));
    let refunded_units = reading.after_sales.map(|after| &after.units);
    let status = state::status(order, refund);
    Observation {
        number: Some(id.to_string()),
        changed_at: order.update_time.0,
        payment_status: Native::Known(state::payment_status(order, refund)),
        refunds_unseen: refund == Refund::Unseen,
        channel_status: channel_status(order),
        currency,
        amounts: amounts(order, reading.after_sales, currency),
        placed_at: order.create_time.0,
        customer: address::customer(order),
        shipping_address: address::shipping_address(order),
        items: folded.as_ref().map(|folded| lines::items(order, folded, currency, refunded_units)),
        shipments: folded.as_ref().map(|folded| lines::shipments(order, folded)),
        notes: Some(notes(order)),
        // There are none.
        tags: Some(Vec::new()),
        fulfilled_by: fulfilled_by(order),
        facts: facts(reading, folded.as_deref()),
        anomalies: anomalies(reading),
        incomplete: is_incomplete(reading, refund, &status),
        status,
        ..Observation::empty(id, reading.source, reading.read_at)
    }
}

/// A fetch that saw no refunds may not see them; one that saw no lines may see them later.
fn is_incomplete(reading: &Reading<'_>, refund: Refund, status: &Native<OrderStatus>) -> bool {
    if reading.source == Source::Fetch {
        return reading.order.line_items.is_none();
    }
    refund == Refund::Unseen && (may_be_refunded(reading.order) || *status == Native::Absent)
}

fn plain(amount: &Said<Amount>) -> Option<Decimal> {
    amount.as_ref().map(|amount| amount.0)
}

/// Money can have gone back once the parcel has left, when units were taken out, or on the way to a
/// cancellation.
fn may_be_refunded(order: &OrderDoc) -> bool {
    let untouched =
        matches!(&*order.status, "UNPAID" | "ON_HOLD" | "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING");
    !untouched || order.buyer_wants_out() || lines::has_cancelled_units(order)
}

fn channel_status(order: &OrderDoc) -> BTreeMap<String, String> {
    let words = [
        ("status", &order.status),
        ("fulfillment_type", &order.fulfillment_type),
        ("shipping_type", &order.shipping_type),
        ("cancellation_initiator", &order.cancellation_initiator),
    ];
    let said = words.into_iter().filter_map(|(name, word)| Some((name, word.filled()?)));
    said.map(|(name, word)| (name.to_owned(), word.to_owned())).collect()
}

fn amounts(order: &OrderDoc, after: Option<&AfterSales>, currency: Option<Currency>) -> Amounts {
    let round = |amount: Decimal| currency.map_or(amount, |currency| currency.round(amount));
    let refunded = after.map(|after| round(after.refunded));
    let Some(payment) = order.payment.as_ref() else { return Amounts { refunded, ..Amounts::default() } };
    let discounts = [plain(&payment.seller_discount), plain(&payment.platform_discount)];
    let discount = discounts.iter().any(Option::is_some).then(|| discounts.into_iter().flatten().sum());
    Amounts {
        total: plain(&payment.total_amount).map(round),
        subtotal: plain(&payment.sub_total).map(round),
        shipping: plain(&payment.shipping_fee).map(round),
        tax: plain(&payment.tax).map(round),
        discount: discount.map(round),
        refunded,
    }
}

fn notes(order: &OrderDoc) -> Vec<String> {
    let both = [&order.buyer_message, &order.seller_note];
    both.into_iter().filter_map(|note| note.filled()).map(str::to_owned).collect()
}

fn fulfilled_by(order: &OrderDoc) -> Option<FulfilledBy> {
    match &*order.fulfillment_type {
        "" => None,
        "FULFILLMENT_BY_SELLER" => Some(FulfilledBy::Seller),
        _ => Some(FulfilledBy::Channel),
    }
}

fn facts(reading: &Reading<'_>, folded: Option<&[Line<'_>]>) -> BTreeMap<String, String> {
    let order = reading.order;
    let flag = |flag: bool| if flag { "yes" } else { "" }.to_owned();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let region = order.recipient_address.as_ref().map(|address| address.region_code.to_string());
    let ship_by = order.tts_sla_time.0.or(order.shipping_due_time.0);
    let mut facts = BTreeMap::new();
    let mut put = |key: &str, value: String| {
        facts.insert(key.to_owned(), value);
    };
    put(key::STATUS, order.status.to_string());
    put(key::ON_HOLD, flag(order.is_on_hold()));
    put(key::BUYER_WANTS_OUT, flag(order.buyer_wants_out()));
    put(key::FULFILLED_BY, order.fulfillment_type.to_string());
    put(key::SHIPPED_WITH, order.shipping_type.to_string());
    put(key::DELIVERY_OPTION, order.delivery_option_id.to_string());
    put(key::COMBINED, flag(&*order.split_or_combine_tag == "COMBINED"));
    put(key::SHIP_BY, time(ship_by));
    put(key::SHIPPED_AT, time(order.rts_time.0));
    if let Some(region) = region.filter(|region| !region.is_empty()) {
        put(key::REGION, region);
    }
    if let Some(folded) = folded {
        put(key::UNITS, list(&lines::units(order, folded)));
    }
    if let Some(after) = reading.after_sales {
        put(key::CANCEL_ID, after.wish.as_ref().map(|wish| wish.cancel_id.clone()).unwrap_or_default());
    }
    if let Some(providers) = reading.providers {
        put(key::PROVIDERS, list(providers));
    }
    facts
}

fn anomalies(reading: &Reading<'_>) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let wish = reading.after_sales.and_then(|after| after.wish.as_ref());
    // A list does not tell until when, so the reading that follows it tells.
    if wish.is_some() || (reading.order.buyer_wants_out() && reading.source == Source::Fetch) {
        let id = wish.map_or("", |wish| wish.cancel_id.as_str());
        let until = wish.and_then(|wish| wish.deadline).map(|at| format!(" until {}", at.to_rfc3339_secs()));
        anomalies.push(Anomaly {
            code: format!("buyer_wants_to_cancel:{id}"),
            summary: format!(
                "The buyer asks to cancel. Answer{}: cancel here to agree, or refuse in TikTok Shop. Without an \
                 answer TikTok Shop agrees by itself.",
                until.unwrap_or_default()
            ),
        });
    }
    if reading.order.line_items.is_none() && reading.source == Source::Fetch {
        anomalies.push(Anomaly {
            code: "unreadable_lines".to_owned(),
            summary:
                "TikTok Shop told no lines of this order that can be read. Those that were known stay; the \
                      order is read again."
                    .to_owned(),
        });
    }
    if reading.after_sales.is_none() && reading.source == Source::Fetch {
        anomalies.push(Anomaly {
            code: "refunds_withheld".to_owned(),
            summary:
                "TikTok Shop does not let this app see cancellations and returns, so refunds are not known. \
                      Add the right Return & Refund Basic to the app and consent again."
                    .to_owned(),
        });
    }
    anomalies
}
