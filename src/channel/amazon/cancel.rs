//! Cancelling by a feed: a document is uploaded, Amazon works on it for minutes and writes a report,
//! and only the order itself proves the effect.

use std::sync::PoisonError;
use std::time::Duration;

use serde::Deserialize;

use super::Amazon;
use super::actions::{CANCEL_WORD, FEED};
use super::api::{
    self, CREATE_FEED, CREATE_FEED_DOCUMENT, GET_FEED, GET_FEED_DOCUMENT, GET_FEEDS, with_query,
};
use super::feed::{self, CONTENT_TYPE, FEED_TYPE, Outcome};
use super::outbound::{json, memo};
use crate::channel::word::Word;
use crate::channel::{Call, Performed};
use crate::model::{Action, Failure, Memo, Order, OrderStatus, Timestamp};
use crate::net::{Method, Request};

/// Amazon needs some seconds at least for a feed.
const FIRST_LOOK: Duration = Duration::from_secs(30);
const NEXT_LOOK: Duration = Duration::from_mins(1);
/// A feed that takes longer needs a person.
const PATIENCE: Duration = Duration::from_hours(6);
/// Feeds that are remembered.
const FEEDS_MAX: usize = 10_000;
/// For clocks that differ.
const LEEWAY: Duration = Duration::from_mins(2);
/// Memo: when the feed was created.
const FEED_AT: &str = "feed_at";
/// Memo: `yes` when the report had no error, so that only the order has to follow.
const ACCEPTED: &str = "accepted";
/// Memo: `yes` when the feed was found in Amazon's list after a lost answer.
const ADOPTED: &str = "adopted";
/// How long the order may take to follow a feed that was found; then the cancellation is sent again.
const ADOPTION: Duration = Duration::from_mins(10);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedDocument {
    feed_document_id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedFeed {
    feed_id: Word,
}

#[derive(Deserialize)]
struct FeedList {
    feeds: Vec<CreatedFeed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedState {
    processing_status: String,
    result_feed_document_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultDocument {
    url: String,
    compression_algorithm: Option<String>,
}

impl Amazon {
    pub(super) async fn submit_cancellation(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        if action.attempts > 1
            && let Some(feed) = self.lost_feed(call, action.requested_at).await?
        {
            return Ok(self.submitted(feed, true));
        }
        self.create_feed(call, order, action).await
    }

    async fn create_feed(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        let document = self.upload(call, order, action).await.map_err(without_effect)?;
        let body = serde_json::json!({
            "feedType": FEED_TYPE,
            "marketplaceIds": [self.marketplace(order)],
            "inputFeedDocumentId": document,
        });
        let response = self.api.post(call, &CREATE_FEED, "/feeds/2021-06-30/feeds", json(&body)?).await?;
        let created: CreatedFeed = api::read(&CREATE_FEED, &response)?;
        Ok(self.submitted(created.feed_id.to_string(), false))
    }

    fn submitted(&self, feed: String, adopted: bool) -> Performed {
        self.know(&feed);
        let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
        let memo = Memo::from([
            (FEED.to_owned(), feed),
            (FEED_AT.to_owned(), self.api.clock.now().to_string()),
            (ACCEPTED.to_owned(), yes(false)),
            (ADOPTED.to_owned(), yes(adopted)),
        ]);
        Performed::Submitted { memo, look_after: FIRST_LOOK }
    }

    fn know(&self, feed: &str) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if feeds.len() >= FEEDS_MAX {
            feeds.clear();
        }
        feeds.insert(feed.to_owned());
    }

    /// The one feed of this kind that nobody here knows: what an earlier attempt created when its
    /// answer was lost. It may be another order's, so the order itself has the last word.
    async fn lost_feed(&self, call: Call<'_>, since: Timestamp) -> Result<Option<String>, Failure> {
        let since = since.minus(LEEWAY).to_rfc3339_secs();
        let path = with_query(
            "/feeds/2021-06-30/feeds",
            &[("feedTypes", Some(FEED_TYPE)), ("createdSince", Some(&since)), ("pageSize", Some("100"))],
        );
        let response = match self.api.get(call, &GET_FEEDS, &path).await {
            Ok(response) => response,
            Err(failure) if failure.kind.is_temporary() || failure.stale_token => {
                return Err(without_effect(failure));
            }
            Err(_) => return Ok(None),
        };
        let list: FeedList = api::read(&GET_FEEDS, &response).map_err(without_effect)?;
        let known = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lost =
            list.feeds.into_iter().map(|feed| feed.feed_id.to_string()).filter(|feed| !known.contains(feed));
        let first = lost.next();
        Ok(first.filter(|_| lost.next().is_none()))
    }

    /// Puts the document where Amazon says; nothing happens to the order by that.
    async fn upload(&self, call: Call<'_>, order: &Order, action: &Action) -> Result<String, Failure> {
        let lines: Vec<&str> = order.items.iter().map(|item| item.line_id.as_str()).collect();
        let reason = memo(&action.memo, CANCEL_WORD)?;
        let xml = feed::cancellation(&self.seller_id, order.key.order.as_str(), &lines, reason)
            .map_err(|_| Failure::invalid("the cancellation cannot be written as XML"))?;
        let body = serde_json::json!({ "contentType": CONTENT_TYPE });
        let path = "/feeds/2021-06-30/documents";
        let response = self.api.post(call, &CREATE_FEED_DOCUMENT, path, json(&body)?).await?;
        let created: CreatedDocument = api::read(&CREATE_FEED_DOCUMENT, &response)?;
        // The address is signed: no token, and exactly the stated content type.
        let put =
            Request::new("uploadFeed", Method::Put, self.storage(&created.url)?).body(CONTENT_TYPE, xml);
        let stored = self.api.wire.call(put, call.lane).await?;
        if stored.is_success() {
            return Ok(created.feed_document_id);
        }
        Err(Failure::unavailable(format!(
            "Amazon's storage did not take the cancellation: HTTP {}",
            stored.status
        ))
        .http(stored.status, None))
    }

    /// An address of Amazon's storage, which must be as safe as the connection itself.
    fn storage(&self, url: &str) -> Result<String, Failure> {
        let url = self.api.own_address(url);
        if url.starts_with("https://") || !self.api.origin.starts_with("https://") {
            return Ok(url);
        }
        Err(Failure::unavailable("Amazon named a storage address that is not https").local())
    }

    pub(super) async fn follow_cancellation(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        let feed = memo(&action.memo, FEED)?;
        self.know(feed);
        if order.status == OrderStatus::Cancelled {
            return Ok(Performed::Done);
        }
        if is_yes(action, ACCEPTED) {
            return self.await_cancelled(call, order, action).await;
        }
        let response =
            self.api.get(call, &GET_FEED, &format!("/feeds/2021-06-30/feeds/{}", path_part(feed))).await?;
        let state: FeedState = api::read(&GET_FEED, &response)?;
        match (state.processing_status.as_str(), state.result_feed_document_id) {
            ("DONE", None) => self.await_cancelled(call, order, action).await,
            ("DONE", Some(document)) => match self.outcome(call, &document).await? {
                Outcome::Accepted => self.await_cancelled(call, order, action).await,
                Outcome::Refused(_) if is_yes(action, ADOPTED) => self.create_feed(call, order, action).await,
                Outcome::Refused(words) => {
                    self.unless_cancelled(call, order, &format!("Amazon refused the cancellation: {words}"))
                        .await
                }
            },
            ("FATAL" | "CANCELLED", _) if is_yes(action, ADOPTED) => {
                self.create_feed(call, order, action).await
            }
            ("FATAL" | "CANCELLED", _) => {
                let why =
                    "Amazon could not process the cancellation. Send it again, or cancel in Seller Central";
                self.unless_cancelled(call, order, why).await
            }
            _ => Ok(self.look_again(action, false)),
        }
    }

    async fn outcome(&self, call: Call<'_>, document: &str) -> Result<Outcome, Failure> {
        let path = format!("/feeds/2021-06-30/documents/{}", path_part(document));
        let response = self.api.get(call, &GET_FEED_DOCUMENT, &path).await?;
        let found: ResultDocument = api::read(&GET_FEED_DOCUMENT, &response)?;
        let fetch = Request::new("downloadFeed", Method::Get, self.storage(&found.url)?);
        let report = self.api.wire.call(fetch, call.lane).await?;
        let gzip = found.compression_algorithm.as_deref() == Some("GZIP");
        feed::report(&report.body, gzip).filter(|_| report.is_success()).ok_or_else(|| {
            Failure::unavailable("Amazon's report about the cancellation cannot be read")
                .http(report.status, None)
        })
    }

    /// The report had no error, but only the order itself proves the cancellation.
    async fn await_cancelled(
        &self,
        call: Call<'_>,
        order: &Order,
        action: &Action,
    ) -> Result<Performed, Failure> {
        if self.is_cancelled(call, order).await? {
            return Ok(Performed::Done);
        }
        if is_yes(action, ADOPTED) && self.waited(action) > ADOPTION {
            return self.create_feed(call, order, action).await;
        }
        Ok(self.look_again(action, true))
    }

    async fn unless_cancelled(&self, call: Call<'_>, order: &Order, why: &str) -> Result<Performed, Failure> {
        if self.is_cancelled(call, order).await? {
            return Ok(Performed::Done);
        }
        Err(Failure::invalid(why))
    }

    async fn is_cancelled(&self, call: Call<'_>, order: &Order) -> Result<bool, Failure> {
        Ok(self.order_document(call, &order.key.order).await?.status() == Some("CANCELLED"))
    }

    /// Since the feed was created or found.
    fn waited(&self, action: &Action) -> Duration {
        let begun = action.memo.get(FEED_AT).and_then(|at| Timestamp::parse(at));
        self.api.clock.now().since(begun.unwrap_or(action.requested_at))
    }

    fn look_again(&self, action: &Action, accepted: bool) -> Performed {
        if self.waited(action) < PATIENCE {
            let mut memo = action.memo.clone();
            memo.insert(ACCEPTED.to_owned(), if accepted { "yes" } else { "no" }.to_owned());
            return Performed::Submitted { memo, look_after: NEXT_LOOK };
        }
        let why = "Amazon took the cancellation hours ago and the order is still not cancelled. Look at it in \
                   Seller Central.";
        Performed::Unconfirmed { why: why.to_owned() }
    }
}

fn is_yes(action: &Action, key: &str) -> bool {
    action.memo.get(key).is_some_and(|value| value == "yes")
}

/// Nothing was asked of the order yet, however the call failed.
pub(super) fn without_effect(mut failure: Failure) -> Failure {
    failure.no_effect = true;
    failure
}

fn path_part(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
