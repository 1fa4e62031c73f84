//! Faults on demand: what goes wrong between a client and a marketplace.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::log::locked;

/// One thing that goes wrong. The first group concerns calls, the last one outgoing webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The answer comes late.
    Delay { ms: u64 },
    /// Nothing happens and no answer comes, for ten minutes.
    Hang,
    /// This HTTP status with the marketplace's own body. Nothing happens.
    Status { status: u16 },
    /// The connection breaks before anything happens.
    ResetBefore,
    /// The call takes effect, then the connection breaks.
    ResetAfter,
    /// The call takes effect, but no answer comes for ten minutes.
    TimeoutAfter,
    /// The call takes effect; the answer is 200 with an HTML page.
    HtmlAfter,
    /// The call takes effect; the answer is 200 with bytes that are no text.
    GarbageAfter,
    /// The call takes effect; the answer's JSON ends in the middle, with a fitting length.
    Truncated,
    /// The call takes effect; the connection breaks in the middle of the answer.
    CutAnswer,
    /// Refused for too many calls; free again after the seconds.
    RateLimited { seconds: u64 },
    /// The access is withdrawn from now on: nothing but a new consent helps.
    TokenRevoked,
    /// The access tokens in use run out now: renewing them helps.
    TokenExpired,

    /// A webhook is never sent.
    Lost,
    /// A webhook is sent twice under the same delivery id.
    Doubled,
    /// A webhook is sent late.
    Late { ms: u64 },
    /// Beside the webhook a forged one is sent.
    Forged,
    /// A webhook is held for a random part of the span, so that several arrive in disorder.
    Shuffled { ms: u64 },
}

impl Fault {
    fn concerns_webhooks(&self) -> bool {
        matches!(self, Self::Lost | Self::Doubled | Self::Late { .. } | Self::Forged | Self::Shuffled { .. })
    }
}

/// A fault, where it strikes and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The stand's name of an operation, a webhook's topic, or `*`.
    #[serde(default = "everything")]
    pub operation: String,
    /// Lets this many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many calls it strikes; `null`: until cleared.
    #[serde(default = "once")]
    pub times: Option<u32>,
    #[serde(flatten)]
    pub fault: Fault,
}

fn everything() -> String {
    "*".to_owned()
}

#[allow(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn once() -> Option<u32> {
    Some(1)
}

impl Rule {
    /// Strikes the next call of `operation`.
    pub fn once(operation: &str, fault: Fault) -> Self {
        Self { operation: operation.to_owned(), skip: 0, times: Some(1), fault }
    }

    /// Strikes the next `times` calls.
    pub fn times(operation: &str, times: u32, fault: Fault) -> Self {
        Self { times: Some(times), ..Self::once(operation, fault) }
    }

    /// Strikes until cleared.
    pub fn always(operation: &str, fault: Fault) -> Self {
        Self { times: None, ..Self::once(operation, fault) }
    }

    /// Lets `skip` matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, operation: &str) -> bool {
        self.operation == "*" || self.operation == operation
    }
}

/// The rules in force at one stand; the first that matches strikes.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Rule>>);

/// Most rules that may wait.
const MOST: usize = 1_000;

impl Faults {
    /// False when there are too many rules already.
    pub fn add(&self, rule: Rule) -> bool {
        let mut rules = locked(&self.0);
        let room = rules.len() < MOST;
        if room {
            rules.push(rule);
        }
        room
    }

    pub fn clear(&self) {
        locked(&self.0).clear();
    }

    /// The rules that have not struck out yet.
    pub fn waiting(&self) -> Vec<Rule> {
        locked(&self.0).clone()
    }

    pub(super) fn take_for_call(&self, operation: &str) -> Option<Fault> {
        self.take(operation, false)
    }

    pub(super) fn take_for_webhook(&self, topic: &str) -> Option<Fault> {
        self.take(topic, true)
    }

    fn take(&self, operation: &str, webhook: bool) -> Option<Fault> {
        let mut rules = locked(&self.0);
        let mut struck = None;
        for (at, rule) in rules.iter_mut().enumerate() {
            if rule.fault.concerns_webhooks() != webhook || !rule.matches(operation) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|left| left.saturating_sub(1));
            struck = Some((at, rule.fault.clone(), rule.times == Some(0)));
            break;
        }
        let (at, fault, spent) = struck?;
        if spent {
            rules.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_where_and_as_often_as_told() {
        let faults = Faults::default();
        faults.add(Rule::times("read", 2, Fault::Status { status: 503 }).after(1));
        let struck: Vec<bool> = (0..4).map(|_| faults.take_for_call("read").is_some()).collect();
        assert_eq!(struck, [false, true, true, false]);
        assert!(faults.take_for_call("write").is_none());
        assert!(faults.waiting().is_empty(), "spent rules go");
    }

    #[test]
    fn webhooks_and_calls_do_not_take_each_other_s_faults() {
        let faults = Faults::default();
        faults.add(Rule::once("*", Fault::Lost));
        assert!(faults.take_for_call("read").is_none());
        assert_eq!(faults.take_for_webhook("orders/updated"), Some(Fault::Lost));
    }

    #[test]
    fn a_rule_reads_from_json() {
        let rule: Rule =
            serde_json::from_str(r#"{"operation":"read","times":null,"fault":"delay","ms":5}"#).unwrap();
        assert_eq!(rule, Rule::always("read", Fault::Delay { ms: 5 }));
        let rule: Rule = serde_json::from_str(r#"{"fault":"hang"}"#).unwrap();
        assert_eq!(rule, Rule::once("*", Fault::Hang));
    }
}
