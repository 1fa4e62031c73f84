//! Erases customers' personal data now, and says what was erased.

use std::sync::Arc;

use super::{Answer, Call};
use crate::model::OrderKey;
use crate::store::EraseWho;
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// Orders in one request.
const ORDERS_MAX: usize = 1_000;

/// `POST /api/v1/erase` with `{"orders":[…]}` or `{"email"}`. Erasing again finds nothing more, so
/// an idempotency key changes nothing here.
pub async fn erase(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let who = who(&call.body)?;
    let erased = api.store.erase(who, Some(call.caller.name.clone()), api.now()).await?;
    Ok(reply::ok(&erased))
}

fn who(body: &[u8]) -> Result<EraseWho, Problem> {
    let mut fields = Fields::parse(body, &["orders", "email"])?;
    let email = fields.text("email")?;
    let key = |text: &str| text.parse::<OrderKey>().map_err(|error| format!("This is no order: {error}."));
    let orders = fields.texts("orders", ORDERS_MAX, key)?;
    match (orders, email) {
        (Some(orders), None) => Ok(EraseWho::Orders(orders)),
        (None, Some(email)) if email.contains('@') => Ok(EraseWho::Email(email)),
        (None, Some(_)) => Err(Problem::field("email", "This is no e-mail address: it has no @.")),
        (None, None) => Err(Problem::field("orders", "Say whom to erase: orders, or an email.")),
        (Some(_), Some(_)) => {
            Err(Problem::field("email", "Give either orders or an email, in two requests if it is both."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_must_be_said_who_and_only_once() {
        let orders = who(br#"{"orders":["tienda:1","tienda:2"]}"#).expect("read");
        assert!(matches!(orders, EraseWho::Orders(orders) if orders.len() == 2));
        assert!(matches!(who(br#"{"email":"a@example.com"}"#), Ok(EraseWho::Email(_))));
        for (body, field) in [
            (r"{}", "orders"),
            (r#"{"orders":[]}"#, "orders"),
            (r#"{"orders":["tienda"]}"#, "orders[0]"),
            (r#"{"email":"ana"}"#, "email"),
            (r#"{"email":"a@b","orders":["tienda:1"]}"#, "email"),
            (r#"{"order":["tienda:1"]}"#, "order"),
        ] {
            let refused = who(body.as_bytes()).expect_err("refused");
            assert_eq!((refused.status.as_u16(), refused.field.as_deref()), (422, Some(field)), "{body}");
        }
    }
}
