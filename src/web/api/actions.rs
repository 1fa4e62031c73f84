//! The three outbound actions. Refused with the reason before anything is queued, else durable.

use std::sync::Arc;

use serde::Serialize;

use super::error::ErrorJson;
use super::order::capabilities;
use super::{Answer, Call, no_order, surprised};
use crate::actors::Connection;
use crate::channel::Refused;
use crate::model::{
    Action, ActionId, ActionRequest, ActionState, CancelReason, Item, Order, OrderKey, ShipLine,
};
use crate::store::{Asked, Command, CommandAnswer};
use crate::web::fields::Fields;
use crate::web::problem::{Code, Problem};
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// Longest names of carriers and tracking numbers, in characters.
const NAME_MAX: usize = 100;
const LINES_MAX: usize = 500;

const UNDER_WAY: &str =
    "Another shipment of these units is under way. Wait for its outcome, then ship what is left.";

#[derive(Serialize)]
struct ActionJson<'a> {
    id: ActionId,
    order_id: &'a OrderKey,
    kind: &'static str,
    state: ActionState,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
}

impl<'a> From<&'a Action> for ActionJson<'a> {
    fn from(action: &'a Action) -> Self {
        Self {
            id: action.id,
            order_id: &action.order,
            kind: action.request.kind(),
            state: action.state,
            attempts: action.attempts,
            error: action.error.as_ref().map(ErrorJson::from),
        }
    }
}

/// `GET /api/v1/actions/{id}`
pub async fn one(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let missing = || Problem::not_found("There is no such action here.");
    let id: ActionId = call.id.parse().map_err(|_| missing())?;
    let action = api.read(move |store| store.action(id)).await?.ok_or_else(missing)?;
    Ok(reply::ok(&ActionJson::from(&action)))
}

/// `POST /api/v1/orders/{id}/ship`
pub async fn ship(api: &Arc<Api>, call: &Call) -> Answer {
    act(api, call, Wish::ship(&call.body)).await
}

/// `POST /api/v1/orders/{id}/tracking`
pub async fn tracking(api: &Arc<Api>, call: &Call) -> Answer {
    act(api, call, Wish::tracking(&call.body)).await
}

/// `POST /api/v1/orders/{id}/cancel`
pub async fn cancel(api: &Arc<Api>, call: &Call) -> Answer {
    act(api, call, Wish::cancel(&call.body)).await
}

async fn act(api: &Arc<Api>, call: &Call, wish: Result<Wish, Problem>) -> Answer {
    Query::parse(&call.query, &[])?;
    let id = request(api, call.order()?, wish?, call.asked()).await?;
    show(api, id).await
}

/// A wish is held against its order, made durable, and its channel nudged.
pub async fn request(api: &Api, key: OrderKey, wish: Wish, asked: Asked) -> Result<ActionId, Problem> {
    // A repeat is answered first: the order has moved on and would be refused now.
    if let Some(id) = earlier(api, &asked).await? {
        return Ok(id);
    }
    let found = api
        .read({
            let key = key.clone();
            move |store| Ok(store.order(&key)?.map(|found| (found, store.actions_of(&key))))
        })
        .await?;
    let ((order, _), actions) = found.ok_or_else(|| no_order(&key.to_string()))?;
    let connection = able(api, &order)?;
    let request = wish.against(&order, &under_way(&actions?), api, &connection)?;
    let memo = match connection.channel.prepare(&order, &request, api.now()) {
        Ok(memo) => memo,
        // The code goes by what the order says of itself, whether or not the reason may pass.
        Err(Refused::Conflict { why }) if !is_supported(&order, &request, &connection, api) => {
            return Err(Problem::new(Code::Unsupported, why));
        }
        Err(refused) => return Err(refused.into()),
    };
    match api.store.command(Command::Act { order: key, request, memo }, asked, api.now()).await? {
        CommandAnswer::Action(id) => {
            api.handle.nudge(&connection.id);
            api.live.follow_action(id);
            Ok(id)
        }
        other => Err(surprised(&other)),
    }
}

fn is_supported(order: &Order, request: &ActionRequest, connection: &Connection, api: &Api) -> bool {
    let can = capabilities(order, Some(connection), api.now());
    match request {
        ActionRequest::Ship { .. } => can.ship.supported,
        ActionRequest::Tracking { .. } => can.tracking.supported,
        ActionRequest::Cancel { .. } => can.cancel.supported,
        ActionRequest::Acknowledge => true,
    }
}

/// What this very request was answered before.
async fn earlier(api: &Api, asked: &Asked) -> Result<Option<ActionId>, Problem> {
    let Some(key) = asked.key.clone() else { return Ok(None) };
    let answered = api.read(move |store| Ok(store.answered(&key))).await??;
    match answered {
        None => Ok(None),
        Some(CommandAnswer::Action(id)) => Ok(Some(id)),
        Some(other) => Err(surprised(&other)),
    }
}

