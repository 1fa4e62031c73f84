//! Pages for what went wrong: what happened, and what to do now.

use askama::Template;

use super::asset::Addresses;
use super::frame::{Frame, Here};
use super::language::{Language, fill};
use super::leaf::{Dressed as _, Leaf, html};
use super::reader::Reader;
use super::route::Place;
use super::said::{self, Said};
use super::site::Page;
use super::words::Words;
use crate::model::{OrderKey, Role};
use crate::web::{Code, Problem};

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble {
    w: &'static Words,
    frame: Frame,
    title: &'static str,
    text: Said,
    icon: &'static str,
    /// Where to go from here.
    back_href: String,
    back: &'static str,
    /// An order that is not here may be at its marketplace.
    sync_order: Option<OrderKey>,
}

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain {
    lang: &'static str,
    title: &'static str,
    assets: Addresses,
    text: &'static str,
    href: &'static str,
    link: &'static str,
}

/// The problem as a page.
pub async fn page(reader: &Reader<'_>, problem: Problem) -> Leaf {
    let w = reader.w;
    let title = title(problem.code, w);
    let Ok(frame) = Frame::new(reader, here(reader), title).await else {
        return without_store(reader.page, reader.language());
    };
    let sync_order = missing_order(reader, &problem);
    let text = text(reader, &problem, sync_order.as_ref());
    let sync_order = sync_order.filter(|key| reader.can_act() && reader.connection(&key.channel).is_some());
    let status = problem.status.as_u16();
    let (back_href, back) = back(reader, problem.code);
    let icon = if status == 404 { "search" } else { "info" };
    html(status, &Trouble { w, frame, title, text, icon, back_href, back, sync_order })
}

/// To the order whose form was opened, else to the list, else to the first page.
fn back(reader: &Reader<'_>, code: Code) -> (String, &'static str) {
    let w = reader.w;
    let parts: Vec<&str> = reader.visit.path().split('/').skip(1).collect();
    let order = parts.get(1).filter(|_| parts.len() > 2 && code != Code::NotFound);
    let order = order.and_then(|id| id.parse::<OrderKey>().ok());
    match (parts.first(), order) {
        (Some(&"orders"), Some(key)) => (super::reader::order_href(&key), w.back_to_order),
        (Some(&"orders"), None) => ("/orders".to_owned(), w.all_orders_link),
        (Some(&"channels"), _) => ("/channels".to_owned(), w.all_channels_link),
        _ => ("/".to_owned(), w.overview),
    }
}

fn here(reader: &Reader<'_>) -> Here {
    match reader.visit.path().split('/').nth(1) {
        Some("orders") => Here::Orders,
        Some("channels" | "syncs") => Here::Channels,
        Some("failures") => Here::Failures,
        Some("notifications") => Here::Notifications,
        Some("settings") => Here::Settings,
        _ => Here::Overview,
    }
}

const fn title(code: Code, w: &'static Words) -> &'static str {
    match code {
        Code::NotFound | Code::Gone => w.not_here,
        Code::Forbidden => w.not_allowed,
        Code::Unsupported | Code::Conflict => w.not_possible_now,
        Code::Unavailable | Code::RateLimited | Code::Timeout => w.not_now,
        Code::Internal => w.something_broke,
        _ => w.not_understood,
    }
}

fn text(reader: &Reader<'_>, problem: &Problem, order: Option<&OrderKey>) -> Said {
    let w = reader.w;
    Said::own(match (problem.code, problem.field.as_deref()) {
        (Code::NotFound, _) if order.is_some() => {
            let key = order.map(ToString::to_string).unwrap_or_default();
            fill(w.no_such_order, &[("id", &key)])
        }
        (Code::NotFound, _) if problem.detail.is_empty() => w.nothing_at_address.to_owned(),
        (Code::MethodNotAllowed, _) => w.nothing_at_address.to_owned(),
        (Code::Forbidden, Some("csrf")) => w.form_too_old.to_owned(),
        (Code::Forbidden, Some(need)) => {
            let need = Role::parse(need).unwrap_or(Role::Admin);
            let role = super::frame::role_word(reader.session.caller.role, w);
            fill(w.role_too_low, &[("role", role), ("need", super::frame::role_word(need, w))])
        }
        (Code::Internal, _) => w.broke_here.to_owned(),
        _ => return said::tell(reader.language(), &problem.detail, &about(reader)),
    })
}

/// The marketplace of the order that the address names.
fn about(reader: &Reader<'_>) -> String {
    let id = reader.visit.path().split('/').nth(2).and_then(|id| id.parse::<OrderKey>().ok());
    id.map(|key| reader.title_of(&key.channel)).unwrap_or_default()
}

fn missing_order(reader: &Reader<'_>, problem: &Problem) -> Option<OrderKey> {
    let place = Place::of(reader.visit.path())?;
    let (Place::Order(id) | Place::Timeline(id)) = place else { return None };
    if problem.code == Code::NotFound { id.parse().ok() } else { None }
}

/// Nothing can be read now: while starting, stopping, or without room on the disk.
pub fn without_store(page: &Page, language: Language) -> Leaf {
    let w = language.words();
    let plain = Plain {
        lang: language.tag(),
        title: w.not_now,
        assets: page.assets.addresses(),
        text: w.starting_or_stopping,
        href: "",
        link: "",
    };
    html(503, &plain).with("refresh", "5").with("retry-after", "5")
}

/// A form or a fetch came without a session that is still good. Nothing was done.
pub fn session_ended(page: &Page, language: Language) -> Leaf {
    let w = language.words();
    let plain = Plain {
        lang: language.tag(),
        title: w.do_sign_in,
        assets: page.assets.addresses(),
        text: w.session_ended,
        href: "/login",
        link: w.do_sign_in,
    };
    html(401, &plain)
}
