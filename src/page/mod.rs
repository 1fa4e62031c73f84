//! The web page: HTML for people, served by the admin listener from the binary itself.
//!
//! Reads come from the store, commands go through `web::desk` as the API's do. Every page works
//! without script; the script only swaps fresh fragments of the same pages in.

mod ability;
mod actions;
mod asset;
mod attempts;
mod badge;
mod cancel;
mod channel;
mod channels;
mod chart;
mod csrf;
mod door;
mod export;
mod failure;
mod failures;
mod fields;
mod filters;
mod foreign;
mod form;
mod frame;
mod hours;
mod icons;
mod keys;
mod lag;
mod language;
mod leaf;
mod moment;
mod notifications;
mod once;
mod order;
mod orders;
mod outcome;
mod overview;
mod password;
mod reader;
mod reconnect;
mod route;
mod run;
mod said;
mod search;
mod searches;
mod session;
mod settings;
mod ship;
mod site;
mod story;
mod syncs;
mod timeline;
mod tracking;
mod trouble;
mod words;

pub use site::Page;
