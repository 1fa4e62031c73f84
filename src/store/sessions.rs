//! Who is signed in to the page. A browser holds a session's secret, this holds its hash.

use std::time::Duration;

use super::rows::{GO_ON, Rows, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Session, Store, StoreError, codec};
use crate::model::Timestamp;

/// Without a page opened by hand.
const IDLE: Duration = Duration::from_hours(12);
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// The longest unused one makes room for the next.
const AT_ONCE: usize = 1_000;
/// A use is written down when the last one that was is older.
const NOTED_AGAIN: Duration = Duration::from_mins(10);

impl Session {
    pub fn is_good(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < IDLE && now.since(self.began_at) < LONGEST
    }

    /// Whether a use now is worth a commit. So a session may idle out by this much too early.
    pub fn is_worth_noting(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= NOTED_AGAIN
    }
}

impl Store {
    /// The session whose secret has this hash, if it is still good. Table `sessions`.
    pub fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let found: Option<Session> = self.snapshot()?.record(Tab::Sessions, hash)?;
        Ok(found.filter(|session| session.is_good(self.shared.clock.now())))
    }

    /// T session begun: those that are over leave with it.
    pub async fn begin_session(&self, hash: [u8; 32], session: Session) -> Result<(), StoreError> {
        self.write("begin_session", move |tx| {
            make_room(tx, session.began_at)?;
            tx.put(Tab::Sessions, hash.to_vec(), &session)
        })
        .await
    }

    /// T session used. Nothing for one that has ended meanwhile.
    pub async fn note_session(&self, hash: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.write("note_session", move |tx| {
            let Some(known) = tx.record::<Session>(Tab::Sessions, &hash)? else { return Ok(()) };
            let seen_at = known.seen_at.max(now);
            tx.put(Tab::Sessions, hash.to_vec(), &Session { seen_at, ..known })
        })
        .await
    }

    /// T session ended.
    pub async fn end_session(&self, hash: [u8; 32]) -> Result<(), StoreError> {
        self.write("end_session", move |tx| tx.remove(Tab::Sessions, &hash).map(drop)).await
    }
}

fn make_room(tx: &mut Txn<'_>, now: Timestamp) -> Result<(), StoreError> {
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    tx.walk(Tab::Sessions, &Span::all(), &mut |hash, bytes| {
        let session: Session = codec::decode(Tab::Sessions, hash, bytes)?;
        if session.is_good(now) {
            kept.push((session.seen_at, hash.to_vec()));
        } else {
            gone.push(hash.to_vec());
        }
        GO_ON
    })?;
    if kept.len() >= AT_ONCE {
        gone.extend(kept.into_iter().min().map(|(_, hash)| hash));
    }
    for hash in &gone {
        tx.remove(Tab::Sessions, hash)?;
    }
    Ok(())
}
