//! The page as the admin listener sees it: who is signed in, and what each address answers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::asset::Assets;
use super::attempts::Attempts;
use super::csrf;
use super::door;
use super::form::Form;
use super::hours::Hours;
use super::lag::Lag;
use super::leaf::{Dressed as _, Leaf, see_other};
use super::once::OneTime;
use super::password::Checker;
use super::reader::{Answer, Reader, language, segment};
use super::route::{Place, Takes};
use super::run::LastRuns;
use super::searches::Searches;
use super::trouble;
use super::{
    cancel, channel, channels, export, failures, keys, notifications, order, orders, overview, reconnect,
    search, settings, ship, syncs, timeline, tracking,
};
use crate::clock::Clock;
use crate::config::{Admin, User};
use crate::model::{Role, Timestamp};
use crate::random::Random;
use crate::web::{Api, Caller, Code, Coming, Head, Pages, Problem, Visit, header};

/// Sent with fetches of the script, which do not keep a session awake.
const FRAGMENT: &str = "fenicia-fragment";

/// See the module doc.
pub struct Page {
    manners: RwLock<Manners>,
    pub(super) searches: Searches,
    pub(super) attempts: Attempts,
    pub(super) checker: Checker,
    pub(super) once: OneTime,
    pub(super) assets: Assets,
    pub(super) lag: Lag,
    pub(super) hours: Hours,
    pub(super) runs: LastRuns,
    pub(super) started: Timestamp,
    /// Binds the form of the sign-in page to its cookie.
    pub(super) door_key: [u8; 32],
}

/// What the config says about the page; changes with a reload.
#[derive(Clone)]
pub(super) struct Manners {
    pub(super) users: BTreeMap<String, User>,
    public_url: Option<String>,
}

impl Manners {
    fn of(admin: &Admin) -> Self {
        Self { users: admin.users.clone(), public_url: admin.public_url.clone() }
    }
}

impl Page {
    pub fn new(admin: &Admin, clock: &Clock, random: &Random) -> Self {
        Self {
            manners: RwLock::new(Manners::of(admin)),
            searches: Searches::default(),
            attempts: Attempts::default(),
            checker: Checker::default(),
            once: OneTime::default(),
            assets: Assets::new(),
            lag: Lag::new(clock.now()),
            hours: Hours::default(),
            runs: LastRuns::default(),
            started: clock.now(),
            door_key: random.bytes(),
        }
    }

    /// A link below the page's address that signs in once, as administrator. An earlier one is no
    /// longer good.
    pub fn login_link(&self, random: &Random) -> String {
        self.once.mint(random)
    }

    /// Takes up a new config. Users who are gone or have another password or role are signed out.
    pub fn take_up(&self, admin: &Admin) {
        *self.manners.write().unwrap_or_else(PoisonError::into_inner) = Manners::of(admin);
    }

    pub(super) fn manners(&self) -> RwLockReadGuard<'_, Manners> {
        self.manners.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_foreign(&self, head: &Head) -> bool {
        csrf::is_foreign(head, self.manners().public_url.as_deref())
    }

    /// Over TLS, as far as can be known: the cookie is bound to it then.
    pub(super) fn is_secure(&self) -> bool {
        self.manners().public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    pub(super) fn cookie_name(&self) -> &'static str {
        if self.is_secure() { "__Host-fenicia" } else { "fenicia" }
    }

    async fn answer(&self, api: &Arc<Api>, visit: &Visit) -> Leaf {
        if visit.is_read()
            && let Some(leaf) = self.assets.serve(visit)
        {
            return leaf;
        }
        if visit.path() == "/login" {
            return door::answer(self, api, visit).await;
        }
        let by_hand = visit.header(FRAGMENT).is_none();
        let session = match self.session(api, &visit.head, by_hand).await {
            Ok(Some(session)) => session,
            Ok(None) => return self.at_the_door(visit, by_hand),
            Err(_) => return trouble::without_store(self, language(visit)),
        };
        let reader = Reader::new(api, self, visit, session);
        match self.admitted(&reader).await {
            Ok(leaf) => leaf,
            Err(problem) => trouble::page(&reader, problem).await,
        }
    }

    fn at_the_door(&self, visit: &Visit, by_hand: bool) -> Leaf {
        if visit.is_read() && by_hand {
            let wanted = visit.head.uri.path_and_query().map_or("/", |whole| whole.as_str());
            let next = if wanted == "/" { "" } else { wanted };
            return see_other(super::form::address("/login", &[("next", next)]));
        }
        trouble::session_ended(self, language(visit))
    }

    async fn admitted(&self, reader: &Reader<'_>) -> Answer {
        let visit = reader.visit;
        let place = Place::of(visit.path()).ok_or_else(|| Problem::not_found(""))?;
        let fits = match place.takes() {
            Takes::Reading => visit.is_read(),
            Takes::Sending => visit.is_post(),
            Takes::Both => visit.is_read() || visit.is_post(),
        };
        if !fits {
            return Err(Problem::new(Code::MethodNotAllowed, ""));
        }
        if visit.is_post() {
            self.check_sender(reader)?;
            Self::allow(reader, &place)?;
        }
        turn_to(reader, place).await
    }

