//! What one harmless call tells about the connection.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Walmart;
use super::api::{LIST_ORDERS, TOKEN_DETAIL};
use super::document::{Moment, Word};
use super::errors;
use super::market::Node;
use super::setup::Acknowledge;
use super::walk::Part;
use crate::channel::said::Said;
use crate::channel::{Call, Finding};
use crate::model::{Failure, FailureKind};
use crate::net::Response;

/// The overlap of polls swallows less than half an hour; Walmart's deadlines do not.
const SKEW: Duration = Duration::from_mins(1);

/// `GET /v3/token/detail`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    is_valid: Said<bool>,
    is_channel_match: Said<bool>,
    expire_at: Said<Moment>,
    scopes: Said<BTreeMap<String, Said<Word>>>,
}

impl Walmart {
    pub(super) async fn look(&self, call: Call<'_>) -> Result<Vec<Finding>, Failure> {
        let response = match self.api.get(call, &TOKEN_DETAIL, "/v3/token/detail").await {
            Ok(response) => response,
            // Not every market has it, and the edge says so in its own way.
            Err(failure)
                if failure.http_status == Some(404) || failure.kind == FailureKind::InvalidRequest =>
            {
                return self.look_at_orders(call).await;
            }
            Err(failure) => return Err(failure),
        };
        let detail: Detail = serde_json::from_slice(&response.body)
            .map_err(|_| Failure::unavailable("Walmart's answer about the token cannot be read"))?;
        let mut findings = vec![signed_in(&detail, self.market.code())];
        findings.extend(rights(&detail, self.acknowledge));
        findings.extend(skew(&response));
        Ok(findings)
    }

    async fn look_at_orders(&self, call: Call<'_>) -> Result<Vec<Finding>, Failure> {
        let now = self.api.clock.now();
        let part = Part::placed(Node::Seller, now.minus(Duration::from_hours(1)), None, now);
        let answered = self.api.ask(call, &LIST_ORDERS, &format!("/v3/orders{}", part.query(false))).await?;
        let empty = errors::is_empty_list(&answered.response);
        let mut findings = vec![Finding::good("signed in; orders can be read")];
        findings.extend(skew(&answered.response));
        if !empty {
            self.api.accept(&LIST_ORDERS, answered)?;
        }
        Ok(findings)
    }
}

fn signed_in(detail: &Detail, code: &str) -> Finding {
    if *detail.is_valid == Some(false) {
        return Finding::bad(
            "Walmart calls the access token invalid",
            "renew the key in the developer portal",
        );
    }
    if *detail.is_channel_match == Some(false) {
        return Finding::bad(
            "the key does not belong to this seller's channel",
            "use the key of the seller account, for production, in client_id and client_secret",
        );
    }
    let until =
        detail.expire_at.as_ref().map(|at| format!(", the token holds until {}", at.0.to_rfc3339_secs()));
    Finding::good(format!("signed in for the market {code}{}", until.unwrap_or_default()))
}

/// Walmart tells rights per category; an account without delegated access tells none.
fn rights(detail: &Detail, acknowledge: Acknowledge) -> Option<Finding> {
    let orders = detail.scopes.as_ref()?.get("orders")?.as_ref()?;
    let cure = "give the key full access to Orders in the developer portal";
    Some(match orders.0.as_str() {
        "full_access" => Finding::good("orders can be read and changed"),
        "view_only" if acknowledge == Acknowledge::OnImport => Finding::bad(
            "the key may only look at orders: they cannot be acknowledged, shipped or cancelled from here",
            cure,
        ),
        "view_only" => Finding::bad(
            "the key may only look at orders: they cannot be shipped or cancelled from here",
            cure,
        ),
        _ => Finding::bad("the key has no access to orders", cure),
    })
}
fn skew(response: &Response) -> Option<Finding> {
    let theirs = response.date()?;
    let apart = theirs.since(response.begun_at).max(response.begun_at.since(theirs));
    Some(if apart > SKEW {
        Finding::bad(
            format!("this machine's clock is {} s away from Walmart's", apart.as_secs()),
            "set the clock, for instance with systemd-timesyncd",
        )
    } else {
        Finding::good("this machine's clock agrees with Walmart's")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn detail(json: &str) -> Detail {
        serde_json::from_str(json).expect("details")
    }

    #[test]
    fn each_finding_says_what_to_do() {
        let told = |json: &str| signed_in(&detail(json), "us");
        assert!(told(r#"{"is_valid":true,"is_channel_match":true}"#).ok);
        for bad in [r#"{"is_valid":false}"#, r#"{"is_valid":true,"is_channel_match":false}"#] {
            assert!(told(bad).cure.is_some_and(|cure| cure.contains("key")), "{bad}");
        }
        let may = |word: &str, acknowledge| {
            let json = format!(r#"{{"scopes":{{"orders":"{word}"}}}}"#);
            rights(&detail(&json), acknowledge).expect("a finding")
        };
        assert!(may("full_access", Acknowledge::OnImport).ok);
        assert!(may("view_only", Acknowledge::OnImport).what.contains("acknowledged"));
        assert!(!may("view_only", Acknowledge::Never).what.contains("acknowledged"));
        let none = may("no_access", Acknowledge::Never);
        assert!(!none.ok && none.cure.is_some_and(|cure| cure.contains("Orders")));
        assert_eq!(rights(&detail("{}"), Acknowledge::Never), None);
    }

    #[test]
    fn a_wrong_clock_is_told_with_its_size() {
        let at = |begun: i64| {
            let headers = vec![("date".to_owned(), "Thu, 01 Jan 1970 00:10:00 GMT".to_owned())];
            let response =
                Response { status: 200, headers, body: Vec::new(), begun_at: Timestamp::from_secs(begun) };
            skew(&response).expect("a finding")
        };
        assert!(at(640).ok && at(560).ok);
        assert!(at(700).what.contains("100 s") && at(500).cure.is_some());
    }
}
