//! The special sorts of orders.

use super::super::stand::Refused;
use super::order::Payment;

/// What is special about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Plain,
    TwoLocations,
    ThirdParty,
    OnHold,
    Scheduled,
    Pickup,
    Digital,
    Authorized,
    NoTransaction,
    Yen,
    Test,
    ManyLines,
    NoCustomer,
}

/// Every flavour by its word.
const FLAVOURS: [(&str, Flavour); 12] = [
    ("two_locations", Flavour::TwoLocations),
    ("third_party", Flavour::ThirdParty),
    ("on_hold", Flavour::OnHold),
    ("scheduled", Flavour::Scheduled),
    ("pickup", Flavour::Pickup),
    ("digital", Flavour::Digital),
    ("authorized", Flavour::Authorized),
    ("no_transaction", Flavour::NoTransaction),
    ("yen", Flavour::Yen),
    ("test", Flavour::Test),
    ("many_lines", Flavour::ManyLines),
    ("no_customer", Flavour::NoCustomer),
];

/// The words of `FLAVOURS`.
pub(super) const FLAVOUR_WORDS: [&str; 12] = {
    let mut words = [""; 12];
    let mut at = 0;
    while at < words.len() {
        words[at] = FLAVOURS[at].0;
        at += 1;
    }
    words
};

impl Flavour {
    pub(super) fn read(word: Option<&str>) -> Result<Self, Refused> {
        let Some(word) = word else { return Ok(Self::Plain) };
        FLAVOURS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, flavour)| *flavour)
            .ok_or_else(|| Refused::new(format!("no flavour {word}; there are {}", FLAVOUR_WORDS.join(", "))))
    }

    pub(super) fn payment(self, paid: bool) -> Payment {
        match self {
            Self::Authorized => Payment::Authorized,
            Self::NoTransaction => Payment::None,
            _ if paid => Payment::Paid,
            _ => Payment::Pending,
        }
    }

    pub(super) fn fulfillment_state(self) -> (&'static str, &'static str) {
        match self {
            Self::ThirdParty => ("IN_PROGRESS", "ACCEPTED"),
            Self::OnHold => ("ON_HOLD", "UNSUBMITTED"),
            Self::Scheduled => ("SCHEDULED", "UNSUBMITTED"),
            _ => ("OPEN", "UNSUBMITTED"),
        }
    }
}
