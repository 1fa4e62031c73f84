//! What surrounds every page: navigation, who is signed in, how fresh it is.

use super::asset::Addresses;
use super::moment::Moment;
use super::reader::Reader;
use super::said::Said;
use super::words::Words;
use crate::model::Role;
use crate::store::Store;
use crate::web::Problem;

/// Open failures and unread notifications are counted up to this.
const COUNTED: usize = 100;

/// Which entry of the navigation the page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    Overview,
    Orders,
    Channels,
    Failures,
    Notifications,
    Settings,
}

pub struct NavLink {
    pub href: &'static str,
    pub icon: &'static str,
    pub word: &'static str,
    pub count: String,
    /// The count needs a person.
    pub hot: bool,
    pub current: bool,
    pub on_phone: bool,
}

/// Said above the content, once.
pub struct Told {
    pub tone: &'static str,
    pub icon: &'static str,
    pub text: Said,
}

pub struct Frame {
    pub lang: &'static str,
    pub title: String,
    /// A form came back with faults: the title says so.
    pub faulty: bool,
    pub assets: Addresses,
    pub build: &'static str,
    pub as_of: Moment,
    pub nav: Vec<NavLink>,
    pub user: String,
    pub role: &'static str,
    /// For the forms of this page.
    pub csrf: String,
    /// Idempotency key of the forms of this page: sending one twice acts once.
    pub key: String,
    pub can_act: bool,
    pub is_admin: bool,
    pub shortcuts: bool,
    pub told: Option<Told>,
    /// Something is under way: without script the page looks again by itself.
    pub refresh: bool,
}

impl Frame {
    pub async fn new(reader: &Reader<'_>, here: Here, title: impl Into<String>) -> Result<Self, Problem> {
        let (failures, unread) = reader.read(counts).await?;
        let number = |count: usize| match count {
            0 => String::new(),
            COUNTED.. => format!("{}+", COUNTED - 1),
            count => count.to_string(),
        };
        let w = reader.w;
        let link = |at, href, icon, word, count: usize, hot, on_phone| NavLink {
            href,
            icon,
            word,
            count: number(count),
            hot,
            current: at == here,
            on_phone,
        };
        let random = &reader.api.random;
        Ok(Self {
            lang: reader.language().tag(),
            title: title.into(),
            faulty: false,
            assets: reader.page.assets.addresses(),
            build: env!("CARGO_PKG_VERSION"),
            as_of: reader.moments.seconds(reader.moments.now),
            nav: vec![
                link(Here::Overview, "/", "home", w.overview, 0, false, true),
                link(Here::Orders, "/orders", "box", w.orders, 0, false, true),
                link(Here::Channels, "/channels", "plug", w.channels, 0, false, true),
                link(Here::Failures, "/failures", "warn", w.failures, failures, true, true),
                link(Here::Notifications, "/notifications", "bell", w.notifications, unread, false, false),
                link(Here::Settings, "/settings", "gear", w.settings, 0, false, true),
            ],
            user: reader.session.caller.name.clone(),
            role: role_word(reader.session.caller.role, w),
            csrf: reader.session.token.masked(random),
            key: random.token(12),
            can_act: reader.can_act(),
            is_admin: reader.is_admin(),
            shortcuts: reader.visit.cookie("keys") != Some("off"),
            told: None,
            refresh: false,
        })
    }

    /// Says this above the content.
    #[must_use]
    pub fn telling(mut self, told: Option<Told>) -> Self {
        self.told = told;
        self
    }
}

fn counts(store: &Store) -> Result<(usize, usize), crate::store::StoreError> {
    let failures = store.failures(None, None, COUNTED)?.items.len();
    Ok((failures, store.notifications(true, None, COUNTED)?.items.len()))
}

pub const fn role_word(role: Role, w: &'static Words) -> &'static str {
    match role {
        Role::Viewer => w.viewer,
        Role::Operator => w.operator,
        Role::Admin => w.admin,
    }
}

impl Told {
    pub fn good(text: impl Into<String>) -> Self {
        Self { tone: "calm", icon: "check", text: Said::own(text) }
    }

    pub fn bad(text: Said) -> Self {
        Self { tone: "red", icon: "warn", text }
    }
}
