//! Signing in and out.

use std::sync::Arc;

use askama::Template;

use super::asset::Addresses;
use super::csrf::Token;
use super::form::{Form, local};
use super::language::{Language, fill};
use super::leaf::{Dressed as _, Leaf, html, see_other};
use super::moment::span;
use super::reader::{Answer, Reader, language};
use super::site::{Page, fields};
use super::trouble;
use super::words::Words;
use crate::model::{Role, Secret};
use crate::web::{Api, Caller, Visit};

/// Begins the caller ids of users, whose names come from the config.
pub const USER: &str = "user:";
/// The caller id of whoever came by the demo's link.
pub const ONCE: &str = "once";
/// Ties the form to the browser that asked for it, before there is a session.
const DOOR_COOKIE: &str = "fenicia-door";

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    w: &'static Words,
    lang: &'static str,
    title: &'static str,
    assets: Addresses,
    csrf: String,
    next: String,
    user: String,
    users: bool,
    fault: Option<String>,
}

/// `/login`
pub async fn answer(page: &Page, api: &Arc<Api>, visit: &Visit) -> Leaf {
    let form = fields(visit);
    let language = language(visit);
    if visit.is_post() {
        return enter(page, api, visit, language, &form).await;
    }
    if let Some(token) = form.filled("once") {
        if page.once.spend(token) {
            let caller = Caller { id: ONCE.to_owned(), name: "demo".to_owned(), role: Role::Admin };
            return let_in(page, api, visit, caller, "/").await;
        }
        return ask(page, api, visit, language, &form, Some(language.words().link_spent.to_owned()), 403);
    }
    ask(page, api, visit, language, &form, None, 200)
}

/// The form, with a token that fits the cookie of this browser.
fn ask(
    page: &Page,
    api: &Arc<Api>,
    visit: &Visit,
    language: Language,
    form: &Form,
    fault: Option<String>,
    status: u16,
) -> Leaf {
    let known = visit.cookie(DOOR_COOKIE).filter(|id| id.len() == 32).map(str::to_owned);
    let id = known.unwrap_or_else(|| api.random.token(24));
    let w = language.words();
    let login = Login {
        w,
        lang: language.tag(),
        title: w.do_sign_in,
        assets: page.assets.addresses(),
        csrf: door_token(page, &id).masked(&api.random),
        next: form.get("next").to_owned(),
        user: form.get("user").to_owned(),
        users: !page.manners().users.is_empty(),
        fault,
    };
    let secure = if page.is_secure() { "; Secure" } else { "" };
    let cookie = format!("{DOOR_COOKIE}={id}; HttpOnly; Path=/login; SameSite=Strict{secure}");
    html(status, &login).with("set-cookie", cookie)
}

fn door_token(page: &Page, id: &str) -> Token {
    Token::derived(&page.door_key, id.as_bytes())
}

async fn enter(page: &Page, api: &Arc<Api>, visit: &Visit, language: Language, form: &Form) -> Leaf {
    let w = language.words();
    let again = |status, fault: String| ask(page, api, visit, language, form, Some(fault), status);
    let id = visit.cookie(DOOR_COOKIE).unwrap_or_default();
    if page.is_foreign(&visit.head) || !door_token(page, id).fits(form.get("csrf")) {
        return again(403, w.form_too_old.to_owned());
    }
    let names = tried_names(visit, form);
    if let Err(wait) = page.attempts.begin(&names, api.now()) {
        let wait = wait.as_secs().max(1);
        let fault = fill(w.too_many_tries, &[("t", &span(wait))]);
        return again(429, fault).with("retry-after", wait.to_string());
    }
    let caller = match form.filled("api_key") {
        Some(key) => by_key(api, key).await,
        None => by_password(page, form).await,
    };
    match caller {
        Some(caller) => {
            page.attempts.forgive(&names);
            let_in(page, api, visit, caller, local(form.get("next"))).await
        }
        None => again(401, w.wrong_sign_in.to_owned()),
    }
}

/// Tries count for the name and for where they come from.
fn tried_names(visit: &Visit, form: &Form) -> Vec<String> {
    let from = visit.client.map_or_else(|| "from elsewhere".to_owned(), |client| format!("from {client}"));
    let user: String = form.get("user").chars().take(64).collect();
    if user.is_empty() { vec![from] } else { vec![from, format!("user {user}")] }
}

async fn by_password(page: &Page, form: &Form) -> Option<Caller> {
    let name = form.get("user").to_owned();
    let (user, other) = {
        let manners = page.manners();
        (
            manners.users.get(&name).cloned(),
            manners.users.values().next().map(|user| user.password_hash.clone()),
        )
    };
    let password = Secret::new(form.raw("password"));
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = page.checker.is_right(password, hash, other).await;
    let user = user.filter(|_| right)?;
    Some(Caller { id: format!("{USER}{name}"), name, role: user.role })
}

async fn by_key(api: &Arc<Api>, key: &str) -> Option<Caller> {
    let secret = key.to_owned();
    let found = api.read(move |store| store.authenticate(&secret)).await.ok()??;
    Some(Caller { id: found.id, name: found.name, role: found.role })
}

async fn let_in(page: &Page, api: &Arc<Api>, visit: &Visit, caller: Caller, next: &str) -> Leaf {
    let Ok(secret) = page.begin_session(api, caller).await else {
        return trouble::without_store(page, language(visit));
    };
    let secure = if page.is_secure() { "; Secure" } else { "" };
    let name = page.cookie_name();
    let cookie = format!("{name}={secret}; HttpOnly; Path=/; SameSite=Lax{secure}");
    see_other(next).with("set-cookie", cookie)
}

/// `POST /logout`
pub async fn sign_out(reader: &Reader<'_>) -> Answer {
    reader.api.store.end_session(reader.session.id).await?;
    reader.page.searches.forget(&reader.session.id);
    let secure = if reader.page.is_secure() { "; Secure" } else { "" };
    let name = reader.page.cookie_name();
    let cookie = format!("{name}=; HttpOnly; Path=/; SameSite=Lax; Max-Age=0{secure}");
    Ok(see_other("/login").with("set-cookie", cookie))
}
