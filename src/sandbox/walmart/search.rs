//! The list of orders: its filters, its traps, and its cursor.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::book::Book;
use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::Options;
use super::replies::{self, one_or_many};
use super::show::{self, Extras};
use super::world::{Order, REACH, Warehouse};
use crate::model::Timestamp;

/// Taken when a query names no `createdStartDate`, also for a search by modification.
const USUAL_REACH: Duration = Duration::from_hours(168);
/// How long a cursor is good. Not documented: long enough for one walk, too short for parking.
const CURSOR_LIFE: Duration = Duration::from_mins(3);
/// Most cursors that are remembered.
const CURSORS_MAX: usize = 10_000;
const PAGE_MAX: usize = 200;
const USUAL_PAGE: usize = 100;

const PARAMETERS: [&str; 18] = [
    "sku",
    "customerOrderId",
    "purchaseOrderId",
    "status",
    "createdStartDate",
    "createdEndDate",
    "fromExpectedShipDate",
    "toExpectedShipDate",
    "lastModifiedStartDate",
    "lastModifiedEndDate",
    "limit",
    "productInfo",
    "shipNodeType",
    "shippingProgramType",
    "replacementInfo",
    "orderType",
    "sortBy",
    "sortOrder",
];

/// What a first query asked for.
#[derive(Clone, Debug)]
struct Search {
    created: (Timestamp, Timestamp),
    modified: Option<(Timestamp, Timestamp)>,
    warehouse: Warehouse,
    status: Option<String>,
    number: Option<String>,
    id: Option<String>,
    sku: Option<String>,
    limit: usize,
    extras: Extras,
    /// As they stand in the cursor.
    words: String,
}

/// Cursors given out, as the query that comes back.
#[derive(Default)]
pub(super) struct Cursors(HashMap<String, (Search, usize, Timestamp)>);

/// `GET /v3/orders`
pub(super) fn list(
    orders: &Book<Order>,
    cursors: &mut Cursors,
    options: &Options,
    request: &Request,
    kit: &Kit,
) -> Response {
    let raw = request.raw_query.as_deref().unwrap_or_default();
    let (search, from) = if raw.contains("poIndex=") {
        match cursors.0.get(raw) {
            Some((search, from, at)) if kit.now().since(*at) <= CURSOR_LIFE => (search.clone(), *from),
            Some(_) => return bad_parameter("nextCursor", "The cursor is not valid any more"),
            None => {
                kit.breach(request, "altered_cursor", "a cursor is sent back as it came");
                return bad_parameter("nextCursor", "The cursor is not valid");
            }
        }
    } else {
        match read(request, options, kit) {
            Ok(search) => (search, 0),
            Err(refusal) => return refusal,
        }
    };
    let found = search.find(orders, kit);
    if found.len() > options.most_found {
        let why =
            format!("The search matches more than {} orders, which exceeds the limit", options.most_found);
        return bad_parameter("createdStartDate", &why);
    }
    if found.is_empty() {
        return replies::none_found();
    }
    let page: Vec<Value> =
        found.iter().skip(from).take(search.limit).map(|order| show::order(order, search.extras)).collect();
    let shown = from + page.len();
    let cursor = (shown < found.len()).then(|| cursors.issue(&search, shown, found.len(), kit));
    let bare = page.len() == 1 && found[from].bare;
    Response::json(
        200,
        &json!({"list": {
            "meta": {"totalCount": found.len(), "limit": page.len(), "nextCursor": cursor},
            "elements": {"order": one_or_many(page, bare)},
        }}),
    )
}

impl Cursors {
    fn issue(&mut self, search: &Search, from: usize, total: usize, kit: &Kit) -> String {
        if self.0.len() >= CURSORS_MAX {
            self.0.clear();
        }
        let query = format!(
            "limit={}&hasMoreElements=true&soIndex={total}&poIndex={from}&partnerId=10001234567&sellerId=1234{}",
            search.limit, search.words
        );
        self.0.insert(query.clone(), (search.clone(), from, kit.now()));
        format!("?{query}")
    }
}

