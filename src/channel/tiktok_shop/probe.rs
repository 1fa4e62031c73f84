//! One harmless call: which shops the consent opened, with which rights, and what time it is there.
//! That it is answered at all proves the app, its secret, and the IP allow list.

use super::api::{Api, CIPHER};
use super::document::ShopDoc;
use super::refusal::skew;
use crate::channel::{Call, Finding};
use crate::model::{Failure, Timestamp};

/// Without it no order can be read.
const ORDERS: &str = "seller.order.info";
/// Half a minute ahead and every call is refused.
const SKEW_MAX_SECONDS: u64 = 15;

pub async fn probe(api: &Api, call: Call<'_>) -> Result<Vec<Finding>, Failure> {
    let answer = api.shops(call.tokens, call.lane).await?;
    let mut findings =
        vec![Finding::good("the app, its secret and its IP allow list are accepted by TikTok Shop")];
    let shops = answer.doc.shops.list();
    findings.push(shop(shops, &api.shop_id));
    if let (Some(shop), Some(sent)) = (
        shops.iter().find(|shop| *shop.id == api.shop_id),
        call.tokens.extra.get(CIPHER).or(api.cipher.as_ref()),
    ) {
        findings.push(cipher(shop, sent));
    }
    findings.push(rights(&call.tokens.scopes));
    if let Some(theirs) = answer.response.date() {
        findings.push(clock(answer.response.begun_at, theirs));
    }
    Ok(findings)
}

fn shop(shops: &[ShopDoc], shop_id: &str) -> Finding {
    if let Some(own) = shops.iter().find(|shop| *shop.id == *shop_id) {
        return Finding::good(format!("access to shop {shop_id} ({}, {})", &*own.name, &*own.region));
    }
    let ids: Vec<&str> = shops.iter().map(|shop| &*shop.id).collect();
    Finding::bad(
        format!(
            "the consent does not include shop {shop_id}, but {}",
            if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
        ),
        "Correct shop_id, or consent again with the account that owns the shop",
    )
}

fn cipher(shop: &ShopDoc, sent: &str) -> Finding {
    if *shop.cipher == *sent {
        Finding::good("the shop's cipher is the one in use")
    } else {
        Finding::bad(
            "the shop's cipher is not the one in use",
            "Leave shop_cipher out of the config: it is asked for then",
        )
    }
}

/// Older answers do not tell the rights.
fn rights(granted: &[String]) -> Finding {
    if granted.is_empty() {
        Finding::good("TikTok Shop does not tell which rights were granted")
    } else if granted.iter().any(|right| right == ORDERS) {
        Finding::good(format!("the right {ORDERS} is granted"))
    } else {
        Finding::bad(
            format!("the right {ORDERS} is not granted: orders cannot be read"),
            "Add Order Information to the app in Partner Center and consent again",
        )
    }
}

fn clock(ours: Timestamp, theirs: Timestamp) -> Finding {
    let (word, seconds) = skew(ours, theirs);
    if seconds <= SKEW_MAX_SECONDS {
        Finding::good("this machine's clock agrees with TikTok Shop's")
    } else {
        Finding::bad(
            format!("this machine's clock is {seconds} seconds {word} TikTok Shop's"),
            "Set the clock, best by NTP: TikTok Shop refuses calls that are 30 seconds ahead",
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_finding_says_what_to_do() {
        let shops = json!([{"id": "7", "name": "Hats", "region": "GB", "cipher": "c"}]).to_string();
        let shops: Vec<ShopDoc> = serde_json::from_str(&shops).expect("shops");
        assert!(shop(&shops, "7").ok);
        assert!(shop(&shops, "8").what.contains("but 7"));
        assert!(shop(&[], "8").what.contains("but none"));
        assert!(cipher(&shops[0], "c").ok && !cipher(&shops[0], "d").ok);
        assert!(rights(&[]).ok && rights(&[ORDERS.to_owned()]).ok);
        assert!(rights(&["seller.product.basic".to_owned()]).cure.is_some());
        let at = Timestamp::from_secs;
        assert!(clock(at(100), at(90)).ok);
        assert!(clock(at(120), at(90)).what.contains("30 seconds ahead of"));
        assert!(clock(at(90), at(900)).what.contains("810 seconds behind"));
    }
}
