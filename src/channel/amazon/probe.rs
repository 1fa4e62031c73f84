//! What one harmless call tells about the connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;

use super::Amazon;
use super::api::{self, LIST_TRANSACTIONS, PARTICIPATIONS, with_query};
use crate::channel::{Call, Finding};
use crate::model::{Failure, FailureKind};
use crate::net::Response;

/// Amazon's windows end two minutes before now, so a smaller difference does no harm.
const SKEW: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct ParticipationsAnswer {
    payload: Vec<Participation>,
}

#[derive(Deserialize)]
struct Participation {
    marketplace: Option<Marketplace>,
    participation: Option<State>,
}

#[derive(Deserialize)]
struct Marketplace {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    is_participating: Option<bool>,
    has_suspended_listings: Option<bool>,
}

impl Amazon {
    pub(super) async fn look(&self, call: Call<'_>) -> Result<Vec<Finding>, Failure> {
        let response = self.api.get(call, &PARTICIPATIONS, "/sellers/v1/marketplaceParticipations").await?;
        let answer: ParticipationsAnswer = api::read(&PARTICIPATIONS, &response)?;
        let mut findings = vec![Finding::good(format!(
            "signed in; the account is in {} marketplaces of the region {}",
            answer.payload.len(),
            self.region.name
        ))];
        findings.extend(self.marketplaces.iter().map(|id| self.participates(id, &answer.payload)));
        findings.extend(skew(&response));
        findings.extend(self.ledger_right(call).await?);
        if self.addresses_missing.load(Ordering::Relaxed) {
            findings.push(Finding::bad(
                "the last order that is to be sent came without an address",
                "add the role Direct-to-Consumer Shipping (Restricted) to the application, authorise it again and \
                 put the new refresh token into the config file",
            ));
        }
        Ok(findings)
    }

    fn participates(&self, id: &str, payload: &[Participation]) -> Finding {
        let country = self.region.country(id).unwrap_or_default();
        let state = payload
            .iter()
            .find(|entry| entry.marketplace.as_ref().and_then(|m| m.id.as_deref()) == Some(id))
            .and_then(|entry| entry.participation.as_ref());
        match state {
            None => Finding::bad(
                format!("the account is not in the marketplace {id} ({country})"),
                "take it out of marketplace_ids, or use the refresh token of the account that sells there",
            ),
            Some(state) if state.is_participating == Some(false) => Finding::bad(
                format!("the account does not sell in the marketplace {id} ({country})"),
                "take it out of marketplace_ids, or join it in Seller Central",
            ),
            Some(state) if state.has_suspended_listings == Some(true) => Finding::bad(
                format!("listings in the marketplace {id} ({country}) are suspended"),
                "look into the account's health in Seller Central; existing orders still come in",
            ),
            Some(_) => Finding::good(format!("sells in the marketplace {id} ({country})")),
        }
    }

    /// The ledger needs a role of its own, whose absence only shows there.
    async fn ledger_right(&self, call: Call<'_>) -> Result<Option<Finding>, Failure> {
        let yesterday = self.api.clock.now().minus(Duration::from_hours(24)).to_rfc3339_secs();
        let path = with_query("/finances/2024-06-19/transactions", &[("postedAfter", Some(&yesterday))]);
        match self.api.get(call, &LIST_TRANSACTIONS, &path).await {
            Ok(_) => Ok(Some(Finding::good("refunds can be read"))),
            Err(failure) if failure.kind == FailureKind::Permission && failure.stale_token => Err(failure),
            Err(failure) if failure.kind == FailureKind::Permission => Ok(Some(Finding::bad(
                "refunds cannot be read, so the payment status is shown without them",
                "add the role Finance and Accounting to the application, authorise it again and put the new \
                 refresh token into the config file",
            ))),
            // Trouble of the moment tells nothing about the right.
            Err(_) => Ok(None),
        }
    }
}

fn skew(response: &Response) -> Option<Finding> {
    let theirs = response.date()?;
    let apart = theirs.since(response.begun_at).max(response.begun_at.since(theirs));
    Some(if apart > SKEW {
        Finding::bad(
            format!("this machine's clock is {} s away from Amazon's", apart.as_secs()),
            "set the clock, for instance with systemd-timesyncd",
        )
    } else {
        Finding::good("this machine's clock agrees with Amazon's")
    })
}
