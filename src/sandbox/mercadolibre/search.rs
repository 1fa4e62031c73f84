//! `GET /orders/search`, with the traps of the real one.

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::show::search_result;
use super::world::{Sale, World};
use super::{Site, USER_ID, problem};
use crate::model::Timestamp;

const FILTERS: [&str; 13] = [
    "seller",
    "order.status",
    "order.date_last_updated.from",
    "order.date_last_updated.to",
    "order.date_created.from",
    "order.date_created.to",
    "order.date_closed.from",
    "order.date_closed.to",
    "tags",
    "q",
    "sort",
    "offset",
    "limit",
];
const LIMIT: usize = 50;
/// Offsets end here.
const DEEPEST: usize = 10_000;

struct Filter<'a> {
    updated: Span,
    created: Span,
    closed: Span,
    /// `None`: everything but the cancelled.
    statuses: Option<Vec<&'a str>>,
    tags: Vec<&'a str>,
    q: Option<&'a str>,
}

/// Full hours from..to.
#[derive(Clone, Copy, Default)]
struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Span {
    fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    fn is_open(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

pub(super) fn search(world: &World, request: &Request, site: &Site, kit: &Kit) -> Response {
    for (name, _) in &request.query {
        if !FILTERS.contains(&name.as_str()) {
            kit.breach(request, "unknown_filter", format!("{name} is silently ignored"));
        }
    }
    match request.param("seller") {
        None => return problem(400, "bad_request", "seller is missing"),
        Some(seller) if seller != USER_ID.to_string() => {
            return problem(403, "caller.id.invalid", "The caller is not the seller");
        }
        Some(_) => {}
    }
    match read(request, kit).and_then(|filter| page(request, kit).map(|page| (filter, page))) {
        Ok((filter, (offset, limit))) => answer(world, request, &filter, site, kit, offset, limit),
        Err(refusal) => refusal,
    }
}

fn read<'a>(request: &'a Request, kit: &Kit) -> Result<Filter<'a>, Response> {
    let list =
        |name: &str| request.param(name).map(|words| words.split(',').map(str::trim).collect::<Vec<_>>());
    Ok(Filter {
        updated: span(request, "order.date_last_updated", kit)?,
        created: span(request, "order.date_created", kit)?,
        closed: span(request, "order.date_closed", kit)?,
        statuses: list("order.status"),
        tags: list("tags").unwrap_or_default(),
        q: request.param("q"),
    })
}

/// Minutes are dropped, without a word.
fn span(request: &Request, name: &str, kit: &Kit) -> Result<Span, Response> {
    let hour = |end: &str| -> Result<Option<Timestamp>, Response> {
        let Some(text) = request.param(&format!("{name}.{end}")) else { return Ok(None) };
        let at = Timestamp::parse(text)
            .ok_or_else(|| problem(400, "bad_request", &format!("{name}.{end} is not a date")))?;
        let floor = Timestamp::from_secs(at.as_secs().div_euclid(3_600) * 3_600);
        if end == "to" && floor != at {
            kit.breach(request, "minutes_in_to", format!("{name}.to loses the orders after the full hour"));
        }
        Ok(Some(floor))
    };
    Ok(Span { from: hour("from")?, to: hour("to")? })
}

fn page(request: &Request, kit: &Kit) -> Result<(usize, usize), Response> {
    let number = |name: &str, usual: usize| -> Result<usize, Response> {
        let parsed = request.param(name).map_or(Ok(usual), str::parse);
        parsed.map_err(|_| problem(400, "bad_request", &format!("{name} is not a number")))
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", LIMIT)?);
    if limit > LIMIT {
        kit.breach(request, "limit_too_large", "at most 50 at a time");
        return Err(problem(400, "bad_request", "limit must be 50 or less"));
    }
    if offset + limit > DEEPEST {
        kit.breach(request, "offset_too_deep", "offset and limit end at 10000");
        return Err(problem(400, "bad_request", "offset must be less than 10000"));
    }
    Ok((offset, limit))
}

fn answer(
    world: &World,
    request: &Request,
    filter: &Filter<'_>,
    site: &Site,
    kit: &Kit,
    offset: usize,
    limit: usize,
) -> Response {
    let indexed = kit.now().minus(kit.tuning.list_lag);
    let nothing_asked = filter.updated.is_open()
        && filter.created.is_open()
        && filter.closed.is_open()
        && filter.statuses.is_none()
        && filter.q.is_none();
    let mut found: Vec<(Timestamp, &Sale)> = if nothing_asked {
        Vec::new()
    } else {
        let from = filter.updated.from.unwrap_or(Timestamp::EPOCH);
        world
            .sales
            .changed_since(from)
            .filter(|(at, sale)| *at <= indexed && holds(filter, *at, sale))
            .collect()
    };
    // By the time of closing, not by the change.
    found.sort_by_key(|(_, sale)| (sale.closed_at.unwrap_or(sale.placed_at), sale.id));
    if request.param("sort") == Some("date_desc") {
        found.reverse();
    }
    let results: Vec<_> =
        found.iter().skip(offset).take(limit).map(|(at, sale)| search_result(sale, *at, site)).collect();
    let body = json!({
        "query": filter.q.unwrap_or_default(),
        "results": results,
        "sort": {"id": "date_asc", "name": "Date ascending"},
        "available_sorts": [{"id": "date_desc", "name": "Date descending"}],
        "filters": [],
        "paging": {"total": found.len(), "offset": offset, "limit": limit},
        "display": "complete",
    });
    Response::json(200, &body)
}

fn holds(filter: &Filter<'_>, indexed_at: Timestamp, sale: &Sale) -> bool {
    let status = super::show::status(sale);
    let named = match &filter.statuses {
        Some(statuses) => statuses.contains(&status),
        None => status != "cancelled",
    };
    named
        && filter.updated.holds(indexed_at)
        && filter.created.holds(sale.placed_at)
        && (filter.closed.is_open() || sale.closed_at.is_some_and(|at| filter.closed.holds(at)))
        && filter.tags.iter().all(|tag| sale.tags.iter().any(|own| own == tag))
        && filter
            .q
            .is_none_or(|q| sale.id.to_string() == q || sale.pack.is_some_and(|pack| pack.to_string() == q))
}

/// A page of the missed notifications: ten unless asked for more.
pub(super) fn missed_page(messages: &[Value], request: &Request) -> Response {
    let number = |name: &str, usual: usize| request.param(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (offset, limit) = (number("offset", 0), number("limit", 10));
    if limit > LIMIT {
        return problem(400, "bad_request", "limit must be 50 or less");
    }
    let page: Vec<_> = messages.iter().skip(offset).take(limit).collect();
    Response::json(200, &json!({ "messages": page }))
}
