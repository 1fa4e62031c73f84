//! Amazon: the Selling Partner API of one seller in North America, polled.
//!
//! Operations: `token`, `consent`, `searchOrders`, `getOrder`, `confirmShipment`, `listTransactions`,
//! `createFeedDocument`, `uploadFeed`, `createFeed`, `getFeed`, `getFeeds`, `getFeedDocument`,
//! `downloadReport`, `getMarketplaceParticipations`.
//!
//! Flavours of orders: `fba`, `non_amazon`, `preorder`, `ship_plus`, `gift`, `transparency`,
//! `brazil`, `canada`, `business`, `replacement`, `unfulfillable`.

mod access;
mod carriers;
mod confirm;
mod errors;
mod feeds;
mod finances;
mod limits;
mod orders;
mod show;
mod truth;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::kit::Kit;
use super::log::locked;
use super::message::{Request, Response};
use super::stand::{Deed, Refused, Stand, Truth, Wish};
use access::{APPLICATION_ID, Access, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN};
use feeds::Feeds;
use limits::Limits;
use show::{DATA_SETS, View};
use world::{FLAVOURS, MARKETS, World};

/// The seller's merchant token.
pub const SELLER_ID: &str = "A1SANDBOXSELLER";

/// How the application is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// It holds the roles for names and addresses.
    pub personal_data: bool,
    /// It holds the role for the ledger.
    pub finances: bool,
    /// Times carry milliseconds.
    pub milliseconds: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { personal_data: true, finances: true, milliseconds: true }
    }
}

/// One seller.
pub struct Amazon {
    kit: Kit,
    options: Options,
    state: Mutex<State>,
}

struct State {
    world: World,
    feeds: Feeds,
    access: Access,
    limits: Limits,
}

impl Amazon {
    pub fn new(kit: Kit, options: Options) -> Self {
        let state = State {
            world: World::new(kit.tuning.drop_oldest),
            feeds: Feeds::default(),
            access: Access::new(),
            limits: Limits::default(),
        };
        Self { kit, options, state: Mutex::new(state) }
    }

