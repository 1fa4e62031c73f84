//! What a channel can do at all, and why not.

use super::badge::{self, Badge};
use super::reader::Reader;
use super::said::{self, Said};
use crate::actors::Connection;
use crate::web::desk;

pub struct Ability {
    pub word: &'static str,
    pub badge: Badge,
    pub why: Said,
}

pub fn of(reader: &Reader<'_>, connection: &Connection) -> Vec<Ability> {
    let w = reader.w;
    let now = reader.api.now();
    let can = desk::channel_capabilities(connection, now);
    let ability = |word, supported, why: Option<String>, consequence: Option<String>| Ability {
        word,
        badge: badge::possible(supported, w),
        why: said::tell(reader.language(), &why.or(consequence).unwrap_or_default(), connection.kind.title),
    };
    vec![
        ability(w.do_ship, can.ship.supported, can.ship.why, can.ship.consequence),
        ability(w.do_track, can.tracking.supported, can.tracking.why, None),
        ability(w.do_cancel, can.cancel.supported, can.cancel.why, can.cancel.consequence),
    ]
}
