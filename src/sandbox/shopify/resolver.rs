//! The root fields of the query, and the nodes behind ids.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::kit::Kit;
use super::super::message::Request;
use super::graphql::{GraphError, Page, Resolved, Resolver};
use super::hooks::{self, Event, Hooks};
use super::order::Order;
use super::search::Filter;
use super::show::{self, gid, number};
use super::world::World;
use super::{Options, SHOP};
use crate::model::Timestamp;

/// How far back an app without `read_all_orders` sees.
const WINDOW: Duration = Duration::from_hours(1440);
/// Most ids of one `nodes` call.
const IDS_MAX: usize = 250;

/// One request at work on the shop.
pub(super) struct Api<'a> {
    pub world: &'a mut World,
    pub hooks: &'a mut Hooks,
    pub kit: &'a Kit,
    pub options: &'a Options,
    pub request: &'a Request,
    pub now: Timestamp,
    /// What webhooks will tell.
    pub events: Vec<Event>,
    /// `extensions.search`.
    pub search: Option<Value>,
}

pub(super) type Arguments = Map<String, Value>;

pub(super) fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

/// Ids of other types, and number 0, are refused before anything is looked up.
pub(super) fn read_id(kind: &str, id: Option<&str>) -> Result<u64, GraphError> {
    match id.and_then(|id| number(kind, id)) {
        Some(number) if number > 0 => Ok(number),
        _ => Err(GraphError::code("invalid id", "RESOURCE_NOT_FOUND")),
    }
}

impl Resolver for Api<'_> {
    fn query(&mut self, field: &str, arguments: &Arguments) -> Result<Resolved, GraphError> {
        let id = text(arguments, "id");
        let value = match field {
            "orders" => return self.orders(arguments).map(Resolved::Page),
            "order" => self.order(read_id("Order", id)?),
            "node" => id.and_then(|id| self.node(id)).unwrap_or(Value::Null),
            "nodes" => self.nodes(arguments)?,
            "fulfillmentOrder" | "fulfillment" | "webhookSubscription" | "job" => {
                id.and_then(|id| self.node(id)).unwrap_or(Value::Null)
            }
            "ordersCount" => self.count(arguments)?,
            "webhookSubscriptions" => self.subscriptions(arguments),
            "webhookSubscriptionsCount" => {
                json!({ "count": self.hooks.all(self.kit).len(), "precision": "EXACT" })
            }
            "currentAppInstallation" => self.installation(),
            "publicApiVersions" => super::admin::versions(),
            "shop" => shop(),
            _ => Value::Null,
        };
        Ok(Resolved::Json(value))
    }

    fn mutate(&mut self, field: &str, arguments: &Arguments) -> Result<Value, GraphError> {
        self.perform(field, arguments)
    }

    fn node(&mut self, id: &str) -> Option<Value> {
        let (kind, tail) = id.strip_prefix("gid://shopify/")?.split_once('/')?;
        if kind == "Job" || kind == "OrderCancelJobResult" {
            let job = self.world.jobs.get(tail)?;
            return Some(if kind == "Job" { show::job(tail, job) } else { show::job_result(tail, job) });
        }
        let own: u64 = tail.parse().ok()?;
        match kind {
            "Order" => Some(self.order(own)),
            "FulfillmentOrder" => {
                let order = self.world.owner(own).filter(|order| self.sees(order))?;
                let part = order.fulfillment_orders.iter().find(|part| part.id == own)?;
                Some(show::fulfillment_order(part, order))
            }
            "Fulfillment" => {
                let order = self.world.owner(own).filter(|order| self.sees(order))?;
                let fulfillment = order.fulfillments.iter().find(|fulfillment| fulfillment.id == own)?;
                Some(show::fulfillment(fulfillment, order))
            }
            "Refund" => {
                let order = self.world.owner(own).filter(|order| self.sees(order))?;
                let refund = order.refunds.iter().find(|refund| refund.id == own)?;
                Some(show::refund(refund, order))
            }
            "WebhookSubscription" => {
                let version = self.options.webhook_version.clone();
                self.hooks.get(own, self.kit).map(|subscription| hooks::show(subscription, &version))
            }
            _ => None,
        }
    }

    fn denied(&self, ty: &str, field: &str) -> Option<String> {
        if (ty, field) == ("Order", "customer") && !self.has_scope("read_customers") {
            return Some(
                "Access denied for customer field. Required access: `read_customers` access scope."
                    .to_owned(),
            );
        }
        let personal = matches!(
            (ty, field),
            ("Order", "email" | "phone" | "shippingAddress" | "billingAddress" | "displayAddress")
                | (
                    "Customer",
                    "firstName"
                        | "lastName"
                        | "email"
                        | "phone"
                        | "defaultEmailAddress"
                        | "defaultPhoneNumber"
                        | "defaultAddress"
                )
        );
        (personal && !self.options.personal_data).then(|| {
            format!(
                "This app is not approved to use the {field} field. See https://shopify.dev/docs/apps/launch/protected-customer-data for more details."
            )
        })
    }
}

