//! What is said: why somebody hears of it, what happened, what to do, where to look. Pure.

use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::store::{Notification, Phase};

/// One message to one target. Holds no secret and no personal data: neither do notifications.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same for every attempt: receivers tell repetitions by it.
    pub id: String,
    /// `channel_down`, `sync_failed.closed`, `test`.
    pub event: String,
    pub at: Timestamp,
    pub subject: String,
    /// One or more lines of plain text.
    pub text: String,
    /// The page, where it has a known address.
    pub link: Option<String>,
    /// For programs: the notification as the API shows it.
    pub data: Value,
}

/// Named one by one in a message about many; the rest is counted.
const NAMED: usize = 10;

impl Message {
    /// About one notification. `page`: the page's address without a slash at its end.
    pub fn of(told: &Notification, phase: Phase, page: Option<&str>) -> Self {
        let over = phase == Phase::Closed;
        let (suffix, mark) = if over { (".closed", "_closed") } else { ("", "") };
        let at = if over { told.closed_at.unwrap_or(told.opened_at) } else { told.opened_at };
        Self {
            id: format!("msg_{}{mark}", told.id),
            event: format!("{}{suffix}", told.kind),
            at,
            subject: if over {
                format!("Over: {}", lower(headline(told)))
            } else {
                headline(told).to_owned()
            },
            text: text_of(told, over),
            link: page.map(|page| format!("{page}{}", place(told))),
            data: data(told),
        }
    }

    /// About several at once, for people: the first few by name, the others counted.
    pub fn about_many(tellings: &[(Notification, Phase)], page: Option<&str>) -> Option<Self> {
        let ((first, phase), rest) = tellings.split_first()?;
        if rest.is_empty() {
            return Some(Self::of(first, *phase, page));
        }
        let mut lines: Vec<String> =
            tellings.iter().take(NAMED).map(|(told, phase)| line_of(told, *phase)).collect();
        if tellings.len() > NAMED {
            lines.push(format!("… and {} more", tellings.len() - NAMED));
        }
        lines.push("What to do: open the notifications; each has its advice.".to_owned());
        let newest = tellings.iter().map(|(told, _)| told.opened_at).max().unwrap_or(first.opened_at);
        Some(Self {
            id: format!("{}_and_{}", Self::of(first, *phase, None).id, rest.len()),
            event: "many".to_owned(),
            at: newest,
            subject: format!("{} notifications", tellings.len()),
            text: lines.join("\n"),
            link: page.map(|page| format!("{page}/notifications")),
            data: tellings.iter().map(|(told, _)| data(told)).collect(),
        })
    }

    /// Proves that the target can be reached.
    pub fn test(target: &str, id: &str, at: Timestamp, page: Option<&str>) -> Self {
        Self {
            id: format!("msg_{id}"),
            event: "test".to_owned(),
            at,
            subject: "Test".to_owned(),
            text: format!(
                "This is a test of the notifications to \"{target}\".\nNothing happened, and nothing is to be done."
            ),
            link: page.map(|page| format!("{page}/notifications")),
            data: json!({ "target": target }),
        }
    }
}

/// The notification as the API shows it.
pub fn data(told: &Notification) -> Value {
    let error = told.error.as_ref().map(|error| {
        json!({
            "kind": error.kind,
            "message": error.message,
            "advice": error.advice(),
            "retry_at": error.retry_at,
        })
    });
    json!({
        "id": told.id,
        "kind": told.kind,
        "channel": told.channel,
        "order_id": told.order_id,
        "error": error,
        "message": told.message,
        "advice": told.advice,
        "count": told.count,
        "opened_at": told.opened_at,
        "closed_at": told.closed_at,
        "read": told.read,
    })
}

fn headline(told: &Notification) -> &'static str {
    match told.kind.as_str() {
        "channel_down" => "A channel does not work",
        "channel_recovered" => "A channel works again",
        "sync_failed" => "An order could not be synced",
        "action_failed" => "An action failed",
        "backlog" => "Much is waiting",
        "webhooks_off" => "A channel sends no webhooks",
        "disk_full" => "The disk is nearly full",
        "data_request" => "A customer asks for their data",
        _ => "Please note",
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn text_of(told: &Notification, over: bool) -> String {
    let mut lines = vec![told.message.clone()];
    if told.count > 1 {
        lines.push(format!("It happened {} times since {}.", told.count, told.opened_at));
    }
    match told.closed_at {
        Some(at) if told.kind != "channel_recovered" => {
            lines.push(format!("It is over since {at}. Nothing is to be done."));
        }
        _ if over || told.advice.is_empty() => {}
        _ => lines.push(format!("What to do: {}", told.advice)),
    }
    lines.join("\n")
}

fn line_of(told: &Notification, phase: Phase) -> String {
    let over = phase == Phase::Closed || (told.closed_at.is_some() && told.kind != "channel_recovered");
    if over { format!("• Over: {}", told.message) } else { format!("• {}", told.message) }
}

fn place(told: &Notification) -> String {
    match (&told.order_id, &told.channel) {
        (Some(order), _) => format!("/orders/{}", segment(&order.to_string())),
        (None, Some(channel)) => format!("/channels/{channel}"),
        (None, None) => "/notifications".to_owned(),
    }
}

/// An order's id is the marketplace's and may hold anything.
fn segment(text: &str) -> String {
    const UNSAFE: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');
    percent_encoding::utf8_percent_encode(text, UNSAFE).to_string()
}
