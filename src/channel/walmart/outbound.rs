//! Changes of orders. Walmart knows no idempotency key: what it refuses, or does not answer, is
//! compared with the order itself before anything is said or repeated.

use serde_json::{Value, json};

use super::Walmart;
use super::actions::{CARRIER, METHOD, OTHER_CARRIER, REPLACES, SHIPPED_AT, shows};
use super::api::{ACKNOWLEDGE, CANCEL, GET_ORDER, Operation, SHIP};
use super::facts::{Facts, Line};
use super::inbound::named;
use crate::channel::{Call, Performed};
use crate::model::{
    Action, ActionRequest, CancelReason, ChannelOrderId, Failure, FailureKind, Memo, Observation, Order,
    ShipLine, Source, Timestamp,
};

/// Longest number of the seller's own that Walmart takes.
const SELLER_ORDER_MAX: usize = 30;

impl Walmart {
    pub(super) async fn carry_out(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        let facts = Facts::read(&order.facts);
        match &action.request {
            ActionRequest::Acknowledge => self.acknowledge(call, &order.key.order).await?,
            ActionRequest::Ship { tracking_number, tracking_url, items, .. } => {
                if items.iter().any(|item| facts.line(&item.line_id).is_some_and(|line| line.created > 0)) {
                    // Nothing was shipped yet, and acknowledging twice does no harm.
                    let unharmed = |failure| Failure { no_effect: true, ..failure };
                    self.acknowledge(call, &order.key.order).await.map_err(unharmed)?;
                }
                let number = tracking_number.as_deref().unwrap_or_default();
                let info = tracking_info(&action.memo, number, tracking_url.as_deref())?;
                let body = shipment(order, items, &info);
                self.change(call, order, action, &SHIP, "shipping", &body).await?;
            }
            ActionRequest::Tracking { tracking_number, tracking_url, .. } => {
                let info = tracking_info(&action.memo, tracking_number, tracking_url.as_deref())?;
                let body = correction(order, &facts, &action.memo, &info)?;
                self.change(call, order, action, &SHIP, "shipping", &body).await?;
            }
            ActionRequest::Cancel { reason, .. } => {
                let body = self.cancellation(&facts, *reason);
                self.change(call, order, action, &CANCEL, "cancel", &body).await?;
            }
        }
        Ok(Performed::Done)
    }