impl Api<'_> {
    fn has_scope(&self, scope: &str) -> bool {
        self.options.scopes.iter().any(|own| own == scope)
    }

    /// Without `read_all_orders` the last sixty days only.
    pub(super) fn sees(&self, order: &Order) -> bool {
        self.has_scope("read_all_orders") || order.created_at >= self.now.minus(WINDOW)
    }

    fn order(&self, id: u64) -> Value {
        self.world.order(id).filter(|order| self.sees(order)).map_or(Value::Null, show::order)
    }

    fn nodes(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let ids = arguments.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
        if ids.len() > IDS_MAX {
            self.kit.breach(self.request, "over_page_size", format!("{} ids in one call", ids.len()));
            let message = format!(
                "The input array size of {} is greater than the maximum allowed of {IDS_MAX}.",
                ids.len()
            );
            return Err(GraphError::code(message, "MAX_INPUT_SIZE_EXCEEDED"));
        }
        let found = ids.iter().map(|id| id.as_str().and_then(|id| self.node(id)).unwrap_or(Value::Null));
        Ok(Value::Array(found.collect()))
    }

    fn filter(&mut self, path: &str, arguments: &Arguments) -> Result<Filter, GraphError> {
        let query = text(arguments, "query").unwrap_or_default();
        let filter = Filter::read(query).map_err(|message| {
            self.kit.breach(self.request, "bad_filter", message.clone());
            GraphError::code(message, "BAD_REQUEST")
        })?;
        for (field, _) in &filter.unknown {
            self.kit.breach(self.request, "unknown_filter", format!("no filter is called `{field}`"));
        }
        for field in &filter.unquoted {
            self.kit.breach(self.request, "unquoted_date", format!("the date of `{field}` is not quoted"));
        }
        if let Some(warnings) = filter.warnings(path, query) {
            self.search = Some(warnings);
        }
        Ok(filter)
    }

    fn count(&mut self, arguments: &Arguments) -> Result<Value, GraphError> {
        let filter = self.filter("ordersCount", arguments)?;
        let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let found =
            self.world.orders.iter().filter(|order| self.sees(order) && filter.matches(order)).count() as u64;
        let precision = if found > limit { "AT_LEAST" } else { "EXACT" };
        Ok(json!({ "count": found.min(limit), "precision": precision }))
    }

    fn orders(&mut self, arguments: &Arguments) -> Result<Page, GraphError> {
        let filter = self.filter("orders", arguments)?;
        let sort = text(arguments, "sortKey").unwrap_or("PROCESSED_AT").to_owned();
        let reverse = arguments.get("reverse") == Some(&Value::Bool(true));
        let after = text(arguments, "after").map(read_cursor).transpose()?;
        let before = text(arguments, "before").map(read_cursor).transpose()?;
        let size =
            |name: &str| arguments.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        // The list reads a search index that trails the orders.
        let indexed_until = self.now.minus(self.kit.hastened(self.kit.tuning.list_lag));
        let from = if sort == "UPDATED_AT" { filter.changed_from() } else { Timestamp::EPOCH };
        let mut rows: Vec<((i64, u64), &Order)> = self
            .world
            .orders
            .changed_since(from)
            .filter(|(at, order)| *at <= indexed_until && self.sees(order) && filter.matches(order))
            .map(|(_, order)| (sort_key(order, &sort), order))
            .collect();
        rows.sort_by_key(|(key, _)| *key);
        if reverse {
            rows.reverse();
        }
        let passed = |key: (i64, u64), mark: (i64, u64)| if reverse { key >= mark } else { key <= mark };
        let start = after.map_or(0, |mark| rows.partition_point(|(key, _)| passed(*key, mark)));
        let end = before
            .map_or(rows.len(), |mark| rows.partition_point(|(key, _)| passed(*key, mark) && *key != mark));
        let (start, end) = match (size("first"), size("last")) {
            (Some(first), _) => (start, end.min(start.saturating_add(first))),
            (_, Some(last)) => (start.max(end.saturating_sub(last)), end),
            _ => (start, end),
        };
        let kept = rows.get(start..end).unwrap_or_default();
        Ok(Page {
            rows: kept.iter().map(|(key, order)| (cursor(*key), show::order(order))).collect(),
            has_next: end < rows.len(),
            has_previous: start > 0,
        })
    }

    fn subscriptions(&mut self, arguments: &Arguments) -> Value {
        let topics = arguments.get("topics").and_then(Value::as_array).cloned();
        let uri = text(arguments, "uri").or_else(|| text(arguments, "callbackUrl"));
        let shown = self
            .hooks
            .all(self.kit)
            .into_iter()
            .filter(|own| topics.as_ref().is_none_or(|topics| topics.iter().any(|topic| *topic == own.topic)))
            .filter(|own| uri.is_none_or(|uri| own.uri == uri))
            .map(|own| hooks::show(&own, &self.options.webhook_version));
        Value::Array(shown.collect())
    }

    fn installation(&self) -> Value {
        let scopes: Vec<Value> = self
            .options
            .scopes
            .iter()
            .map(|scope| json!({ "handle": scope, "description": scope.replace('_', " ") }))
            .collect();
        json!({ "__typename": "AppInstallation", "id": gid("AppInstallation", 4_100_000_001_u64), "accessScopes": scopes })
    }
}

