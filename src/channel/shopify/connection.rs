//! The connection itself: what this app may do, and whether Shopify sends its webhooks to us.

use serde::Deserialize;
use serde_json::json;

use super::api::{Api, Reply, SKEW_MAX};
use super::auth;
use super::config::Account;
use super::errors::{self, UserError};
use super::graph::PageInfo;
use super::query;
use crate::channel::{Call, Finding, Subscriptions};
use crate::model::Failure;

/// What is subscribed to. Deliveries for privacy requests cannot be asked for here: they are part
/// of the app's own configuration.
const TOPICS: &[&str] = &[
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_PAID",
    "ORDERS_FULFILLED",
    "ORDERS_PARTIALLY_FULFILLED",
    "ORDERS_DELETE",
    "FULFILLMENTS_CREATE",
    "FULFILLMENTS_UPDATE",
    "FULFILLMENT_EVENTS_CREATE",
    "REFUNDS_CREATE",
    "APP_UNINSTALLED",
    "APP_SCOPES_UPDATE",
];
/// Pages of 250 subscriptions that are looked at.
const PAGES_MAX: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    shop: Option<Shop>,
    current_app_installation: Option<Installation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shop {
    myshopify_domain: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

pub(super) async fn probe(api: &Api, call: Call<'_>, account: &Account) -> Result<Vec<Finding>, Failure> {
    let reply: Reply<Probed> = api.ask(call, &query::PROBE, query::PROBE.points, json!({})).await?;
    let mut findings = Vec::new();
    if let Some(shop) = &reply.data.shop {
        findings.push(right_shop(&shop.myshopify_domain, &account.shop));
    }
    let scopes: Vec<String> = match reply.data.current_app_installation {
        Some(installation) => installation.access_scopes.into_iter().map(|scope| scope.handle).collect(),
        None => call.tokens.scopes.clone(),
    };
    findings.extend(rights(&scopes));
    findings.extend(reply.version.map(|used| right_version(&used, api.version())));
    findings.push(clock(api));
    findings.push(if account.webhook_secrets.is_empty() {
        Finding::bad(
            "No webhooks: there is no secret to verify them with, so changes are found by polling only",
            "Write the app's client_secret, or webhook_secrets, into the channel's table of the config",
        )
    } else {
        Finding::good("Webhooks can be verified")
    });
    Ok(findings)
}

fn right_shop(told: &str, configured: &str) -> Finding {
    if told.eq_ignore_ascii_case(configured) {
        Finding::good(format!("Shop {configured} answers"))
    } else {
        Finding::bad(
            format!("The token belongs to the shop {told}, not to {configured}"),
            format!("Write shop = \"{told}\", or use the credentials of an app of {configured}"),
        )
    }
}

fn rights(scopes: &[String]) -> Vec<Finding> {
    if scopes.is_empty() {
        return Vec::new();
    }
    let has = |right: &str| auth::allows(scopes, right) == Some(true);
    let ships = ["merchant_managed", "third_party", "assigned"];
    let needed = [
        ("read_orders", has("read_orders"), "to read orders"),
        ("write_orders", has("write_orders"), "to cancel orders"),
        ("read_customers", has("read_customers"), "to see who ordered"),
        (
            "write_merchant_managed_fulfillment_orders",
            ships.iter().any(|kind| has(&format!("write_{kind}_fulfillment_orders"))),
            "to mark orders as shipped",
        ),
    ];
    let mut findings: Vec<_> = needed
        .iter()
        .filter(|(_, granted, _)| !granted)
        .map(|(right, _, use_of_it)| {
            Finding::bad(
                format!("The app lacks the scope {right}, needed {use_of_it}"),
                format!("Add {right} to a new version of the app in the Dev Dashboard, release it, and accept it in the shop"),
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::good("The app has every scope that it needs"));
    }
    findings.push(Finding::good(if has("read_all_orders") {
        "Orders of any age are visible"
    } else {
        "Orders of the last 60 days are visible; ask Shopify for the scope read_all_orders to see older ones"
    }));
    findings
}

fn right_version(used: &str, asked: &str) -> Finding {
    if used == asked {
        Finding::good(format!("API version {used}"))
    } else {
        Finding::bad(
            format!("Shopify answers with API version {used} instead of {asked}"),
            format!("Write api_version = \"{used}\" or a newer one"),
        )
    }
}

fn clock(api: &Api) -> Finding {
    let skew = api.skew();
    if skew > SKEW_MAX {
        Finding::bad(
            format!("This machine's clock is {} seconds away from Shopify's", skew.as_secs()),
            "Turn on time synchronisation (timedatectl set-ntp true)",
        )
    } else {
        Finding::good("The clock agrees with Shopify's")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    webhook_subscriptions: SubscriptionPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionPage {
    nodes: Vec<Subscription>,
    page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
struct Subscription {
    topic: String,
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    webhook_subscription_create: Option<CreatedPayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedPayload {
    user_errors: Vec<UserError>,
}

/// Creates the subscriptions that are missing. When Shopify refuses some, the others are made
/// nevertheless, and the first refusal is the answer.
pub(super) async fn subscribe(api: &Api, call: Call<'_>, address: &str) -> Result<Subscriptions, Failure> {
    let address = address.trim_end_matches('/');
    let present = present(api, call, address).await?;
    let mut done = Subscriptions { present, created: Vec::new() };
    let mut refusal = None;
    for topic in TOPICS {
        if done.present.iter().any(|present| present == topic) {
            continue;
        }
        match create(api, call, topic, address).await {
            Ok(()) => done.created.push((*topic).to_owned()),
            Err(failure) if failure.kind.is_temporary() => return Err(failure),
            Err(failure) => refusal = refusal.or(Some((*topic, failure))),
        }
    }
    match refusal {
        None => Ok(done),
        Some((topic, mut failure)) => {
            failure.message = format!("the webhook subscription {topic} cannot be made. {}", failure.message);
            Err(failure.local())
        }
    }
}

async fn present(api: &Api, call: Call<'_>, address: &str) -> Result<Vec<String>, Failure> {
    let mut topics = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let variables = json!({ "after": after });
        let reply: Reply<Subscribed> =
            api.ask(call, &query::SUBSCRIPTIONS, query::SUBSCRIPTIONS.points, variables).await?;
        let page = reply.whole()?.webhook_subscriptions;
        let ours = |subscription: &Subscription| {
            subscription.uri.as_deref().is_some_and(|uri| points_at(uri, address))
        };
        topics.extend(page.nodes.into_iter().filter(ours).map(|subscription| subscription.topic));
        after = page.page_info.filter(|info| info.has_next_page).and_then(|info| info.end_cursor);
        if after.is_none() {
            break;
        }
    }
    topics.sort();
    topics.dedup();
    Ok(topics)
}

/// The channel's address, or the same with a topic behind it.
fn points_at(uri: &str, address: &str) -> bool {
    uri.strip_prefix(address).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn create(api: &Api, call: Call<'_>, topic: &str, address: &str) -> Result<(), Failure> {
    let variables = json!({ "topic": topic, "uri": address });
    let reply: Reply<Created> = api.ask(call, &query::SUBSCRIBE, query::SUBSCRIBE.points, variables).await?;
    let payload = reply.whole()?.webhook_subscription_create;
    let errors = payload
        .ok_or_else(|| Failure::unavailable("Shopify did not say whether the subscription was made"))?
        .user_errors;
    // Somebody else made it in between.
    if errors.iter().any(|error| error.message.to_ascii_lowercase().contains("already")) {
        return Ok(());
    }
    errors::refused(&errors).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::shopify::samples;

    fn bad(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|finding| !finding.ok).map(|finding| finding.what.as_str()).collect()
    }

    #[test]
    fn a_missing_scope_is_told_with_its_cure() {
        let scopes = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
        let all = "write_orders,read_customers,write_merchant_managed_fulfillment_orders";
        assert!(bad(&rights(&scopes(all))).is_empty());
        let poor = rights(&scopes("read_orders"));
        assert_eq!(bad(&poor).len(), 3);
        assert!(poor.iter().filter(|finding| !finding.ok).all(|finding| finding.cure.is_some()));
        assert!(rights(&[]).is_empty());
    }

    #[test]
    fn the_recorded_scopes_are_enough() {
        let Some(sample) = samples::json("graphql_webhook_subscriptions.json") else { return };
        let data = &sample["schemaAndAccess"]["response"]["payload"]["data"];
        let probed: Probed = serde_json::from_str(&data.to_string()).expect("an installation");
        let scopes: Vec<_> = probed.current_app_installation.expect("installed").access_scopes;
        let scopes: Vec<_> = scopes.into_iter().map(|scope| scope.handle).collect();
        assert!(bad(&rights(&scopes)).is_empty(), "{:?}", bad(&rights(&scopes)));
    }

    #[test]
    fn only_subscriptions_to_this_channel_s_address_count() {
        let address = "https://orders.example.com/webhooks/tienda";
        assert!(points_at(address, address));
        assert!(points_at("https://orders.example.com/webhooks/tienda/orders-updated", address));
        assert!(!points_at("https://orders.example.com/webhooks/tienda2", address));
        assert!(!points_at("https://other.example.com/webhooks/tienda", address));
    }

    #[test]
    fn every_topic_exists_in_the_schema() {
        let Some(schema) = samples::text("spec/admin-graphql-2026-07.orders.graphql") else { return };
        for topic in TOPICS {
            assert!(schema.contains(&format!("\n  {topic}\n")), "{topic}");
        }
    }
}
