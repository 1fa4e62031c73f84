//! An incoming webhook of Slack, or of a chat that takes the same.

use serde_json::json;

use super::Message;
use crate::net::{Method, Request};

pub(super) fn request(message: &Message, url: &str) -> Request {
    let mut text = format!("*fenicia: {}*\n{}", escaped(&message.subject), escaped(&message.text));
    if let Some(link) = &message.link {
        text.push_str(&format!("\n<{}|Open it in fenicia>", escaped(link)));
    }
    let body = json!({ "text": text }).to_string();
    Request::new("notify", Method::Post, url).body("application/json", body.into_bytes())
}

/// The three characters that the chat would read as a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