fn shop() -> Value {
    json!({
        "__typename": "Shop",
        "id": gid("Shop", 71_000_000_001_u64),
        "name": "Sandbox shop",
        "myshopifyDomain": SHOP,
        "currencyCode": "USD",
        "ianaTimezone": "America/Mexico_City",
        "timezoneOffset": "-0600",
        "email": "shop@example.com",
        "url": format!("https://{SHOP}"),
        "plan": { "displayName": "Development", "partnerDevelopment": true, "shopifyPlus": false },
    })
}

fn sort_key(order: &Order, sort: &str) -> (i64, u64) {
    let value = match sort {
        "UPDATED_AT" => order.updated_at.as_millis(),
        "CREATED_AT" => order.created_at.as_millis(),
        "ID" => 0,
        "ORDER_NUMBER" => i64::try_from(order.number).unwrap_or(0),
        _ => order.placed_at.as_millis(),
    };
    (value, order.id)
}

fn cursor((value, id): (i64, u64)) -> String {
    STANDARD.encode(format!("{{\"last_id\":{id},\"last_value\":{value}}}"))
}

fn read_cursor(text: &str) -> Result<(i64, u64), GraphError> {
    let read = || {
        let bytes = STANDARD.decode(text).ok()?;
        let cursor: Value = serde_json::from_slice(&bytes).ok()?;
        Some((cursor.get("last_value")?.as_i64()?, cursor.get("last_id")?.as_u64()?))
    };
    read().ok_or_else(|| GraphError::code("Malformed cursor", "BAD_REQUEST"))
}
