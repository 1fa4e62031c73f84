//! The ways in which somebody is told beside the page: a signed webhook, a chat, an e-mail.
//!
//! [`Message`] is what is said, made from notifications without input or output; [`Post`] says it
//! to one target of the config, once. Whether and when it is said again is not decided here.
//!
//! Limits: 20 s for an answer of a webhook or a chat, 10 s for each step of a mail server and a minute
//! for all of them; 64 KiB of an answer are read. No redirect is followed, and no name that leads
//! into an internal network, unless the config says so.

mod chat;
mod mail;
mod message;
mod post;
mod webhook;

pub use message::{Message, data};
pub use post::{Post, Undelivered};

#[cfg(test)]
mod tests;
