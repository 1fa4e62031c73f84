//! One harmless call: whose access this is, for which country, with which rights.

use std::time::Duration;

use super::api::{Api, Ask};
use super::document::{Id, UserDoc};
use super::site::Site;
use crate::channel::{Call, Finding};
use crate::model::{Failure, Timestamp};

/// Without these, orders come in but nothing else works for long.
const SCOPES: [(&str, &str); 3] = [
    ("read", "orders cannot be read"),
    ("write", "orders cannot be shipped or cancelled"),
    ("offline_access", "the connection ends after a few hours"),
];
const SKEW: Duration = Duration::from_mins(1);

pub async fn probe(api: &Api, call: Call<'_>, user_id: u64, site: &Site) -> Result<Vec<Finding>, Failure> {
    let answer = api.get::<UserDoc>(call, Ask::account("user", "/users/me".to_owned())).await?;
    let mut findings = vec![account(&answer.doc, user_id), country(&answer.doc, site)];
    // The answer to a token request may leave the rights out.
    if !call.tokens.scopes.is_empty() {
        findings.extend(SCOPES.iter().map(|scope| right(&call.tokens.scopes, *scope)));
    }
    if let Some(theirs) = answer.response.date() {
        findings.push(clock(answer.response.begun_at, theirs));
    }
    Ok(findings)
}

fn account(user: &UserDoc, user_id: u64) -> Finding {
    match *user.id {
        Some(Id(id)) if id == user_id => Finding::good(format!("access to the account of user {user_id}")),
        Some(Id(id)) => Finding::bad(
            format!("the access is for user {id}, the config names user {user_id}"),
            "Correct user_id, or consent again with the right account",
        ),
        None => Finding::bad("the answer names no user", "Look at https://developers.mercadolibre.com"),
    }
}

fn country(user: &UserDoc, site: &Site) -> Finding {
    match user.site_id.word() {
        "" => Finding::good("the account's country is not told"),
        id if id == site.id => Finding::good(format!("the account's country is {id}")),
        id => Finding::bad(
            format!("the account belongs to {id}, the config says {}", site.id),
            format!("Write site = \"{id}\""),
        ),
    }
}

fn right(granted: &[String], (scope, without): (&str, &str)) -> Finding {
    if granted.iter().any(|word| word == scope) {
        Finding::good(format!("the right {scope} is granted"))
    } else {
        Finding::bad(
            format!("the right {scope} is not granted: {without}"),
            format!("Add {scope} to the application's scopes in the DevCenter and consent again"),
        )
    }
}

fn clock(ours: Timestamp, theirs: Timestamp) -> Finding {
    let skew = ours.since(theirs).max(theirs.since(ours));
    if skew <= SKEW {
        Finding::good("this machine's clock agrees with Mercado Libre's")
    } else {
        Finding::bad(
            format!("this machine's clock differs from Mercado Libre's by {} seconds", skew.as_secs()),
            "Set the clock, best by NTP",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_says_what_to_do() {
        let user: UserDoc = serde_json::from_str(r#"{"id":"7","site_id":"MLB"}"#).expect("user");
        let site = Site::find("MLM").expect("site");
        assert!(account(&user, 7).ok);
        assert!(!account(&user, 8).ok);
        assert_eq!(country(&user, site).cure.as_deref(), Some("Write site = \"MLB\""));
        assert!(right(&["read".to_owned()], SCOPES[0]).ok);
        assert!(right(&[], SCOPES[2]).cure.is_some());
        assert!(clock(Timestamp::from_secs(60), Timestamp::from_secs(0)).ok);
        assert!(!clock(Timestamp::from_secs(0), Timestamp::from_secs(61)).ok);
    }
}
