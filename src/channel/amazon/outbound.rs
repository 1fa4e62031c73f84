//! Sending: shipments and corrected labels by confirmShipment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::IgnoredAny;

use super::actions::{CARRIER_CODE, CARRIER_NAME, PACKAGE, SHIP_DATE, carries, judge};
use super::api::{CONFIRM_SHIPMENT, GET_ORDER, with_query};
use super::cancel::without_effect;
use super::document::OrderDocument;
use super::errors::ApiError;
use super::facts::Facts;
use super::{Amazon, INCLUDED_DATA, inbound, map};
use crate::channel::{Call, Performed, Verdict};
use crate::model::{
    Action, ActionRequest, ChannelOrderId, Failure, Memo, Order, ShipLine, Shipment, ShipmentItem,
};
use crate::net::Response;

/// Orders whose confirmed parcels are remembered.
const CONFIRMED_MAX: usize = 10_000;

/// Parcels that Amazon confirmed to this process, by order: the order may list them later.
pub(super) type Confirmed = Mutex<BTreeMap<ChannelOrderId, BTreeSet<u64>>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation<'a> {
    marketplace_id: &'a str,
    package_detail: PackageDetail<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PackageDetail<'a> {
    /// A JSON string that holds a positive integer; a JSON number is refused.
    package_reference_id: &'a str,
    carrier_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier_name: Option<&'a str>,
    tracking_number: &'a str,
    ship_date: &'a str,
    order_items: Vec<ConfirmedLine<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmedLine<'a> {
    order_item_id: &'a str,
    quantity: u32,
}

impl Amazon {
    pub(super) async fn send_action(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        match &action.request {
            ActionRequest::Ship { tracking_number, items, .. } => {
                let tracking = tracking_number.as_deref().unwrap_or_default().trim();
                self.ship(call, order, action, tracking, items).await
            }
            ActionRequest::Tracking { tracking_number, .. } => {
                let lines = parcel_lines(order, &action.memo)?;
                self.confirm(call, order, action, tracking_number.trim(), &lines).await
            }
            ActionRequest::Cancel { .. } => self.submit_cancellation(call, order, action).await,
            ActionRequest::Acknowledge => Err(Failure::unsupported("Amazon accepts orders by itself")),
        }
    }

    pub(super) async fn follow_action(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        match &action.request {
            ActionRequest::Cancel { .. } => self.follow_cancellation(call, order, action).await,
            _ if judge(order, action) == Verdict::Done => Ok(Performed::Done),
            _ => self.send_action(call, order, action).await,
        }
    }

    /// A repeat under a reference that Amazon has meanwhile confirmed to us for another parcel would
    /// overwrite that one: it waits until the order lists it, which `judge` then sees.
    async fn ship(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
        tracking: &str,
        items: &[ShipLine],
    ) -> Result<Performed, Failure> {
        let taken = |number| self.confirmed_parcels(order).contains(&number);
        if memo(&action.memo, PACKAGE)?.parse().is_ok_and(taken) {
            let why = "Amazon does not list another parcel of this order yet. It is tried again later";
            return Err(without_effect(Failure::unavailable(why).local()));
        }
        self.confirm(call, order, action, tracking, items).await
    }

    async fn confirm(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
        tracking: &str,
        lines: &[ShipLine],
    ) -> Result<Performed, Failure> {
        let reference = memo(&action.memo, PACKAGE)?;
        let confirmation = Confirmation {
            marketplace_id: self.marketplace(order),
            package_detail: PackageDetail {
                package_reference_id: reference,
                carrier_code: memo(&action.memo, CARRIER_CODE)?,
                carrier_name: action.memo.get(CARRIER_NAME).map(String::as_str),
                tracking_number: tracking,
                ship_date: memo(&action.memo, SHIP_DATE)?,
                order_items: lines
                    .iter()
                    .map(|line| ConfirmedLine { order_item_id: &line.line_id, quantity: line.quantity })
                    .collect(),
            },
        };
        let id = &order.key.order;
        let path = format!("/orders/v0/orders/{id}/shipmentConfirmation");
        let response = self.api.post_any(call, &CONFIRM_SHIPMENT, &path, json(&confirmation)?).await?;
        if response.is_success() {
            is_confirmation(&response)?;
            self.remember(id, reference);
            return Ok(Performed::Done);
        }
        let mut failure = self.api.refusal(&CONFIRM_SHIPMENT, &response);
        let error = ApiError::read(&response.body);
        if error.says("PackageToUpdateNotFound") {
            // Another tool of the merchant may have confirmed it first.
            let fresh = self.order_document(call, id).await?;
            let parcels: Vec<Shipment> = fresh.live_packages().map(map::shipment).collect();
            if carries(&parcels, tracking, lines) {
                return Ok(Performed::Done);
            }
            failure
                .message
                .push_str(". The parcel was confirmed elsewhere: press Sync and look at the order");
        }
        if error.says("NonexistentOrderItem") {
            failure.message.push_str(". The order was probably cancelled meanwhile: press Sync");
        }
        Err(failure)
    }