    fn check_sender(&self, reader: &Reader<'_>) -> Result<(), Problem> {
        if self.is_foreign(&reader.visit.head) || !reader.session.token.fits(reader.form.get("csrf")) {
            return Err(Problem { field: Some("csrf".to_owned()), ..Problem::new(Code::Forbidden, "") });
        }
        Ok(())
    }

    /// Viewers search, choose their language and leave; the rest is for operators.
    fn allow(reader: &Reader<'_>, place: &Place) -> Result<(), Problem> {
        let need = match place {
            Place::OrderSearch | Place::Settings | Place::Logout => Role::Viewer,
            Place::Keys | Place::RevokeKey(_) | Place::Reconnect(_) => Role::Admin,
            _ => Role::Operator,
        };
        if reader.session.caller.role >= need {
            return Ok(());
        }
        Err(Problem { field: Some(need.to_string()), ..Problem::new(Code::Forbidden, "") })
    }
}

async fn turn_to(reader: &Reader<'_>, place: Place) -> Answer {
    let sending = reader.visit.is_post();
    match place {
        Place::Overview => overview::show(reader).await,
        Place::Orders => orders::show(reader).await,
        Place::OrderFilters => orders::show_filters(reader).await,
        Place::OrderSearch => search::search(reader).await,
        Place::Export => export::show(reader).await,
        Place::ExportFile => Ok(export::file(reader)),
        Place::Order(id) => order::show(reader, &id).await,
        Place::Timeline(id) => timeline::show(reader, &id).await,
        Place::SyncOrder(id) => order::sync(reader, &id).await,
        Place::Ship(id) if sending => ship::send(reader, &id).await,
        Place::Ship(id) => ship::show(reader, &id).await,
        Place::Tracking(id) if sending => tracking::send(reader, &id).await,
        Place::Tracking(id) => tracking::show(reader, &id).await,
        Place::Cancel(id) if sending => cancel::send(reader, &id).await,
        Place::Cancel(id) => cancel::show(reader, &id).await,
        Place::Channels => channels::show(reader).await,
        Place::Channel(id) => channel::show(reader, &id).await,
        Place::SyncChannel(id) if sending => syncs::start(reader, &id).await,
        Place::SyncChannel(id) => syncs::ask(reader, &id).await,
        Place::TestChannel(id) if sending => channel::test(reader, &id).await,
        Place::TestChannel(id) => Ok(see_other(format!("/channels/{}", segment(&id)))),
        Place::Reconnect(id) if sending => reconnect::begin(reader, &id).await,
        Place::Reconnect(id) => reconnect::show(reader, &id).await,
        Place::Sync(id) => syncs::show(reader, &id).await,
        Place::StopSync(id) => syncs::stop(reader, &id).await,
        Place::Failures => failures::show(reader).await,
        Place::RetryFailures => failures::retry_many(reader).await,
        Place::Retry(id) => failures::retry(reader, &id).await,
        Place::Dismiss(id) => failures::dismiss(reader, &id).await,
        Place::Notifications => notifications::show(reader).await,
        Place::ReadAll => notifications::read_all(reader).await,
        Place::Read(id) => notifications::read(reader, &id).await,
        Place::Settings if sending => settings::save(reader).await,
        Place::Settings => settings::show(reader).await,
        Place::TestTarget(name) => settings::test_target(reader, &name).await,
        Place::Keys if sending => keys::create(reader).await,
        Place::Keys => keys::show(reader).await,
        Place::RevokeKey(id) => keys::revoke(reader, &id).await,
        Place::Logout => door::sign_out(reader).await,
    }
}

impl Pages for Page {
    fn caller<'a>(&'a self, api: &'a Api, head: &'a Head) -> Coming<'a, Result<Option<Caller>, Problem>> {
        Box::pin(async move {
            let Some(session) = self.session(api, head, false).await? else { return Ok(None) };
            let reads = head.method.is_safe();
            let token = header(head, "x-csrf-token").unwrap_or_default();
            if reads || (!self.is_foreign(head) && session.token.fits(token)) {
                return Ok(Some(session.caller));
            }
            let detail = "A session needs its CSRF token here, in the header X-CSRF-Token. Reload the page.";
            Err(Problem::new(Code::Forbidden, detail))
        })
    }

    fn serve<'a>(&'a self, api: &'a Arc<Api>, visit: Visit) -> Coming<'a, Leaf> {
        Box::pin(async move { self.answer(api, &visit).await.dressed(&visit) })
    }

    fn watch<'a>(&'a self, api: &'a Arc<Api>) -> Coming<'a, ()> {
        Box::pin(async move {
            tokio::select! {
                () = api.ended() => {}
                () = self.lag.watch(api) => {}
            }
        })
    }
}

/// What a form sent without being signed in.
pub(super) fn fields(visit: &Visit) -> Form {
    if visit.is_post() { Form::parse(&visit.body) } else { Form::parse(visit.query().as_bytes()) }
}
