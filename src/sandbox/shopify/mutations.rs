//! What an app can change: shipments, tracking, cancellations, notes, tags, subscriptions.

use serde_json::{Value, json};

use super::graphql::GraphError;
use super::hooks::{self, Subscription};
use super::order::{Order, Parts};
use super::resolver::{Api, Arguments, read_id, text};
use super::show::{self, gid};
use super::world::{CANCEL_TAKES, CancelJob, Tracking, sorted_tags};

/// What the mutation refuses: the field's path and why.
struct UserError {
    field: Vec<String>,
    message: String,
}

impl UserError {
    fn new(field: &[&str], message: impl Into<String>) -> Self {
        Self { field: field.iter().map(|&step| step.to_owned()).collect(), message: message.into() }
    }

    fn list(self) -> Value {
        json!([{ "field": self.field, "message": self.message }])
    }
}

impl Api<'_> {
    pub(super) fn perform(&mut self, mutation: &str, arguments: &Arguments) -> Result<Value, GraphError> {
        match mutation {
            "fulfillmentCreate" => self.fulfillment_create(arguments),
            "fulfillmentTrackingInfoUpdate" => Ok(self.tracking_update(arguments)),
            "orderCancel" => self.order_cancel(arguments),
            "orderUpdate" => self.order_update(arguments),
            "tagsAdd" => self.tags(arguments, true),
            "tagsRemove" => self.tags(arguments, false),
            "webhookSubscriptionCreate" => Ok(self.subscription_create(arguments)),
            "webhookSubscriptionUpdate" => self.subscription_update(arguments),
            "webhookSubscriptionDelete" => self.subscription_delete(arguments),
            "bulkOperationRunQuery" => Ok(json!({
                "bulkOperation": null,
                "userErrors": [{ "field": null, "code": "LIMIT_REACHED", "message": "The sandbox runs no bulk operations" }],
            })),
            _ => Ok(Value::Null),
        }
    }

    // ---- shipments -----------------------------------------------------------------------

    fn fulfillment_create(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let input = arguments.get("fulfillment").cloned().unwrap_or_default();
        let refused = |error: UserError| Ok(json!({ "fulfillment": null, "userErrors": error.list() }));
        if let Err(error) = positive_quantities(&input) {
            return refused(error);
        }
        let parts = read_parts(&input)?;
        let order = match self.check_parts(&parts) {
            Ok(order) => order.id,
            Err(message) => return refused(UserError::new(&["fulfillment"], message)),
        };
        let tracking = self.read_tracking(input.get("trackingInfo"));
        let detail = json!({
            "tracking_numbers": tracking.numbers, "company": tracking.company, "input": input,
        });
        let Some(id) = self.world.ship(order, &parts, tracking, self.now) else {
            return refused(UserError::new(&["fulfillment"], "Fulfillment order does not exist."));
        };
        self.kit.effect("fulfillmentCreate", Some(&order.to_string()), detail);
        self.events.extend(super::deeds::shipped(self.world, order, id));
        let shown = self.world.order(order).and_then(|order| {
            let shown = order.fulfillments.iter().find(|fulfillment| fulfillment.id == id)?;
            Some(show::fulfillment(shown, order))
        });
        Ok(json!({ "fulfillment": shown, "userErrors": [] }))
    }

    fn check_parts(&self, parts: &Parts) -> Result<&Order, String> {
        let mut owner: Option<&Order> = None;
        let mut place = None;
        for (id, units) in parts {
            let order = self.world.owner(*id).filter(|order| self.sees(order));
            let order = order.ok_or("Fulfillment order does not exist.")?;
            let part = order.fulfillment_orders.iter().find(|part| part.id == *id);
            let part = part.ok_or("Fulfillment order does not exist.")?;
            if owner.is_some_and(|owner| owner.id != order.id) {
                return Err("All fulfillment orders must belong to the same order.".to_owned());
            }
            if place.is_some_and(|place| place != part.location) {
                return Err("All fulfillment orders must be assigned to a single location.".to_owned());
            }
            if !matches!(part.status, "OPEN" | "IN_PROGRESS") || part.request_status != "UNSUBMITTED" {
                let status = part.status.to_lowercase();
                return Err(format!("Fulfillment order {id} has an unfulfillable status= {status}."));
            }
            for (line, wanted) in units.iter().flatten() {
                let own = part.lines.iter().find(|own| own.id == *line);
                let own = own.ok_or("Fulfillment order line item does not exist.")?;
                if *wanted > own.remaining {
                    return Err("Invalid fulfillment order line item quantity requested.".to_owned());
                }
            }
            (owner, place) = (Some(order), Some(part.location));
        }
        owner.ok_or_else(|| "Fulfillment order does not exist.".to_owned())
    }

    fn read_tracking(&self, input: Option<&Value>) -> Tracking {
        let Some(input) = input.filter(|input| !input.is_null()) else { return Tracking::default() };
        let list = |one: &str, many: &str| -> Vec<String> {
            match input.get(many).and_then(Value::as_array) {
                Some(all) => all.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
                None => input.get(one).and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
            }
        };
        for (one, many) in [("number", "numbers"), ("url", "urls")] {
            if input.get(one).is_some_and(|value| !value.is_null()) && input.get(many).is_some() {
                self.kit.breach(
                    self.request,
                    "tracking_twice",
                    format!("both `{one}` and `{many}` are given"),
                );
            }
        }
        let tracking = Tracking {
            company: input.get("company").and_then(Value::as_str).map(str::to_owned),
            numbers: list("number", "numbers"),
            urls: list("url", "urls"),
        };
        if tracking.numbers.is_empty() && !tracking.urls.is_empty() {
            self.kit.breach(self.request, "url_without_number", "a tracking address without a number");
        }
        tracking
    }

    fn tracking_update(&mut self, arguments: &Arguments) -> Value {
        let missing = || {
            let error = UserError::new(&["fulfillmentId"], "Fulfillment does not exist.");
            json!({ "fulfillment": null, "userErrors": error.list() })
        };
        let Some(id) = text(arguments, "fulfillmentId").and_then(|id| show::number("Fulfillment", id)) else {
            return missing();
        };
        let Some(order) = self.world.owner(id).filter(|order| self.sees(order)).map(|order| order.id) else {
            return missing();
        };
        let tracking = self.read_tracking(arguments.get("trackingInfoInput"));
        let now = self.now;
        let detail =
            json!({ "tracking_numbers": tracking.numbers, "company": tracking.company, "fulfillment": id });
        self.world.change(order, now, |order| {
            for own in order.fulfillments.iter_mut().filter(|own| own.id == id) {
                own.company.clone_from(&tracking.company);
                own.numbers.clone_from(&tracking.numbers);
                own.urls.clone_from(&tracking.urls);
                own.updated_at = now;
            }
        });
        self.kit.effect("fulfillmentTrackingInfoUpdate", Some(&order.to_string()), detail);
        self.events.extend(super::deeds::tracked(self.world, order, id));
        let shown = self.world.order(order).and_then(|order| {
            let shown = order.fulfillments.iter().find(|fulfillment| fulfillment.id == id)?;
            Some(show::fulfillment(shown, order))
        });
        json!({ "fulfillment": shown, "userErrors": [] })
    }

    // ---- orders --------------------------------------------------------------------------

    fn order_cancel(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let id = read_id("Order", text(arguments, "orderId"))?;
        let refund = arguments.get("refund").filter(|value| !value.is_null());
        let method = arguments.get("refundMethod").filter(|value| !value.is_null());
        let note = text(arguments, "staffNote");
        let refused = |field: &str, message: &str, code: &str| {
            json!({
                "job": null,
                "jobResult": null,
                "orderCancelUserErrors": [{ "field": [field], "message": message, "code": code }],
                "userErrors": [{ "field": [field], "message": message }],
            })
        };
        if refund.is_some() && method.is_some() {
            let message = "Only one of the arguments `refund` or `refund_method` is allowed.";
            return Ok(refused("refund", message, "INVALID"));
        }
        if note.is_some_and(|note| note.chars().count() > 255) {
            let message = "Staff note is too long. Maximum length is 255 characters.";
            return Ok(refused("staffNote", message, "INVALID"));
        }
        let Some(order) = self.world.order(id).filter(|order| self.sees(order)) else {
            return Ok(refused("orderId", "Order does not exist", "NOT_FOUND"));
        };
        if let Err(message) = order.cancellable() {
            return Ok(refused("orderId", message, "INVALID"));
        }
        let job_id = self.kit.random.uuid_v4().to_string();
        let pays_back = method.is_some_and(|method| {
            method.get("originalPaymentMethodsRefund") == Some(&Value::Bool(true))
                || method.get("storeCreditRefund").is_some_and(|value| !value.is_null())
        });
        let job = CancelJob {
            order: id,
            due: self.now.plus(self.kit.hastened(CANCEL_TAKES)),
            refund: refund == Some(&Value::Bool(true)) || pays_back,
            reason: text(arguments, "reason").unwrap_or("OTHER").to_owned(),
            staff_note: note.map(str::to_owned),
            outcome: None,
        };
        let detail = json!({ "reason": job.reason, "refund": job.refund });
        self.kit.effect("orderCancel", Some(&id.to_string()), detail);
        let answer = json!({
            "job": show::job(&job_id, &job),
            "jobResult": show::job_result(&job_id, &job),
            "orderCancelUserErrors": [],
            "userErrors": [],
        });
        self.world.jobs.insert(job_id, job);
        Ok(answer)
    }

    fn order_update(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let input = arguments.get("input").cloned().unwrap_or_default();
        let id = read_id("Order", input.get("id").and_then(Value::as_str))?;
        if !self.world.order(id).is_some_and(|order| self.sees(order)) {
            let error = UserError::new(&["id"], "Order does not exist");
            return Ok(json!({ "order": null, "userErrors": error.list() }));
        }
        let now = self.now;
        self.world.change(id, now, |order| {
            if let Some(note) = input.get("note") {
                order.note = note.as_str().filter(|note| !note.is_empty()).map(str::to_owned);
            }
            if let Some(tags) = input.get("tags").and_then(Value::as_array) {
                let tags = tags.iter().filter_map(Value::as_str).map(str::to_owned);
                order.tags = sorted_tags(tags.collect());
            }
            let line1 = input.pointer("/shippingAddress/address1").and_then(Value::as_str);
            if let (Some(address), Some(line1)) = (&mut order.address, line1) {
                line1.clone_into(&mut address.line1);
            }
        });
        self.kit.effect("orderUpdate", Some(&id.to_string()), input);
        self.events.extend(super::deeds::updated(self.world, id));
        Ok(json!({ "order": self.world.order(id).map(show::order), "userErrors": [] }))
    }

    fn tags(&mut self, arguments: &Arguments, add: bool) -> Result<Value, GraphError> {
        let id = read_id("Order", text(arguments, "id"))?;
        let given = arguments.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let given: Vec<String> =
            given.iter().filter_map(Value::as_str).map(|tag| tag.trim().to_owned()).collect();
        if !self.world.order(id).is_some_and(|order| self.sees(order)) {
            let error = UserError::new(&["id"], "Order does not exist");
            return Ok(json!({ "node": null, "userErrors": error.list() }));
        }
        let now = self.now;
        self.world.change(id, now, |order| {
            let mut tags = std::mem::take(&mut order.tags);
            if add {
                tags.extend(given.iter().cloned());
            } else {
                tags.retain(|tag| !given.iter().any(|gone| gone.eq_ignore_ascii_case(tag)));
            }
            order.tags = sorted_tags(tags);
        });
        let mutation = if add { "tagsAdd" } else { "tagsRemove" };
        self.kit.effect(mutation, Some(&id.to_string()), json!({ "tags": given }));
        self.events.extend(super::deeds::updated(self.world, id));
        Ok(json!({ "node": self.world.order(id).map(show::order), "userErrors": [] }))
    }

    // ---- subscriptions -------------------------------------------------------------------

    fn subscription_create(&mut self, arguments: &Arguments) -> Value {
        let input = arguments.get("webhookSubscription").cloned().unwrap_or_default();
        let topic = text(arguments, "topic").unwrap_or_default().to_owned();
        let refused = |error: UserError| json!({ "webhookSubscription": null, "userErrors": error.list() });
        let uri = match address(&input) {
            Ok(uri) => uri,
            Err(error) => return refused(error),
        };
        let filter = input.get("filter").and_then(Value::as_str).map(str::to_owned);
        if self.hooks.has(&topic, &uri, filter.as_deref()) {
            self.kit.breach(
                self.request,
                "subscribed_twice",
                format!("{topic} goes to this address already"),
            );
            let message = "Address for this topic has already been taken";
            return refused(UserError::new(&["webhookSubscription", "callbackUrl"], message));
        }
        let subscription = Subscription {
            id: self.world.new_id(),
            topic,
            uri,
            name: input.get("name").and_then(Value::as_str).map(str::to_owned),
            filter,
            include_fields: strings(input.get("includeFields")),
            namespaces: strings(input.get("metafieldNamespaces")),
            created_at: self.now,
            updated_at: self.now,
        };
        let shown = hooks::show(&subscription, &self.options.webhook_version);
        self.kit.effect("webhookSubscriptionCreate", None, shown.clone());
        self.hooks.insert(subscription);
        json!({ "webhookSubscription": shown, "userErrors": [] })
    }

    fn subscription_update(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let id = read_id("WebhookSubscription", text(arguments, "id"))?;
        let input = arguments.get("webhookSubscription").cloned().unwrap_or_default();
        let refused =
            |error: UserError| Ok(json!({ "webhookSubscription": null, "userErrors": error.list() }));
        let Some(own) = self.hooks.get(id, self.kit) else {
            return refused(UserError::new(&["id"], "Webhook subscription does not exist"));
        };
        match address(&input) {
            Ok(uri) => own.uri = uri,
            Err(error) => return refused(error),
        }
        own.include_fields = strings(input.get("includeFields"));
        own.updated_at = self.now;
        let shown = hooks::show(own, &self.options.webhook_version);
        self.kit.effect("webhookSubscriptionUpdate", None, shown.clone());
        Ok(json!({ "webhookSubscription": shown, "userErrors": [] }))
    }

    fn subscription_delete(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let id = read_id("WebhookSubscription", text(arguments, "id"))?;
        if self.hooks.remove(id) {
            self.kit.effect("webhookSubscriptionDelete", None, json!({ "id": id }));
            return Ok(json!({
                "deletedWebhookSubscriptionId": gid("WebhookSubscription", id), "userErrors": [],
            }));
        }
        let error = UserError::new(&["id"], "Webhook subscription does not exist");
        Ok(json!({ "deletedWebhookSubscriptionId": null, "userErrors": error.list() }))
    }
}