impl Search {
    /// Newest first, by the time of placing, as the list is at this moment.
    fn find<'a>(&self, orders: &'a Book<Order>, kit: &Kit) -> Vec<&'a Order> {
        let now = kit.now();
        let indexed = now.minus(kit.tuning.list_lag);
        let since = self.modified.map_or(Timestamp::EPOCH, |(from, _)| from);
        let mut found: Vec<&Order> = orders
            .changed_since(since)
            .filter(|(changed_at, order)| *changed_at <= indexed && self.matches(order, *changed_at, now))
            .map(|(_, order)| order)
            .collect();
        found.sort_by_key(|order| std::cmp::Reverse(order.placed_at));
        found
    }

    fn matches(&self, order: &Order, changed_at: Timestamp, now: Timestamp) -> bool {
        let placed = order.placed_at;
        order.warehouse == self.warehouse
            && now.since(placed) <= REACH
            && (self.created.0..=self.created.1).contains(&placed)
            && self.modified.is_none_or(|(_, to)| changed_at <= to)
            && self.number.as_ref().is_none_or(|number| *number == order.number)
            && self.id.as_ref().is_none_or(|id| *id == order.id)
            && self.sku.as_ref().is_none_or(|sku| order.lines.iter().any(|line| line.sku == *sku))
            && self.status.as_ref().is_none_or(|word| order.has(|stage| stage.word() == word))
    }
}

fn read(request: &Request, options: &Options, kit: &Kit) -> Result<Search, Response> {
    for (name, _) in &request.query {
        if !PARAMETERS.contains(&name.as_str()) {
            kit.breach(request, "unknown_parameter", name);
        }
    }
    if request.param("nextCursor").is_some() {
        kit.breach(request, "cursor_as_parameter", "the cursor is the query itself");
    }
    let now = kit.now();
    let created_from = date(request, "createdStartDate", kit)?;
    let modified_from = date(request, "lastModifiedStartDate", kit)?;
    if created_from.is_none() && modified_from.is_some() {
        kit.breach(request, "no_created_start_date", "orders older than 7 days are left out");
    }
    let created_to = date(request, "createdEndDate", kit)?.unwrap_or(now);
    let modified_to = date(request, "lastModifiedEndDate", kit)?.unwrap_or(now);
    let created_from = created_from.unwrap_or_else(|| now.minus(USUAL_REACH));
    let limit = match request.param("limit").map(str::parse::<usize>) {
        None => USUAL_PAGE,
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => limit,
        Some(_) => {
            kit.breach(request, "limit", "between 1 and 200");
            return Err(bad_parameter("limit", "Limit cannot be larger than 200"));
        }
    };
    let node = request.param("shipNodeType").unwrap_or("SellerFulfilled");
    let Some(warehouse) = Warehouse::named(node) else {
        kit.breach(request, "ship_node_type", node);
        return Err(bad_parameter("shipNodeType", "Invalid shipNodeType"));
    };
    let text = |name: &str| request.param(name).map(str::to_owned);
    let modified = modified_from.map_or_else(String::new, |from| {
        format!("&lastModifiedStartDate={from}&lastModifiedEndDate={}", at_millis(modified_to))
    });
    let created = format!("&createdStartDate={created_from}&createdEndDate={}", at_millis(created_to));
    Ok(Search {
        created: (created_from, created_to),
        modified: modified_from.map(|from| (from, modified_to)),
        warehouse,
        status: text("status"),
        number: text("customerOrderId"),
        id: text("purchaseOrderId"),
        sku: text("sku"),
        limit: limit.min(options.page_max),
        extras: extras(request),
        words: format!("&shipNodeType={node}{created}{modified}"),
    })
}

pub(super) fn extras(request: &Request) -> Extras {
    let flag = |name: &str| request.param(name) == Some("true");
    Extras { product: flag("productInfo"), replacement: flag("replacementInfo") }
}

/// Whole days or whole seconds, in UTC.
fn date(request: &Request, name: &str, kit: &Kit) -> Result<Option<Timestamp>, Response> {
    let Some(text) = request.param(name) else { return Ok(None) };
    let read = match text.len() {
        10 => Timestamp::parse(&format!("{text}T00:00:00Z")),
        20 if text.ends_with('Z') => Timestamp::parse(text),
        _ => None,
    };
    read.map(Some).ok_or_else(|| {
        kit.breach(request, "date_format", format!("{name} is {text}"));
        replies::service(400, "INVALID_REQUEST", name, "Invalid Date format value")
    })
}

/// Cursors carry milliseconds, which first queries must not.
fn at_millis(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn bad_parameter(field: &str, why: &str) -> Response {
    replies::service(400, "INVALID_REQUEST_PARAM", field, why)
}