    pub fn open(kit: Kit) -> Arc<dyn Stand> {
        Arc::new(Self::new(kit, Options::default()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut guard = locked(&self.state);
        let state = &mut *guard;
        state.feeds.settle(&mut state.world, &self.kit);
        guard
    }

    fn view(&self) -> View {
        View { personal_data: self.options.personal_data, milliseconds: self.options.milliseconds }
    }

    /// Answers a call of the API proper, once it is admitted.
    fn answer(&self, state: &mut State, route: Route<'_>, request: &Request) -> Response {
        let kit = &self.kit;
        match route {
            Route::Search => orders::search(&state.world, self.view(), kit, request),
            Route::Get(id) => orders::get(&state.world, self.view(), kit, request, id),
            Route::Confirm(id) => confirm::confirm(&mut state.world, kit, request, id),
            Route::Transactions if !self.options.finances => errors::unauthorised(""),
            Route::Transactions => finances::list(&state.world, self.view(), kit, request),
            Route::CreateDocument => state.feeds.create_document(kit, request),
            Route::Document(id) => state.feeds.document(kit, request, id),
            Route::CreateFeed => state.feeds.create_feed(kit, request),
            Route::Feeds => state.feeds.list(kit, request),
            Route::Feed(id) => state.feeds.feed(kit, id),
            Route::Participations => participations(),
            Route::Token | Route::Consent | Route::Upload(_) | Route::Download(_) | Route::Unknown => {
                errors::not_found()
            }
        }
    }
}

/// What a path stands for.
#[derive(Clone, Copy)]
enum Route<'a> {
    Token,
    Consent,
    Search,
    Get(&'a str),
    Confirm(&'a str),
    Transactions,
    CreateDocument,
    Document(&'a str),
    CreateFeed,
    Feeds,
    Feed(&'a str),
    Upload(&'a str),
    Download(&'a str),
    Participations,
    Unknown,
}

impl<'a> Route<'a> {
    fn of(method: &str, path: &[&'a str]) -> Self {
        match (method, path) {
            (_, ["auth", "o2", "token"]) => Self::Token,
            ("GET", ["apps", "authorize", "consent"]) => Self::Consent,
            ("GET", ["orders", "2026-01-01", "orders"]) => Self::Search,
            ("GET", ["orders", "2026-01-01", "orders", id]) => Self::Get(id),
            ("POST", ["orders", "v0", "orders", id, "shipmentConfirmation"]) => Self::Confirm(id),
            ("GET", ["finances", "2024-06-19", "transactions"]) => Self::Transactions,
            ("POST", ["feeds", "2021-06-30", "documents"]) => Self::CreateDocument,
            ("GET", ["feeds", "2021-06-30", "documents", id]) => Self::Document(id),
            ("POST", ["feeds", "2021-06-30", "feeds"]) => Self::CreateFeed,
            ("GET", ["feeds", "2021-06-30", "feeds"]) => Self::Feeds,
            ("GET", ["feeds", "2021-06-30", "feeds", id]) => Self::Feed(id),
            ("PUT", ["storage", "upload", id]) => Self::Upload(id),
            ("GET", ["storage", "download", id]) => Self::Download(id),
            ("GET", ["sellers", "v1", "marketplaceParticipations"]) => Self::Participations,
            _ => Self::Unknown,
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Consent => "consent",
            Self::Search => "searchOrders",
            Self::Get(_) => "getOrder",
            Self::Confirm(_) => "confirmShipment",
            Self::Transactions => "listTransactions",
            Self::CreateDocument => "createFeedDocument",
            Self::Document(_) => "getFeedDocument",
            Self::CreateFeed => "createFeed",
            Self::Feeds => "getFeeds",
            Self::Feed(_) => "getFeed",
            Self::Upload(_) => "uploadFeed",
            Self::Download(_) => "downloadReport",
            Self::Participations => "getMarketplaceParticipations",
            Self::Unknown => "unknown",
        }
    }
}

fn participations() -> Response {
    let shown: Vec<Value> = MARKETS
        .iter()
        .map(|market| {
            json!({
                "marketplace": {
                    "id": market.id, "name": market.name, "countryCode": market.country,
                    "defaultCurrencyCode": market.currency, "defaultLanguageCode": "en_US",
                    "domainName": format!("www.{}", market.name.to_ascii_lowercase()),
                },
                "participation": { "isParticipating": true, "hasSuspendedListings": false },
                "storeName": "Sandbox store",
            })
        })
        .collect();
    Response::json(200, &json!({ "payload": shown }))
}

impl Stand for Amazon {
    fn kind(&self) -> &'static str {
        "amazon"
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn operation(&self, request: &Request) -> String {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        Route::of(&request.method, &path).operation().to_owned()
    }

    fn handle(&self, request: &Request) -> Response {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let route = Route::of(&request.method, &path);
        let kit = &self.kit;
        let mut state = self.state();
        match route {
            Route::Token => return state.access.token(request, kit),
            Route::Consent => return state.access.consent(request, kit),
            Route::Upload(id) => return state.feeds.upload(kit, request, id),
            Route::Download(id) => return state.feeds.download(kit, request, id),
            Route::Unknown => {
                kit.breach(request, "unknown_path", "no operation of the API has this method and path");
                return errors::refuse(403, "MissingAuthenticationToken", "Missing Authentication Token", "");
            }
            _ => {}
        }
        let operation = route.operation();
        let admitted =
            state.access.admit(request, kit).and_then(|()| state.limits.take(operation, request, kit));
        let response = match admitted {
            Ok(()) => self.answer(&mut state, route, request),
            Err(refusal) => refusal,
        };
        let response = response.with_header("x-amzn-requestid", kit.random.uuid_v4().to_string());
        if matches!(response.status, 200..=299 | 400 | 404) {
            let rate = state.limits.rate(operation, kit);
            return response.with_header("x-amzn-ratelimit-limit", rate);
        }
        response
    }

    fn refusal(&self, status: u16, request: &Request) -> Response {
        if self.operation(request) == "token" {
            let error = if status >= 500 { "server_error" } else { "invalid_client" };
            return Response::json(
                status,
                &json!({ "error": error, "error_description": "Refused by the sandbox" }),
            );
        }
        errors::of_status(status)
    }

    fn throttled(&self, seconds: u64, request: &Request) -> Response {
        let operation = self.operation(request);
        self.state().limits.drain(&operation, seconds, &self.kit);
        errors::quota()
    }

    fn revoke_access(&self) {
        self.state().access.revoke();
    }

    fn expire_access(&self) {
        self.state().access.expire(self.kit.now());
    }

    fn restore_access(&self) {
        self.state().access.restore();
    }

    fn config(&self, channel: &str, base_url: &str) -> String {
        let markets: Vec<String> = MARKETS.iter().map(|market| format!("\"{}\"", market.id)).collect();
        format!(
            "[channels.{channel}]\nkind = \"amazon\"\nbase_url = \"{base_url}\"\nregion = \"na\"\nmarketplace_ids = [{}]\nseller_id = \"{SELLER_ID}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\nrefresh_token = \"{REFRESH_TOKEN}\"\napplication_id = \"{APPLICATION_ID}\"\n",
            markets.join(", ")
        )
    }

    fn flavours(&self) -> &'static [&'static str] {
        &FLAVOURS
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        self.state().world.place(wish, &self.kit.random, self.kit.now())
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        self.state().world.happen(order, deed, &self.kit.random, self.kit.now())
    }

    fn tick(&self) {
        drop(self.state());
    }

    fn orders(&self) -> usize {
        self.state().world.orders.len()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        self.state().world.order(order).and_then(truth::of)
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        self.state().world.orders.after(after).filter_map(truth::of).take(limit).collect()
    }

    fn native(&self, order: &str) -> Option<Value> {
        let data: Vec<String> = DATA_SETS.iter().map(|&name| name.to_owned()).collect();
        let view = View { personal_data: true, ..self.view() };
        self.state().world.order(order).map(|order| view.order(order, &data))
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.state().world.orders.nth_newest(nth).map(|order| order.id.clone())
    }
}

#[cfg(test)]
mod tests;
