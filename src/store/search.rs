//! Search: clear terms by prefix, personal terms by a keyed hash of the whole word.
//!
//! Numbers, SKUs and tracking numbers are not personal and lie in clear. Names, e-mail addresses
//! and phone numbers lie as hashes that only the master key can make, so they are found whole or
//! not at all. Every row ends with the order's place in the list, newest first, so that the
//! matches of several words are intersected by seeking.

use std::collections::BTreeSet;

use super::crypt::Keyring;
use super::keys::{self, Key};
use super::rows::{Bytes, GO_ON, Rows, STOP, Snapshot, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{StoreError, codec};
use crate::model::{Order, Person};

/// Longest term, in bytes; longer ones are cut.
const TERM: usize = 64;
/// Most words of a query that count.
const WORDS: usize = 8;
/// Most rows looked at for one prefix.
const PREFIX_ROWS: usize = 2_000;
/// Steps to the next row before a seek is cheaper.
const STRIDE: usize = 12;

const NAME: u8 = b'n';
const EMAIL: u8 = b'e';
const PHONE: u8 = b'p';

/// Lower case, without accents.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => folded.push('c'),
            'ď' | 'đ' | 'ð' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => folded.push('g'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => folded.push('i'),
            'ĺ' | 'ļ' | 'ľ' | 'ł' => folded.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => folded.push('o'),
            'ŕ' | 'ŗ' | 'ř' => folded.push('r'),
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => folded.push('s'),
            'ţ' | 'ť' | 'ț' => folded.push('t'),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            '\u{300}'..='\u{36f}' => {}
            c if c.is_control() => {}
            c => folded.push(c),
        }
    }
    folded
}

fn cut(term: &str) -> &str {
    &term[..term.floor_char_boundary(TERM)]
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split_whitespace().map(cut)
}

/// The clear terms of an order.
fn clear_terms(order: &Order) -> BTreeSet<String> {
    let skus = order.items.iter().filter_map(|item| item.sku.as_deref());
    let parcels = order.shipments.iter().filter_map(|shipment| shipment.tracking_number.as_deref());
    let mut terms = BTreeSet::new();
    for text in [order.number.as_str(), order.key.order.as_str()].into_iter().chain(skus).chain(parcels) {
        for word in words(&fold(text)) {
            terms.insert(word.to_owned());
            terms.insert(word.trim_start_matches('#').to_owned());
        }
    }
    terms.remove("");
    terms
}

