//! Amazon, through the Selling Partner API.
//!
//! Orders are read with the Orders API 2026-01-01, whose list gives whole orders; refunds with the
//! Finances API, since the order shows none. Shipments are confirmed with the last operation of
//! the Orders API v0 that stays, and orders are cancelled by a feed, which takes minutes.
//!
//! Amazon tells nothing by itself, so this connection is polled.

mod actions;
mod api;
mod auth;
mod cancel;
mod carriers;
mod document;
mod errors;
mod facts;
mod feed;
mod finances;
mod inbound;
mod map;
mod outbound;
mod probe;
mod region;
#[cfg(test)]
mod samples;
mod walk;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{
    Answer, Call, Channel, Env, Fetched, Finding, Key, KeyFault, Kind, ListRequest, Method, Page, Performed,
    Refused, Retention, Settings, Shape, Stream, Verdict,
};
use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Memo, Order, RateLimit, Secret, Timestamp, Tokens,
};
use crate::net::Wire;

use api::Api;
use auth::Credentials;
use inbound::{STREAMS, ToldRefunds};
use outbound::Confirmed;
use region::{REGION_NAMES, Region, TOKEN_HOST};

/// Every part of an order that is used. Without FULFILLMENT there is not even a status.
const INCLUDED_DATA: &str = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT";

const DAY: Duration = Duration::from_secs(86_400);

pub const KIND: Kind = Kind {
    name: "amazon",
    title: "Amazon",
    keys: &[
        Key {
            name: "region",
            shape: Shape::Choice(REGION_NAMES),
            required: true,
            default: None,
            help: "na: US, CA, MX, BR · eu: Europe, the Middle East, India, ZA · fe: JP, AU, SG",
        },
        Key {
            name: "marketplace_ids",
            shape: Shape::TextList,
            required: true,
            default: None,
            help: "marketplaces of the region, such as [\"ATVPDKIKX0DER\"] for the US",
        },
        Key {
            name: "seller_id",
            shape: Shape::Text,
            required: true,
            default: None,
            help: "the merchant token, in Seller Central under Account Info",
        },
        Key {
            name: "client_id",
            shape: Shape::Text,
            required: true,
            default: None,
            help: "of the application, amzn1.application-oa2-client…",
        },
        Key {
            name: "client_secret",
            shape: Shape::Secret,
            required: true,
            default: None,
            help: "of the application; Amazon wants a new one every 180 days",
        },
        Key {
            name: "refresh_token",
            shape: Shape::Secret,
            required: true,
            default: None,
            help: "shown once by \"Authorize app\" in Seller Central, Atzr|…",
        },
    ],
    method: Method::Polling,
    schedule: "*/15 * * * *",
    // Amazon's data protection policy: 30 days after delivery. Orders that Amazon sends itself are
    // never reported delivered.
    retention: Some(Retention {
        after_delivery: DAY.saturating_mul(30),
        after_last_change: DAY.saturating_mul(90),
    }),
    build,
};

/// One seller account in one region.
struct Amazon {
    region: Region,
    marketplaces: Vec<String>,
    seller_id: String,
    credentials: Credentials,
    api: Api,
    told: ToldRefunds,
    /// The last order that is to be sent came without an address.
    addresses_missing: AtomicBool,
    confirmed: Confirmed,
    /// Feeds that this process knows, to recognise one whose answer was lost.
    feeds: Mutex<BTreeSet<String>>,
}

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    let (region, marketplaces, credentials) = check(settings)?;
    let wire = Wire::new(
        env.http.clone(),
        env.clock.clone(),
        env.random.clone(),
        settings.id.clone(),
        settings.request_timeout,
        &api::limits(),
    );
    Ok(Arc::new(Amazon {
        api: Api::new(wire, settings.origin(region.host), env.clock.clone(), env.random.clone()),
        region,
        marketplaces,
        seller_id: settings.text("seller_id").to_owned(),
        credentials,
        told: ToldRefunds::default(),
        addresses_missing: AtomicBool::new(false),
        confirmed: Confirmed::default(),
        feeds: Mutex::default(),
    }))
}

/// Reads the settings; every fault at once.
fn check(settings: &Settings) -> Result<(Region, Vec<String>, Credentials), Vec<KeyFault>> {
    let mut faults = Vec::new();
    let marketplaces = settings.list("marketplace_ids").to_vec();
    let region = Region::named(settings.text("region"));
    match region {
        Some(region) => faults.extend(marketplaces.iter().filter_map(|id| region.fault(id))),
        None => faults.push(KeyFault {
            key: "region",
            what: "Amazon has no such region".to_owned(),
            cure: format!("write one of: {}", REGION_NAMES.join(", ")),
        }),
    }
    if marketplaces.is_empty() {
        faults.push(KeyFault {
            key: "marketplace_ids",
            what: "no marketplace is named".to_owned(),
            cure: region.map_or_else(
                || "name at least one".to_owned(),
                |region| format!("name at least one of: {}", region.choices()),
            ),
        });
    }
    for key in ["seller_id", "client_id"] {
        let text = settings.text(key);
        if text.is_empty() || text.contains(char::is_whitespace) {
            faults.push(KeyFault {
                key,
                what: "is empty or has a space in it".to_owned(),
                cure: "copy it from Seller Central as it stands there".to_owned(),
            });
        }
    }
    let secret = |key: &str| settings.secret(key).filter(|secret| !secret.is_empty()).cloned();
    for key in ["client_secret", "refresh_token"] {
        if secret(key).is_none() {
            faults.push(KeyFault {
                key,
                what: "is empty".to_owned(),
                cure: "copy it from Seller Central, best as { env = \"NAME\" } or { credential = \"NAME\" }"
                    .to_owned(),
            });
        }
    }
    match (region, faults.is_empty()) {
        (Some(region), true) => {
            let credentials = Credentials {
                origin: settings.origin(TOKEN_HOST),
                client_id: settings.text("client_id").to_owned(),
                client_secret: secret("client_secret").unwrap_or_else(|| Secret::new("")),
                refresh_token: secret("refresh_token").unwrap_or_else(|| Secret::new("")),
            };
            Ok((region, marketplaces, credentials))
        }
        _ => Err(faults),
    }
}

impl Channel for Amazon {
    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(self.list_page(call, request))
    }

    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            let mut fetched = Vec::with_capacity(orders.len());
            for order in orders {
                fetched.push(self.read_order(call, order).await?);
            }
            Ok(fetched)
        })
    }

    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        let generation = held.map_or(0, |tokens| tokens.generation);
        Box::pin(self.credentials.renew(&self.api.wire, &self.api.clock, generation))
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(self.look(call))
    }

    fn rate_limit(&self) -> RateLimit {
        self.api.rate_limit()
    }

    fn capabilities(&self, order: &Order, _now: Timestamp) -> Capabilities {
        actions::capabilities(order)
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
        self.prepared(order, request, now)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(self.send_action(call, order, action))
    }

    fn follow<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(self.follow_action(call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        actions::judge(order, action)
    }
}
