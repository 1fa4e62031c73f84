//! What the forms of all three actions share: who may, what came back, how long to wait.

use std::time::Duration;

use super::badge::Tile;
use super::form::Form;
use super::leaf::{Leaf, see_other};
use super::reader::{Reader, order_href};
use super::said::{self, Said};
use super::words::Words;
use crate::model::{Action, ActionId, ActionRequest, ActionState, Order, OrderKey, Person};
use crate::web::desk::{self, Wish};
use crate::web::{Code, Problem};

/// How long a form waits for the marketplace before it shows what is known.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something to correct, with the field that it is about.
pub struct Fault {
    pub field: &'static str,
    pub text: Said,
}

impl Fault {
    pub fn ours(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: Said::own(text) }
    }

    /// In the words of the API, or of the channel of this name.
    pub fn theirs(field: &'static str, reader: &Reader<'_>, text: &str, channel: &str) -> Self {
        Self { field, text: said::tell(reader.language(), text, channel) }
    }
}

/// The text of the fault of this field; empty without one.
pub fn fault_of(faults: &[Fault], field: &str) -> Said {
    faults.iter().find(|fault| fault.field == field).map(|fault| fault.text.clone()).unwrap_or_default()
}

/// An order with its person; 404 when it is not here.
pub async fn order(reader: &Reader<'_>, id: &str) -> Result<(Order, Person), Problem> {
    let missing = || Problem::not_found("");
    let key: OrderKey = id.parse().map_err(|_| missing())?;
    reader.read(move |store| store.order(&key)).await?.ok_or_else(missing)
}

/// 409 with the channel's own reason: for a form that should not have been opened.
pub fn refused(why: Option<String>) -> Problem {
    Problem::new(Code::Unsupported, why.unwrap_or_default())
}

/// What became of a form.
pub enum Sent {
    /// To the order, where the outcome stands.
    Gone(Leaf),
    /// Back to the form.
    Faulty(u16, Fault),
}

/// Sends the wish and waits a while for the marketplace. `field` names the form's field that a
/// problem is about.
pub async fn send(
    reader: &Reader<'_>,
    key: &OrderKey,
    wish: Wish,
    field: impl Fn(Option<&str>) -> &'static str,
) -> Result<Sent, Problem> {
    let (asked, channel) = (reader.asked(), reader.title_of(&key.channel));
    let id = match desk::request(reader.api, key.clone(), wish, asked).await {
        Ok(id) => id,
        Err(problem) if matches!(problem.code, Code::InvalidRequest | Code::Conflict | Code::Unsupported) => {
            let fault = Fault::theirs(field(problem.field.as_deref()), reader, &problem.detail, &channel);
            return Ok(Sent::Faulty(problem.status.as_u16(), fault));
        }
        Err(problem) => return Err(problem),
    };
    let is_open = |state| matches!(state, ActionState::Queued | ActionState::Running);
    let action = reader
        .wait(
            PATIENCE,
            move |store| store.action(id),
            |action| action.as_ref().is_none_or(|action| !is_open(action.state)),
        )
        .await?
        .ok_or_else(Problem::internal)?;
    match action.error.filter(|_| action.state == ActionState::Failed) {
        Some(error) => Ok(Sent::Faulty(422, Fault::theirs(field(None), reader, &error.message, &channel))),
        None => Ok(Sent::Gone(see_other(format!("{}?action={id}", order_href(key))))),
    }
}

/// What a form begins with: when the address asks to correct an action of this order, the fields as they
/// were sent, and what was wrong with them, told at `field`.
pub async fn begin(
    reader: &Reader<'_>,
    order: &Order,
    field: &'static str,
    filled_as: impl FnOnce(&ActionRequest) -> Form,
) -> Result<(Form, Vec<Fault>), Problem> {
    let Ok(id) = reader.query.get("again").parse::<ActionId>() else { return Ok(Default::default()) };
    let action = reader.read(move |store| store.action(id)).await?;
    let Some(action) = action.filter(|action| action.order == order.key) else {
        return Ok(Default::default());
    };
    let channel = reader.title_of(&order.key.channel);
    let faults = action.error.iter().map(|error| Fault::theirs(field, reader, &error.message, &channel));
    Ok((filled_as(&action.request), faults.collect()))
}

/// "Shipment", "New tracking number", "Cancellation".
pub fn noun(kind: &str, w: &'static Words) -> &'static str {
    match kind {
        "ship" => w.shipment,
        "tracking" => w.new_tracking,
        "cancel" => w.cancellation,
        "acknowledge" => w.acknowledgement,
        _ => w.action_word,
    }
}

/// Where a failed action is corrected.
pub fn form_of(action: &Action) -> Option<String> {
    let path @ ("ship" | "tracking" | "cancel") = action.request.kind() else { return None };
    Some(format!("{}/{path}?again={}", order_href(&action.order), action.id))
}

pub fn tile(reader: &Reader<'_>, order: &Order) -> Tile {
    Tile::of(reader.connection(&order.key.channel).as_deref(), &order.channel_kind)
}

/// The carrier half of a form.
pub struct Carrier {
    pub value: String,
    pub list: Vec<String>,
    pub hint: String,
    pub fault: Said,
    pub number: String,
    pub number_required: bool,
    pub number_fault: Said,
    pub asks_url: bool,
    pub url: String,
    pub url_fault: Said,
}