/// A name as it is written, and its parts between signs.
fn name_words(name: &str, into: &mut BTreeSet<String>) {
    for word in words(&fold(name)) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        into.extend(
            std::iter::once(word).chain(word.split(|c: char| !c.is_alphanumeric())).map(str::to_owned),
        );
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The whole number, and its last ten and seven digits: without the country, without the area.
fn phone_forms(phone: &str) -> impl Iterator<Item = String> {
    let digits = digits(phone);
    let last = |n: usize| digits.len().checked_sub(n).map(|from| digits[from..].to_owned());
    let forms: BTreeSet<_> = [last(7), last(10), last(digits.len())].into_iter().flatten().collect();
    forms.into_iter().filter(|form| form.len() >= 7)
}

/// The hashes of a person's terms.
fn blind_terms(keyring: &Keyring, person: &Person) -> BTreeSet<[u8; 16]> {
    let address = person.shipping_address.as_ref();
    let names = [person.customer.name.as_deref(), address.and_then(|a| a.name.as_deref())];
    let phones = [person.customer.phone.as_deref(), address.and_then(|a| a.phone.as_deref())];
    let mut name_terms = BTreeSet::new();
    names.into_iter().flatten().for_each(|name| name_words(name, &mut name_terms));
    name_terms.remove("");
    let mut hashes: BTreeSet<_> = name_terms.iter().map(|word| keyring.blind(NAME, word)).collect();
    hashes.extend(phones.into_iter().flatten().flat_map(phone_forms).map(|form| keyring.blind(PHONE, &form)));
    hashes.extend(person.customer.email.as_deref().map(|email| email_hash(keyring, email)));
    hashes
}

pub(super) fn email_hash(keyring: &Keyring, email: &str) -> [u8; 16] {
    keyring.blind(EMAIL, &fold(email.trim()))
}

pub(super) fn rows_of(keyring: &Keyring, order: &Order, person: &Person) -> BTreeSet<(usize, Vec<u8>)> {
    let clear = clear_terms(order).into_iter().map(|term| (Tab::Terms, Key::new().text(&term)));
    let blind = blind_terms(keyring, person).into_iter().map(|hash| (Tab::Blind, Key::new().tail(&hash)));
    clear
        .chain(blind)
        .map(|(tab, key)| (tab.index(), keys::placed(key, order.placed_at, &order.key)))
        .collect()
}

/// Brings `terms` and `blind` from `before` to `after`.
pub(super) fn replace(
    tx: &mut Txn<'_>,
    before: Option<(&Order, &Person)>,
    after: (&Order, &Person),
) -> Result<(), StoreError> {
    if before.is_some_and(|before| same_terms(before, after)) {
        return Ok(());
    }
    let keyring = tx.shared.keyring();
    let old = before.map_or_else(BTreeSet::new, |(order, person)| rows_of(&keyring, order, person));
    let new = rows_of(&keyring, after.0, after.1);
    for (tab, key) in old.difference(&new) {
        tx.remove(Tab::ALL[*tab], key)?;
    }
    for (tab, key) in new.difference(&old) {
        tx.put_bytes(Tab::ALL[*tab], key.clone(), &[])?;
    }
    Ok(())
}

/// Spares the hashing for the many changes that touch nothing searched for.
fn same_terms(before: (&Order, &Person), after: (&Order, &Person)) -> bool {
    let parcels = |order: &Order| -> Vec<Option<String>> {
        order.shipments.iter().map(|shipment| shipment.tracking_number.clone()).collect()
    };
    let (old, new) = (before.0, after.0);
    before.1 == after.1
        && old.number == new.number
        && old.placed_at == new.placed_at
        && old.items.iter().map(|i| &i.sku).eq(new.items.iter().map(|i| &i.sku))
        && parcels(old) == parcels(new)
}

/// The orders with this e-mail address, newest first.
pub(super) fn orders_of_email(
    rows: &impl Rows,
    email: &str,
) -> Result<Vec<crate::model::OrderKey>, StoreError> {
    let hash = email_hash(rows.keyring(), email);
    let mut found = Vec::new();
    rows.walk(Tab::Blind, &Span::prefix(hash.to_vec()), &mut |key, _| {
        let mut place = keys::Cut(&key[hash.len()..]);
        let order = place.newest().and_then(|_| place.order());
        found.push(order.ok_or_else(|| codec::corrupt(Tab::Blind, key, "its key is unknown"))?);
        GO_ON
    })?;
    Ok(found)
}

/// One word of a query: a prefix of a clear term, or the whole of a personal one.
struct Word {
    prefix: String,
    hashes: Vec<[u8; 16]>,
}

fn parse(keyring: &Keyring, query: &str) -> Vec<Word> {
    let folded = fold(query);
    let sounds_like_phone = |text: &str| {
        text.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c)) && digits(text).len() >= 7
    };
    if folded.split_whitespace().nth(1).is_some() && sounds_like_phone(&folded) {
        let joined = digits(&folded);
        return vec![Word { hashes: phone_hashes(keyring, &joined), prefix: joined }];
    }
    let mut parsed = Vec::new();
    for word in words(&folded).take(WORDS) {
        let mut hashes = Vec::new();
        if word.contains('@') {
            hashes.push(keyring.blind(EMAIL, word));
        } else {
            hashes.push(keyring.blind(NAME, word.trim_matches(|c: char| !c.is_alphanumeric())));
        }
        if sounds_like_phone(word) {
            hashes.extend(phone_hashes(keyring, word));
        }
        parsed.push(Word { prefix: word.to_owned(), hashes });
    }
    parsed
}

/// A number with its country is also looked for without it.
fn phone_hashes(keyring: &Keyring, phone: &str) -> Vec<[u8; 16]> {
    let digits = digits(phone);
    let mut forms = vec![digits.clone()];
    if let Some(from) = digits.len().checked_sub(10).filter(|from| *from > 0) {
        forms.push(digits[from..].to_owned());
    }
    forms.iter().map(|form| keyring.blind(PHONE, form)).collect()
}

/// The places of all orders that match every word, in list order.
pub(super) struct Matches<'s> {
    words: Vec<Source<'s>>,
}

impl<'s> Matches<'s> {
    pub(super) fn of(rows: &'s Snapshot, query: &str) -> Result<Self, StoreError> {
        let words = parse(rows.keyring(), query);
        let words = words.into_iter().map(|word| Source::of(rows, word)).collect::<Result<_, _>>()?;
        Ok(Self { words })
    }

    /// A query without a word matches everything.
    pub(super) fn is_everything(&self) -> bool {
        self.words.is_empty()
    }