/// As it was taken on, also when it has got further since: a repeat gets the first answer.
async fn show(api: &Api, id: ActionId) -> Answer {
    let action = api.read(move |store| store.action(id)).await?.ok_or_else(Problem::internal)?;
    let fresh =
        ActionJson { state: ActionState::Queued, attempts: 0, error: None, ..ActionJson::from(&action) };
    Ok(reply::accepted(&fresh))
}

/// The order's channel, if it can be called at all.
fn able(api: &Api, order: &Order) -> Result<Arc<Connection>, Problem> {
    let connection = api.handle.channel(&order.key.channel).filter(|connection| connection.enabled);
    connection.ok_or_else(|| {
        let detail = "The order's channel is turned off or no longer in config.toml. Turn it on there, or \
                      do this in the marketplace.";
        Problem::new(Code::Unsupported, detail)
    })
}

/// What a caller asks for, not yet held against the order.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    Ship {
        carrier: String,
        tracking_number: Option<String>,
        tracking_url: Option<String>,
        /// `None`: every unit that is left.
        items: Option<Vec<ShipLine>>,
    },
    /// Nothing of it depends on what is left to ship.
    Ready(ActionRequest),
}

impl Wish {
    fn ship(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body, &["carrier", "tracking_number", "tracking_url", "items"])?;
        let carrier = carrier(&fields)?;
        let tracking_number = fields.text_at_most("tracking_number", NAME_MAX)?;
        let tracking_url = fields.link("tracking_url")?;
        let lines = fields.objects("items", LINES_MAX, &["line_id", "quantity"])?;
        let line = |line: &Fields| {
            Ok(ShipLine { line_id: line.required_text("line_id")?, quantity: line.count("quantity")? })
        };
        let items = lines.map(|lines| lines.iter().map(line).collect::<Result<_, Problem>>()).transpose()?;
        Ok(Self::Ship { carrier, tracking_number, tracking_url, items })
    }

    fn tracking(body: &[u8]) -> Result<Self, Problem> {
        let known = ["carrier", "tracking_number", "tracking_url", "shipment_id"];
        let fields = Fields::parse(body, &known)?;
        let carrier = carrier(&fields)?;
        let missing =
            || Problem::field("tracking_number", "tracking_number is missing. Fill in the parcel's number.");
        Ok(Self::Ready(ActionRequest::Tracking {
            carrier,
            tracking_number: fields.text_at_most("tracking_number", NAME_MAX)?.ok_or_else(missing)?,
            tracking_url: fields.link("tracking_url")?,
            shipment_id: fields.text("shipment_id")?,
        }))
    }

    fn cancel(body: &[u8]) -> Result<Self, Problem> {
        let fields = Fields::parse(body, &["reason", "note"])?;
        Ok(Self::Ready(ActionRequest::Cancel {
            reason: fields.word("reason", CancelReason::ALL, CancelReason::parse)?,
            note: fields.text("note")?,
        }))
    }

    /// Held against the order: the lines exist, and have as many units left.
    fn against(
        self,
        order: &Order,
        under_way: &[ShipLine],
        api: &Api,
        connection: &Connection,
    ) -> Result<ActionRequest, Problem> {
        let (carrier, tracking_number, tracking_url, items) = match self {
            Self::Ready(request) => return Ok(request),
            Self::Ship { carrier, tracking_number, tracking_url, items } => {
                (carrier, tracking_number, tracking_url, items)
            }
        };
        let items = match items {
            Some(chosen) => {
                check(&chosen, &order.items, under_way)?;
                chosen
            }
            None => all_left(&order.items, under_way),
        };
        if items.is_empty() {
            let ability = capabilities(order, Some(connection), api.now()).ship;
            return Err(match ability.why {
                Some(why) => Problem::new(Code::Unsupported, why),
                None if !under_way.is_empty() => Problem::conflict(UNDER_WAY),
                None => Problem::conflict("Every unit of this order is shipped or cancelled already."),
            });
        }
        Ok(ActionRequest::Ship { carrier, tracking_number, tracking_url, items })
    }
}

fn carrier(fields: &Fields) -> Result<String, Problem> {
    let missing = || Problem::field("carrier", "carrier is missing. Fill in who takes the parcel.");
    fields.text_at_most("carrier", NAME_MAX)?.ok_or_else(missing)
}

/// Units that are neither shipped nor cancelled.
pub fn left(item: &Item) -> u32 {
    let gone = item.quantity_shipped.unwrap_or(0).saturating_add(item.quantity_cancelled.unwrap_or(0));
    item.quantity.saturating_sub(gone)
}

/// Units that shipments which have not ended yet are about.
fn under_way(actions: &[Action]) -> Vec<ShipLine> {
    let open =
        actions.iter().filter(|action| matches!(action.state, ActionState::Queued | ActionState::Running));
    open.filter_map(|action| match &action.request {
        ActionRequest::Ship { items, .. } => Some(items.clone()),
        _ => None,
    })
    .flatten()
    .collect()
}

