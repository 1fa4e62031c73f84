//! What can be done with one order now, and in words why something cannot.

use serde::{Deserialize, Serialize};

use super::{CancelReason, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub ship: ShipAbility,
    pub tracking: TrackingAbility,
    pub cancel: CancelAbility,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipAbility {
    pub supported: bool,
    /// Why not, and where it can be done instead. Set exactly when not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Some lines or units may be shipped and the rest later.
    pub partial: bool,
    /// The carriers this order accepts; null when any text is accepted.
    pub carriers: Option<Vec<String>>,
    /// A carrier that is not listed may be sent as free text.
    pub carrier_other: bool,
    pub tracking_required: bool,
    /// A tracking URL must come with a carrier that is not listed.
    pub tracking_url_for_other: bool,
    /// The marketplace's deadline.
    pub ship_by: Option<Timestamp>,
    /// What follows, said before it is done: "marks all orders of the cart".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingAbility {
    pub supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Until when a number may be replaced.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAbility {
    pub supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The reasons this order allows, with the channel's own word beside each.
    pub reasons: Vec<ReasonChoice>,
    /// Longest note that the channel takes, in characters; null when it takes none.
    pub note_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonChoice {
    pub reason: CancelReason,
    pub channel_word: String,
}

impl Capabilities {
    /// Nothing is possible, for one reason: the order is the marketplace's own to fulfil, the
    /// channel is gone from the config, and so on.
    pub fn none(why: &str) -> Self {
        Self {
            ship: ShipAbility::no(why),
            tracking: TrackingAbility::no(why),
            cancel: CancelAbility::no(why),
        }
    }
}

impl ShipAbility {
    pub fn no(why: impl Into<String>) -> Self {
        Self {
            supported: false,
            why: Some(why.into()),
            partial: false,
            carriers: None,
            carrier_other: false,
            tracking_required: false,
            tracking_url_for_other: false,
            ship_by: None,
            consequence: None,
        }
    }
}

impl TrackingAbility {
    pub fn no(why: impl Into<String>) -> Self {
        Self { supported: false, why: Some(why.into()), until: None }
    }

    pub fn yes(until: Option<Timestamp>) -> Self {
        Self { supported: true, why: None, until }
    }
}

impl CancelAbility {
    pub fn no(why: impl Into<String>) -> Self {
        Self {
            supported: false,
            why: Some(why.into()),
            reasons: Vec::new(),
            note_limit: None,
            consequence: None,
        }
    }
}
