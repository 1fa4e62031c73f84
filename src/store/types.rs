//! What goes into and comes out of the store's operations.

mod access;
mod command;
mod connection;
mod error;
mod list;
mod notification;
mod poll;
mod upkeep;
mod work;

pub use access::*;
pub use command::*;
pub use connection::*;
pub use error::*;
pub use list::*;
pub use notification::*;
pub use poll::*;
pub use upkeep::*;
pub use work::*;
