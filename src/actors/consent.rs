//! Consents under way: from the address that a person opens to the tokens that come of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::connection::Connection;
use crate::channel::{Consent, Given};
use crate::model::{ChannelId, Failure, Timestamp};
use crate::random::Random;

/// Why a consent did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    #[error("no consent of this channel is under way, or it took longer than half an hour: start it again")]
    NotUnderWay,
    #[error("the answer does not belong to the consent that was started here: start it again")]
    WrongState,
    #[error("{0}")]
    Refused(#[from] Failure),
}

/// At most one per channel; a new one takes the place of the old.
#[derive(Default)]
pub(super) struct Consents(Mutex<HashMap<ChannelId, Pending>>);

#[derive(Clone)]
struct Pending {
    redirect: String,
    state: String,
    verifier: String,
    until: Timestamp,
}

const VALID_FOR: Duration = Duration::from_mins(30);

impl Consents {
    pub(super) fn begin(
        &self,
        connection: &Connection,
        redirect: String,
        random: &Random,
        now: Timestamp,
    ) -> Option<String> {
        let pending = Pending {
            redirect,
            state: random.token(24),
            verifier: random.token(48),
            until: now.plus(VALID_FOR),
        };
        let address = connection.channel.consent(&pending.consent())?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.id.clone(), pending);
        Some(address)
    }

    pub(super) async fn finish(
        &self,
        connection: &Connection,
        given: &Given,
        now: Timestamp,
    ) -> Result<(), ConsentError> {
        let pending = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let pending = all
                .get(&connection.id)
                .filter(|p| now < p.until)
                .cloned()
                .ok_or(ConsentError::NotUnderWay)?;
            if !bool::from(pending.state.as_bytes().ct_eq(given.state.as_bytes())) {
                return Err(ConsentError::WrongState);
            }
            // A code works once, so the consent ends here whatever comes of it.
            all.remove(&connection.id);
            pending
        };
        let tokens = connection.channel.redeem(&pending.consent(), given).await?;
        connection.session.adopt(tokens).await?;
        Ok(())
    }
}

impl Pending {
    fn consent(&self) -> Consent<'_> {
        Consent { redirect: &self.redirect, state: &self.state, verifier: &self.verifier }
    }
}
