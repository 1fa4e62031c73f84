//! Pages for what went wrong: what happened, and what to do now.

use askama::Template;

use super::asset::Addresses;
use super::frame::{Frame, Here};
use super::language::{Language, fill};
use super::leaf::{Dressed as _, Leaf, html};
use super::reader::Reader;
use super::route::Place;
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
    text: String,
    /// The API's words, where ours do not say it.
    english: String,
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
    let told = !problem.detail.is_empty() && text.is_empty();
    let english = if told { problem.detail } else { String::new() };
    html(status, &Trouble { w, frame, title, text, english, sync_order })
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

/// Empty when the problem's own words must do.
fn text(reader: &Reader<'_>, problem: &Problem, order: Option<&OrderKey>) -> String {
    let w = reader.w;
    match (problem.code, problem.field.as_deref()) {
        (Code::NotFound, _) if order.is_some() => {
            let key = order.map(ToString::to_string).unwrap_or_default();
            fill(w.no_such_order, &[("id", &key)])
        }
        (Code::NotFound, _) if problem.detail.is_empty() => w.nothing_at_address.to_owned(),
        (Code::Forbidden, Some("csrf")) => w.form_too_old.to_owned(),
        (Code::Forbidden, Some(need)) => {
            let need = Role::parse(need).unwrap_or(Role::Admin);
            let role = super::frame::role_word(reader.session.caller.role, w);
            fill(w.role_too_low, &[("role", role), ("need", super::frame::role_word(need, w))])
        }
        (Code::Internal, _) => w.broke_here.to_owned(),
        (Code::MethodNotAllowed, _) => w.nothing_at_address.to_owned(),
        _ => String::new(),
    }
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
