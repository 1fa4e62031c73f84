//! What the merchant was told, and marking it read.

use askama::Template;

use super::failure::{self, Context};
use super::form::address;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::{html, see_other};
use super::moment::Moment;
use super::reader::{Answer, Reader, order_href};
use super::said::{self, Said};
use super::words::Words;
use crate::store::{self, Command, CommandAnswer, Notification, TellingState};
use crate::web::Problem;

const LINES: usize = 50;
/// Marked read by one press.
const READ_AT_ONCE: usize = 200;

struct Line {
    id: String,
    tone: &'static str,
    icon: &'static str,
    title: String,
    about: String,
    href: String,
    /// Else it is news, not a failure.
    failed: bool,
    why: Said,
    advice: Said,
    at: Moment,
    times: String,
    closed: Option<Moment>,
    read: bool,
    /// Who was told beside this page, or was not.
    tellings: Vec<Telling>,
}

struct Telling {
    words: String,
    /// What kept it from arriving.
    error: Said,
}

#[derive(Template)]
#[template(path = "notifications.html")]
struct Notifications {
    w: &'static Words,
    frame: Frame,
    sentence: String,
    unread: usize,
    lines: Vec<Line>,
    older: Option<String>,
}

/// `/notifications`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let cursor = reader.query.filled("cursor").map(str::to_owned);
    let (mut page, unread) = reader
        .read(move |store| {
            let unread = store.notifications(true, None, READ_AT_ONCE)?.items.len();
            Ok((store.notifications(false, cursor.as_deref(), LINES)?, unread))
        })
        .await?;
    page.items.sort_by_key(|told| told.read);
    let w = reader.w;
    let page = Notifications {
        w,
        frame: Frame::new(reader, Here::Notifications, w.notifications).await?,
        sentence: reader.language().count(unread as u64, (w.unread_one, w.unread_other)),
        unread,
        lines: page.items.iter().map(|told| line(reader, told)).collect(),
        older: page.next.map(|next| address("/notifications", &[("cursor", &next)])),
    };
    Ok(html(200, &page))
}

fn line(reader: &Reader<'_>, told: &Notification) -> Line {
    let (w, moments) = (reader.w, &reader.moments);
    let (title, tone, icon) = match told.kind.as_str() {
        "channel_down" => (w.n_channel_down, "red", "plug"),
        "channel_recovered" => (w.n_channel_recovered, "green", "check"),
        "sync_failed" => (w.n_sync_failed, "amber", "sync"),
        "action_failed" => (w.n_action_failed, "red", "warn"),
        "backlog" => (w.n_backlog, "amber", "clock"),
        "webhooks_off" => (w.n_webhooks_off, "amber", "plug"),
        "disk_full" => (w.n_disk_full, "red", "warn"),
        "data_request" => (w.n_data_request, "amber", "info"),
        _ => (w.n_other, "blue", "info"),
    };
    let (about, href) = match (&told.order_id, &told.channel) {
        (Some(key), _) => (key.to_string(), order_href(key)),
        (None, Some(channel)) => (reader.channel_name(channel), format!("/channels/{channel}")),
        (None, None) => (String::new(), String::new()),
    };
    let title_of_channel = told.channel.as_ref().map(|id| reader.title_of(id)).unwrap_or_default();
    let say = |text: &str| said::tell(reader.language(), text, &title_of_channel);
    let (why, advice) = match &told.error {
        Some(error) => {
            let telling = failure::tell(reader, error, Context::of(&title_of_channel));
            let usual = told.advice == error.kind.advice();
            (telling.why, if usual { Said::own(telling.advice) } else { say(&told.advice) })
        }
        None => (say(&told.message), say(&told.advice)),
    };
    Line {
        id: told.id.clone(),
        tone,
        icon,
        title: title.to_owned(),
        about,
        href,
        failed: told.error.is_some(),
        why,
        advice,
        at: moments.long(told.opened_at),
        times: if told.count > 1 {
            reader.language().count(told.count, (w.times_one, w.times_other))
        } else {
            String::new()
        },
        closed: told.closed_at.map(|at| moments.long(at)),
        read: told.read,
        tellings: told.tellings.iter().map(|telling| telling_line(reader, telling)).collect(),
    }
}

fn telling_line(reader: &Reader<'_>, telling: &store::Telling) -> Telling {
    let w = reader.w;
    let at = reader.moments.long(telling.at).text;
    let (words, failed) = match telling.state {
        TellingState::Delivered => (w.told_to, false),
        TellingState::Waiting => (w.telling_waits, true),
        TellingState::GivenUp => (w.telling_given_up, true),
    };
    Telling {
        words: fill(words, &[("n", &telling.target), ("t", &at)]),
        error: telling
            .error
            .as_deref()
            .filter(|_| failed)
            .map(|why| said::tell(reader.language(), why, ""))
            .unwrap_or_default(),
    }
}

/// `POST /notifications/{id}/read`
pub async fn read(reader: &Reader<'_>, id: &str) -> Answer {
    let command = Command::ReadNotification(id.to_owned());
    match reader.api.store.command(command, reader.asked(), reader.api.now()).await? {
        CommandAnswer::Done => Ok(see_other("/notifications")),
        _ => Err(Problem::internal()),
    }
}

/// `POST /notifications/read`
pub async fn read_all(reader: &Reader<'_>) -> Answer {
    let unread = reader.read(|store| store.notifications(true, None, READ_AT_ONCE)).await?;
    for told in unread.items {
        let asked = reader.asked_for(&told.id);
        reader.api.store.command(Command::ReadNotification(told.id), asked, reader.api.now()).await?;
    }
    Ok(see_other("/notifications"))
}
