//! The marketplaces, played on loopback, as strict as their contracts say.
//!
//! For tests, benches, `fenicia demo` and newcomers. A [`Stand`] is one marketplace: it answers
//! calls, its shoppers place and change orders, it delivers webhooks, and it knows what must be
//! true of every order. Whatever the client does wrong is a [`Violation`], whatever it changes an
//! [`Effect`], and a [`Fault`] makes a chosen call go wrong. The control routes of `control` do all
//! of that over HTTP too.
//!
//! It shares no mapping code with the connectors, else it would prove nothing.
//!
//! ```no_run
//! # async fn example() -> Option<()> {
//! use fenicia::clock::Clock;
//! use fenicia::kinds;
//! use fenicia::random::Random;
//! use fenicia::sandbox::{Kit, Rule, Fault, Running, Tuning, Wish};
//!
//! let kit = Kit::new(Clock::system(), Random::seeded(1), Tuning::default());
//! let running = Running::open(kinds::stand("shopify", kit)?, 0).await.ok()?;
//! let stand = running.stand();
//! stand.kit().webhooks.set_target(Some("http://127.0.0.1:8480/webhooks/shop".to_owned()));
//! let order = stand.place(&Wish::default()).ok()?;
//! stand.kit().faults.add(Rule::once("order", Fault::ResetAfter));
//! // … run the client against `running.config("shop")` …
//! assert_eq!(stand.kit().violations.total(), 0);
//! assert_eq!(stand.truth(&order)?.status, "accepted");
//! running.stop().await;
//! # None }
//! ```

pub mod amazon;
mod book;
mod bucket;
#[cfg(test)]
mod contract;
mod control;
mod effects;
mod faults;
mod gate;
mod kit;
mod log;
pub mod mercadolibre;
mod message;
mod names;
mod server;
pub mod shopify;
mod shoppers;
mod stand;
pub mod tiktok_shop;
mod violations;
pub mod walmart;
mod webhooks;

pub use book::{Book, Full, MOST_ORDERS};
pub use bucket::Bucket;
pub use effects::{CallMade, Effect, Effects};
pub use faults::{Fault, Faults, Rule};
pub use kit::{Kit, Tuning};
pub use log::Log;
pub use message::{Request, Response};
pub use names::{Goods, Shopper, street, tracking};
pub use server::Running;
pub use shoppers::{Shoppers, stir, visit, visited};
pub use stand::{Deed, Refused, Stand, Truth, Wish, WishLine};
pub use violations::{Violation, Violations};
pub use webhooks::{Courier, DeliveryRecord, DeliveryState, Manner, Parcel, Try};

#[cfg(test)]
mod tests;