    /// Acknowledges the whole order. An order that has got further counts as acknowledged.
    async fn acknowledge(&self, call: Call<'_>, id: &ChannelOrderId) -> Result<(), Failure> {
        match self.api.post(call, &ACKNOWLEDGE, &format!("/v3/orders/{id}/acknowledge"), None).await {
            Ok(response) => named(id, &response).map(|_| ()),
            Err(failure) if failure.kind == FailureKind::InvalidRequest => {
                match self.reread(call, id).await {
                    Ok(seen) if Facts::read(&seen.facts).created() == 0 => Ok(()),
                    _ => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// Sends a change. What is refused may have been done before.
    async fn change(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
        operation: &Operation,
        verb: &str,
        body: &Value,
    ) -> Result<(), Failure> {
        let id = &order.key.order;
        let path = format!("/v3/orders/{id}/{verb}");
        match self.api.post(call, operation, &path, Some(body.to_string().into_bytes())).await {
            Ok(response) => named(id, &response).map(|_| ()),
            Err(failure) if failure.kind == FailureKind::InvalidRequest => {
                match self.reread(call, id).await {
                    Ok(seen) if shows(&Facts::read(&seen.facts), action) => Ok(()),
                    _ => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    async fn reread(&self, call: Call<'_>, id: &ChannelOrderId) -> Result<Observation, Failure> {
        let response = self.api.get(call, &GET_ORDER, &format!("/v3/orders/{id}")).await?;
        let order = named(id, &response)?;
        Ok(self.observation(id.clone(), &order, Source::Fetch, response.begun_at, None))
    }

    /// Every unit that is neither sent nor cancelled.
    fn cancellation(&self, facts: &Facts<'_>, reason: CancelReason) -> Value {
        let line = |line: &Line| {
            json!({
                "lineNumber": line.id,
                "orderLineStatuses": {"orderLineStatus": [{
                    "status": "Cancelled",
                    "cancellationReason": self.market.cancel_word(reason, line.unwanted),
                    "statusQuantity": quantity(line.live()),
                }]},
            })
        };
        let lines: Vec<Value> = facts.lines.iter().filter(|line| line.live() > 0).map(line).collect();
        json!({"orderCancellation": {"orderLines": {"orderLine": lines}}})
    }
}

fn quantity(units: u32) -> Value {
    json!({"unitOfMeasurement": "EACH", "amount": units.to_string()})
}

fn tracking_info(memo: &Memo, number: &str, url: Option<&str>) -> Result<Value, Failure> {
    let missing = || Failure::invalid("the shipment was stored without its label. Ask for it again");
    let carrier = match (memo.get(CARRIER), memo.get(OTHER_CARRIER)) {
        (Some(name), _) => json!({"carrier": name}),
        (None, Some(name)) => json!({"otherCarrier": name}),
        (None, None) => return Err(missing()),
    };
    let at = memo.get(SHIPPED_AT).and_then(|text| Timestamp::parse(text)).ok_or_else(missing)?;
    let mut info = json!({
        "shipDateTime": at.as_millis(),
        "carrierName": carrier,
        "methodCode": memo.get(METHOD).ok_or_else(missing)?,
        "trackingNumber": number.trim(),
    });
    if let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) {
        info["trackingURL"] = json!(url);
    }
    Ok(info)
}

/// The units that leave, in one parcel.
fn shipment(order: &Order, items: &[ShipLine], info: &Value) -> Value {
    let line = |item: &ShipLine| order_line(order, &item.line_id, item.quantity, info, None);
    let lines: Vec<Value> = items.iter().map(line).collect();
    json!({"orderShipment": {"orderLines": {"orderLine": lines}}})
}

/// The same units again, under another label.
fn correction(order: &Order, facts: &Facts<'_>, memo: &Memo, info: &Value) -> Result<Value, Failure> {
    let replaced = memo.get(REPLACES).map(String::as_str).unwrap_or_default();
    let ours = facts.lines.iter().map(|line| (line, line.under(replaced))).filter(|(_, units)| *units > 0);
    let lines: Vec<Value> =
        ours.map(|(line, units)| order_line(order, &line.id, units, info, Some(replaced))).collect();
    if lines.is_empty() {
        return Err(Failure::invalid(
            "Walmart does not list the parcel whose number is to be replaced any more",
        ));
    }
    Ok(json!({"orderShipment": {"processMode": "PARTIAL_UPDATE", "orderLines": {"orderLine": lines}}}))
}

fn order_line(order: &Order, line: &str, units: u32, info: &Value, replaced: Option<&str>) -> Value {
    let mut status = json!({"status": "Shipped", "statusQuantity": quantity(units), "trackingInfo": info});
    if let Some(number) = replaced {
        status["currentTrackingInfo"] = json!({"trackingNumber": number});
    }
    // Compulsory by the specification; printed on return labels.
    let own: String = order.number.chars().take(SELLER_ORDER_MAX).collect();
    json!({
        "lineNumber": line,
        "intentToCancelOverride": false,
        "sellerOrderId": own,
        "orderLineStatuses": {"orderLineStatus": [status]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::contract::sample;

    fn keys(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    found.push(key.clone());
                    keys(value, found);
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| keys(element, found)),
            _ => {}
        }
    }

    fn label(carrier: (&str, &str)) -> Memo {
        [(carrier.0, carrier.1), (SHIPPED_AT, "2020-02-04T13:11:06Z"), (METHOD, "Standard")]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_label_names_one_carrier_and_a_time_in_milliseconds() {
        let listed = tracking_info(&label((CARRIER, "UPS")), " 22344 ", None).expect("label");
        assert_eq!(
            listed,
            json!({"shipDateTime": 1_580_821_866_000_i64, "carrierName": {"carrier": "UPS"}, "methodCode": "Standard",
                   "trackingNumber": "22344"})
        );
        let other =
            tracking_info(&label((OTHER_CARRIER, "Bob")), "1", Some("https://b.example/1")).expect("label");
        assert_eq!(other["carrierName"], json!({"otherCarrier": "Bob"}));
        assert_eq!(other["trackingURL"], "https://b.example/1");
        assert!(tracking_info(&Memo::new(), "1", None).is_err());
    }

    #[test]
    fn our_shipment_holds_nothing_that_the_documented_one_does_not() {
        let Some(text) = sample("walmart/samples/ship-request.json") else { return };
        let mut documented = Vec::new();
        keys(&serde_json::from_str(&text).expect("JSON"), &mut documented);
        let order = super::super::actions::tests::order(&[]);
        let info = tracking_info(&label((CARRIER, "UPS")), "1", Some("https://u.example")).expect("label");
        let items = [ShipLine { line_id: "1".to_owned(), quantity: 1 }];
        let mut ours = Vec::new();
        keys(&shipment(&order, &items, &info), &mut ours);
        for key in ours {
            assert!(documented.contains(&key), "{key}");
        }
    }
}