fn address(input: &Value) -> Result<String, UserError> {
    let refuse = |message: &str| Err(UserError::new(&["webhookSubscription", "callbackUrl"], message));
    let given =
        input.get("uri").or_else(|| input.get("callbackUrl")).and_then(Value::as_str).unwrap_or_default();
    if given.trim().is_empty() {
        return refuse("Address can't be blank");
    }
    match given.split_once("://") {
        Some(("https", host)) if !host.is_empty() => Ok(given.to_owned()),
        Some((scheme, _)) => refuse(&format!("Address protocol {scheme}:// is not supported")),
        None => refuse("Address is invalid"),
    }
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// Checked before everything else.
fn positive_quantities(input: &Value) -> Result<(), UserError> {
    let groups = input.get("lineItemsByFulfillmentOrder").and_then(Value::as_array);
    for (group_at, group) in groups.into_iter().flatten().enumerate() {
        let lines = group.get("fulfillmentOrderLineItems").and_then(Value::as_array);
        for (line_at, line) in lines.into_iter().flatten().enumerate() {
            if line.get("quantity").and_then(Value::as_i64).is_none_or(|quantity| quantity < 1) {
                let (group_at, line_at) = (group_at.to_string(), line_at.to_string());
                let field = [
                    "fulfillment",
                    "lineItemsByFulfillmentOrder",
                    &group_at,
                    "fulfillmentOrderLineItems",
                    &line_at,
                    "quantity",
                ];
                return Err(UserError::new(&field, "Quantity must be greater than 0"));
            }
        }
    }
    Ok(())
}

fn read_parts(input: &Value) -> Result<Parts, GraphError> {
    let groups = input.get("lineItemsByFulfillmentOrder").and_then(Value::as_array);
    let mut parts = Parts::new();
    for group in groups.into_iter().flatten() {
        let id = read_id("FulfillmentOrder", group.get("fulfillmentOrderId").and_then(Value::as_str))?;
        let units = match group.get("fulfillmentOrderLineItems").and_then(Value::as_array) {
            Some(lines) if !lines.is_empty() => {
                let mut units = Vec::with_capacity(lines.len());
                for line in lines {
                    let own = read_id("FulfillmentOrderLineItem", line.get("id").and_then(Value::as_str))?;
                    let quantity = line.get("quantity").and_then(Value::as_u64).unwrap_or(0);
                    units.push((own, u32::try_from(quantity).unwrap_or(u32::MAX)));
                }
                Some(units)
            }
            _ => None,
        };
        parts.push((id, units));
    }
    Ok(parts)
}