/// Units that are left and that nobody is shipping just now.
fn free(item: &Item, under_way: &[ShipLine]) -> u32 {
    let taken = under_way.iter().filter(|line| line.line_id == item.line_id);
    taken.fold(left(item), |free, line| free.saturating_sub(line.quantity))
}

fn all_left(items: &[Item], under_way: &[ShipLine]) -> Vec<ShipLine> {
    let lines =
        items.iter().map(|item| ShipLine { line_id: item.line_id.clone(), quantity: free(item, under_way) });
    lines.filter(|line| line.quantity > 0).collect()
}

fn check(chosen: &[ShipLine], items: &[Item], under_way: &[ShipLine]) -> Result<(), Problem> {
    for (at, line) in chosen.iter().enumerate() {
        let Some(item) = items.iter().find(|item| item.line_id == line.line_id) else {
            let detail = "The order has no such line. Take line_id from the order's items.";
            return Err(Problem::field(format!("items[{at}].line_id"), detail));
        };
        if chosen[..at].iter().any(|earlier| earlier.line_id == line.line_id) {
            let detail = "This line is named twice. Name it once, with all its units.";
            return Err(Problem::field(format!("items[{at}].line_id"), detail));
        }
        if line.quantity > left(item) {
            let detail = format!("Only {} units of this line are left to ship.", left(item));
            return Err(Problem::field(format!("items[{at}].quantity"), detail));
        }
        if line.quantity > free(item, under_way) {
            return Err(Problem::conflict(UNDER_WAY));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(line_id: &str, quantity: u32, shipped: Option<u32>, cancelled: Option<u32>) -> Item {
        Item {
            line_id: line_id.to_owned(),
            sku: None,
            title: None,
            variant: None,
            quantity,
            unit_price: None,
            quantity_shipped: shipped,
            quantity_cancelled: cancelled,
            quantity_refunded: None,
        }
    }

    fn line(line_id: &str, quantity: u32) -> ShipLine {
        ShipLine { line_id: line_id.to_owned(), quantity }
    }

    fn field<T: std::fmt::Debug>(result: Result<T, Problem>) -> Option<String> {
        let problem = result.expect_err("refused");
        assert_eq!(problem.status, 422);
        problem.field
    }

    #[test]
    fn without_a_choice_everything_that_is_left_is_shipped() {
        let items = [item("a", 3, Some(1), None), item("b", 2, Some(1), Some(1)), item("c", 1, None, None)];
        assert_eq!(all_left(&items, &[]), [line("a", 2), line("c", 1)]);
    }

    #[test]
    fn a_choice_must_fit_the_order() {
        let items = [item("a", 3, Some(1), None), item("b", 2, None, None)];
        let check = |chosen: &[ShipLine], items: &[Item]| super::check(chosen, items, &[]);
        assert!(check(&[line("a", 2), line("b", 1)], &items).is_ok());
        assert_eq!(field(check(&[line("a", 3)], &items)).as_deref(), Some("items[0].quantity"));
        assert_eq!(field(check(&[line("b", 1), line("x", 1)], &items)).as_deref(), Some("items[1].line_id"));
        assert_eq!(field(check(&[line("b", 1), line("b", 1)], &items)).as_deref(), Some("items[1].line_id"));
    }

    #[test]
    fn units_that_are_on_their_way_out_are_nobody_else_s() {
        let items = [item("a", 3, Some(1), None), item("b", 2, None, None)];
        let under_way = [line("a", 1), line("b", 2)];
        assert_eq!(all_left(&items, &under_way), [line("a", 1)]);
        assert!(super::check(&[line("a", 1)], &items, &under_way).is_ok());
        let problem = super::check(&[line("a", 2)], &items, &under_way).expect_err("taken");
        assert_eq!((problem.status.as_u16(), problem.field), (409, None));
    }

    #[test]
    fn wishes_are_read_strictly() {
        let ship = Wish::ship(
            br#"{"carrier":" DHL ","tracking_number":"JD01","items":[{"line_id":"a","quantity":2}]}"#,
        );
        assert_eq!(
            ship.ok(),
            Some(Wish::Ship {
                carrier: "DHL".to_owned(),
                tracking_number: Some("JD01".to_owned()),
                tracking_url: None,
                items: Some(vec![line("a", 2)]),
            })
        );
        assert_eq!(field(Wish::ship(b"{}")).as_deref(), Some("carrier"));
        assert_eq!(
            field(Wish::ship(br#"{"carrier":"DHL","trackingNumber":"1"}"#)).as_deref(),
            Some("trackingNumber")
        );
        assert_eq!(field(Wish::tracking(br#"{"carrier":"DHL"}"#)).as_deref(), Some("tracking_number"));
        assert_eq!(field(Wish::cancel(b"{}")).as_deref(), Some("reason"));
        assert_eq!(field(Wish::cancel(br#"{"reason":"bored"}"#)).as_deref(), Some("reason"));
        let cancel = Wish::cancel(br#"{"reason":"out_of_stock","note":null}"#);
        let wanted = ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None };
        assert_eq!(cancel.ok(), Some(Wish::Ready(wanted)));
    }
}