    /// The first match at or after `place`. Takes from `budget` what it looks at; `Err(place)`
    /// inside when that is used up.
    pub(super) fn seek(&mut self, place: Vec<u8>, budget: &mut usize) -> Result<Found, StoreError> {
        let mut place = place;
        let mut agreeing = 0;
        let mut at = 0;
        while agreeing < self.words.len() {
            if *budget == 0 {
                return Ok(Found::Tired(place));
            }
            *budget -= 1;
            match self.words[at].seek(&place)? {
                None => return Ok(Found::End),
                Some(found) if found == place => agreeing += 1,
                Some(found) => {
                    place = found;
                    agreeing = 1;
                }
            }
            at = (at + 1) % self.words.len();
        }
        Ok(Found::At(place))
    }
}

pub(super) enum Found {
    At(Vec<u8>),
    /// The budget is used up; going on begins here.
    Tired(Vec<u8>),
    End,
}

/// The places of one word.
struct Source<'s> {
    /// Matches by prefix, sorted.
    places: Vec<Vec<u8>>,
    streams: Vec<Stream<'s>>,
}

impl<'s> Source<'s> {
    fn of(rows: &'s Snapshot, word: Word) -> Result<Self, StoreError> {
        let mut places = Vec::new();
        let mut seen = 0;
        rows.walk(Tab::Terms, &Span::prefix(word.prefix.into_bytes()), &mut |key, _| {
            seen += 1;
            if let Some(end) = key.iter().position(|b| *b == 0) {
                places.push(key[end + 1..].to_vec());
            }
            if seen < PREFIX_ROWS { GO_ON } else { STOP }
        })?;
        places.sort_unstable();
        places.dedup();
        let streams = word.hashes.into_iter().map(|hash| Stream::of(rows, hash)).collect::<Result<_, _>>()?;
        Ok(Self { places, streams })
    }

    fn seek(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.places.partition_point(|found| found.as_slice() < place);
        let mut best = self.places.get(at).cloned();
        for stream in &mut self.streams {
            let found = stream.seek(place)?;
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| found < *best)
            {
                best = Some(found);
            }
        }
        Ok(best)
    }
}

/// The rows of one hash, in list order.
struct Stream<'s> {
    rows: &'s Snapshot,
    hash: [u8; 16],
    iter: redb::Range<'static, Bytes, Bytes>,
    head: Option<Vec<u8>>,
}

impl<'s> Stream<'s> {
    fn of(rows: &'s Snapshot, hash: [u8; 16]) -> Result<Self, StoreError> {
        let iter = range(rows, &Span::prefix(hash.to_vec()))?;
        let mut stream = Self { rows, hash, iter, head: None };
        stream.step()?;
        Ok(stream)
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let row = self.iter.next().transpose().map_err(|e| broken(&e))?;
        self.head = row.map(|(key, _)| key.value()[self.hash.len()..].to_vec());
        Ok(())
    }

    fn seek(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for _ in 0..STRIDE {
            match &self.head {
                Some(head) if head.as_slice() < place => self.step()?,
                _ => return Ok(self.head.clone()),
            }
        }
        let from = [self.hash.as_slice(), place].concat();
        self.iter = range(self.rows, &Span::prefix(self.hash.to_vec()).starting(from))?;
        self.step()?;
        Ok(self.head.clone())
    }
}

fn range(rows: &Snapshot, span: &Span) -> Result<redb::Range<'static, Bytes, Bytes>, StoreError> {
    rows.table(Tab::Blind)?.range::<&[u8]>(span.bounds()).map_err(|e| broken(&e))
}

fn broken(error: &redb::StorageError) -> StoreError {
    StoreError::Corrupt(format!("table {}: {error}", Tab::Blind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_takes_case_and_accents_away() {
        assert_eq!(fold("José Ñandú"), "jose nandu");
        assert_eq!(fold("Jose\u{301}"), "jose");
        assert_eq!(fold("Straße ŁÓDŹ Ærø"), "strasse lodz aero");
    }

    #[test]
    fn a_name_is_found_whole_and_by_its_parts() {
        let mut words = BTreeSet::new();
        name_words("María García-López, Jr.", &mut words);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert_eq!(words, ["garcia", "garcia-lopez", "jr", "lopez", "maria"]);
    }

    #[test]
    fn a_phone_is_found_with_and_without_its_country() {
        let forms: Vec<_> = phone_forms("+52 (55) 1234-5678").collect();
        assert_eq!(forms, ["2345678", "525512345678", "5512345678"]);
        assert_eq!(phone_forms("911").count(), 0);
    }
}