    fn remember(&self, order: &ChannelOrderId, reference: &str) {
        let Ok(number) = reference.parse() else { return };
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed.len() >= CONFIRMED_MAX {
            confirmed.clear();
        }
        confirmed.entry(order.clone()).or_default().insert(number);
    }

    pub(super) fn marketplace<'a>(&'a self, order: &'a Order) -> &'a str {
        Facts(order).marketplace().or(self.marketplaces.first().map(String::as_str)).unwrap_or_default()
    }

    pub(super) async fn order_document(
        &self,
        call: Call<'_>,
        id: &ChannelOrderId,
    ) -> Result<OrderDocument, Failure> {
        let path =
            with_query(&format!("/orders/2026-01-01/orders/{id}"), &[("includedData", Some(INCLUDED_DATA))]);
        let response = self.api.get(call, &GET_ORDER, &path).await?;
        inbound::named(id, &response)
    }
}

/// Documented is an empty body; an empty document says no more. A page comes from something in
/// between, and an error is an error whatever the status.
fn is_confirmation(response: &Response) -> Result<(), Failure> {
    let error = ApiError::read(&response.body);
    if error != ApiError::default() {
        return Err(Failure::invalid(format!("Amazon refused to confirm the shipment: {}", error.quoted()))
            .http(response.status, None));
    }
    let blank = response.body.trim_ascii().is_empty();
    if blank || serde_json::from_slice::<IgnoredAny>(&response.body).is_ok() {
        return Ok(());
    }
    Err(Failure::unavailable("Amazon answered the confirmation of a parcel with something else"))
}

/// The units of the parcel whose label is corrected: the call states them again.
fn parcel_lines(order: &Order, label: &Memo) -> Result<Vec<ShipLine>, Failure> {
    let reference = memo(label, PACKAGE)?;
    let gone = || Failure::invalid(format!("Amazon does not list parcel {reference} of this order any more"));
    let parcel = order.shipments.iter().find(|parcel| parcel.shipment_id == reference).ok_or_else(gone)?;
    let line = |item: &ShipmentItem| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity };
    let lines: Vec<_> = parcel.items.iter().filter(|item| item.quantity > 0).map(line).collect();
    if !lines.is_empty() {
        return Ok(lines);
    }
    let lines = only_parcel_lines(order, parcel);
    if lines.is_empty() {
        return Err(Failure::invalid(format!(
            "Amazon does not say which units are in parcel {reference}. Correct it in Seller Central"
        )));
    }
    Ok(lines)
}

/// When the only parcel does not list its units, it holds everything that was sent.
fn only_parcel_lines(order: &Order, parcel: &Shipment) -> Vec<ShipLine> {
    if order.shipments.iter().any(|other| other.shipment_id != parcel.shipment_id) {
        return Vec::new();
    }
    let sent = order.items.iter().filter_map(|item| Some((item, item.quantity_shipped.filter(|n| *n > 0)?)));
    sent.map(|(item, quantity)| ShipLine { line_id: item.line_id.clone(), quantity }).collect()
}

pub(super) fn memo<'a>(memo: &'a Memo, key: &str) -> Result<&'a str, Failure> {
    let missing = || Failure::invalid(format!("the action was stored without its {key}. Ask for it again"));
    memo.get(key).map(String::as_str).ok_or_else(missing)
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|_| Failure::invalid("the request cannot be written as JSON"))
}

#[cfg(test)]
mod tests;
