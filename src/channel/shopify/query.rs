//! The documents sent to GraphQL, and what each asks of the allowance.
//!
//! Points by the formula of the contract; the tests compute them from the text. One query may ask
//! for at most 1000.

/// A document and its requested cost.
pub(super) struct Query {
    /// For limits and metrics.
    pub operation: &'static str,
    pub text: &'static str,
    pub points: u32,
}

/// Orders of one call of [`ORDERS`], each counted in full: 10 × 91 points.
pub(super) const BATCH: u32 = 10;
/// Rows of a page of changes: Shopify's most.
pub(super) const PAGE: usize = 250;

macro_rules! lines {
    () => {
        "nodes { id sku title variantTitle quantity currentQuantity \
         originalUnitPriceSet { shopMoney { amount } } } pageInfo { hasNextPage endCursor }"
    };
}

macro_rules! sent_lines {
    () => {
        "nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor }"
    };
}

macro_rules! refunded_lines {
    () => {
        "nodes { quantity restockType lineItem { id } } pageInfo { hasNextPage endCursor }"
    };
}

macro_rules! waiting_lines {
    () => {
        "nodes { id remainingQuantity lineItem { id } } pageInfo { hasNextPage endCursor }"
    };
}

macro_rules! fulfilment_orders {
    () => {
        concat!(
            "nodes { id status requestStatus assignedLocation { location { id } } supportedActions { action } \
             lineItems(first: 20) { ",
            waiting_lines!(),
            " } } pageInfo { hasNextPage endCursor }"
        )
    };
}

/// What an order cannot do without, and what more is asked of each fulfilment.
macro_rules! essentials {
    ($of_fulfilments:expr) => {
        concat!(
            "id name processedAt updatedAt cancelledAt cancelReason note tags email phone \
             displayFinancialStatus displayFulfillmentStatus currencyCode \
             totalPriceSet { shopMoney { amount } } currentTotalPriceSet { shopMoney { amount } } \
             totalRefundedSet { shopMoney { amount } } \
             customer { firstName lastName displayName defaultPhoneNumber { phoneNumber } } \
             shippingAddress { name address1 address2 city province provinceCode zip countryCodeV2 phone } \
             billingAddress { name } \
             lineItems(first: 50) { ",
            lines!(),
            " } fulfillments(first: 50) { id status displayStatus createdAt \
             trackingInfo(first: 20) { company number url } ",
            $of_fulfilments,
            "} "
        )
    };
}

/// Sums and counts that are good to have.
macro_rules! extras {
    () => {
        concat!(
            "subtotalPriceSet { shopMoney { amount } } currentSubtotalPriceSet { shopMoney { amount } } \
             totalTaxSet { shopMoney { amount } } currentTotalTaxSet { shopMoney { amount } } \
             totalDiscountsSet { shopMoney { amount } } currentTotalDiscountsSet { shopMoney { amount } } \
             totalShippingPriceSet { shopMoney { amount } } \
             refunds(first: 50) { id totalRefundedSet { shopMoney { amount } } refundLineItems(first: 20) { ",
            refunded_lines!(),
            " } } "
        )
    };
}

macro_rules! sent {
    () => {
        concat!("fulfillmentLineItems(first: 20) { ", sent_lines!(), " } ")
    };
}

/// The work that waits; seeing it takes a permission of its own.
macro_rules! work {
    () => {
        concat!("fulfillmentOrders(first: 5) { ", fulfilment_orders!(), " } ")
    };
}

macro_rules! orders {
    ($points:literal, $($selection:expr),+) => {
        Query {
            operation: "fetch",
            text: concat!("query($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { ", $($selection),+, "} } }"),
            points: $points,
        }
    };
}

/// Ids and change times; the orders themselves are read with [`ORDERS`].
pub(super) const CHANGED: Query = Query {
    operation: "list",
    text: "query($after: String, $query: String!) { \
           orders(first: 250, after: $after, query: $query, sortKey: UPDATED_AT) { \
           nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }",
    points: 13,
};

/// Points are of one order.
pub(super) const ORDERS: Query = orders!(91, essentials!(sent!()), extras!(), work!());
/// For an app that may not see fulfilment orders.
pub(super) const ORDERS_WITHOUT_WORK: Query = orders!(41, essentials!(sent!()), extras!());
/// For a version of the API that lacks one of the extra fields.
pub(super) const BARE_ORDERS: Query = orders!(66, essentials!(""), work!());
pub(super) const BARE_ORDERS_WITHOUT_WORK: Query = orders!(16, essentials!(""));

pub(super) const MORE_LINES: Query = Query {
    operation: "fetch",
    text: concat!(
        "query($id: ID!, $after: String) { node(id: $id) { ... on Order { lineItems(first: 250, after: $after) { ",
        lines!(),
        " } } } }"
    ),
    points: 14,
};

pub(super) const MORE_WORK: Query = Query {
    operation: "fetch",
    text: concat!(
        "query($id: ID!, $after: String) { node(id: $id) { ... on Order { fulfillmentOrders(first: 20, after: $after) { ",
        fulfilment_orders!(),
        " } } } }"
    ),
    points: 83,
};

pub(super) const MORE_WAITING_LINES: Query = Query {
    operation: "fetch",
    text: concat!(
        "query($id: ID!, $after: String) { node(id: $id) { ... on FulfillmentOrder { lineItems(first: 250, after: $after) { ",
        waiting_lines!(),
        " } } } }"
    ),
    points: 25,
};

pub(super) const MORE_SENT_LINES: Query = Query {
    operation: "fetch",
    text: concat!(
        "query($id: ID!, $after: String) { node(id: $id) { ... on Fulfillment { fulfillmentLineItems(first: 250, after: $after) { ",
        sent_lines!(),
        " } } } }"
    ),
    points: 25,
};

pub(super) const MORE_REFUNDED_LINES: Query = Query {
    operation: "fetch",
    text: concat!(
        "query($id: ID!, $after: String) { node(id: $id) { ... on Refund { refundLineItems(first: 250, after: $after) { ",
        refunded_lines!(),
        " } } } }"
    ),
    points: 25,
};

pub(super) const PROBE: Query = Query {
    operation: "probe",
    text: "query { shop { myshopifyDomain } currentAppInstallation { accessScopes { handle } } }",
    points: 3,
};

pub(super) const SUBSCRIPTIONS: Query = Query {
    operation: "subscribe",
    text: "query($after: String) { webhookSubscriptions(first: 250, after: $after) { \
           nodes { topic uri } pageInfo { hasNextPage endCursor } } }",
    points: 13,
};

pub(super) const SUBSCRIBE: Query = Query {
    operation: "subscribe",
    text: "mutation($topic: WebhookSubscriptionTopic!, $uri: String!) { \
           webhookSubscriptionCreate(topic: $topic, webhookSubscription: { uri: $uri, format: JSON }) { \
           webhookSubscription { id } userErrors { field message } } }",
    points: 10,
};

pub(super) const SHIP: Query = Query {
    operation: "ship",
    text: "mutation($fulfillment: FulfillmentInput!) { fulfillmentCreate(fulfillment: $fulfillment) { \
           fulfillment { id status } userErrors { field message } } }",
    points: 10,
};

pub(super) const NUMBERS: Query = Query {
    operation: "ship",
    text: "query($id: ID!) { order(id: $id) { fulfillments(first: 50) { status trackingInfo(first: 20) { number } } } }",
    points: 3,
};

pub(super) const TRACK: Query = Query {
    operation: "tracking",
    text: "mutation($id: ID!, $tracking: FulfillmentTrackingInput!) { \
           fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: false) { \
           fulfillment { id status } userErrors { field message } } }",
    points: 50,
};

macro_rules! cancel {
    ($more:literal) => {
        concat!(
            "mutation($id: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $note: String) { \
             orderCancel(orderId: $id, reason: $reason, restock: $restock, notifyCustomer: false, staffNote: $note) { \
             job { id done } ",
            $more,
            " orderCancelUserErrors { field message code } userErrors { field message } } }"
        )
    };
}

/// Without a method of refund nothing is refunded, which the merchant was told before.
pub(super) const CANCEL: Query =
    Query { operation: "cancel", text: cancel!("jobResult { id status }"), points: 10 };

/// For versions before 2026-10.
pub(super) const CANCEL_PLAIN: Query = Query { operation: "cancel", text: cancel!(""), points: 10 };

pub(super) const CANCEL_STATE: Query =
    Query { operation: "cancel", text: "query($id: ID!) { order(id: $id) { cancelledAt } }", points: 1 };

pub(super) const CANCEL_JOB: Query = Query {
    operation: "cancel",
    text: "query($id: ID!, $job: ID!) { order(id: $id) { cancelledAt } job(id: $job) { done } }",
    points: 2,
};

pub(super) const CANCEL_RESULT: Query = Query {
    operation: "cancel",
    text: "query($id: ID!, $job: ID!) { order(id: $id) { cancelledAt } \
           node(id: $job) { ... on OrderCancelJobResult { status errors { code message } } } }",
    points: 3,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::shopify::samples;

    /// One field with what is selected below it.
    struct Field {
        name: String,
        first: Option<u32>,
        below: Vec<Field>,
    }

    /// Reads a document's text into fields; fragments count as their contents.
    fn parse(text: &str) -> (bool, Vec<Field>) {
        let spaced: String = text
            .chars()
            .flat_map(|c| match c {
                '{' | '}' | '(' | ')' | ':' | ',' => vec![' ', c, ' '],
                c => vec![c],
            })
            .collect();
        let mut words = spaced.split_whitespace().filter(|word| *word != ",").peekable();
        let mutation = text.trim_start().starts_with("mutation");
        let mut depth = 0;
        for word in words.by_ref() {
            match word {
                "(" => depth += 1,
                ")" => depth -= 1,
                "{" if depth == 0 => break,
                _ => {}
            }
        }
        (mutation, selection(&mut words))
    }

    fn selection<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "}" => break,
                "..." => {
                    assert_eq!(words.next(), Some("on"));
                    words.next();
                    assert_eq!(words.next(), Some("{"));
                    fields.extend(selection(words));
                }
                "(" => {
                    let mut depth = 1;
                    let mut arguments = Vec::new();
                    while depth > 0 {
                        let word = words.next().expect("a closed list of arguments");
                        depth += i32::from(matches!(word, "(" | "{")) - i32::from(matches!(word, ")" | "}"));
                        arguments.push(word);
                    }
                    let first = arguments.windows(3).find(|w| w[0] == "first" && w[1] == ":");
                    fields.last_mut().expect("a field").first = first.and_then(|w| w[2].parse().ok());
                }
                "{" => {
                    let below = selection(words);
                    fields.last_mut().expect("a field").below = below;
                }
                name => fields.push(Field { name: name.into(), first: None, below: Vec::new() }),
            }
        }
        fields
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
    fn weight(first: u32) -> u32 {
        if first == 1 { 1 } else { (2.0 * f64::from(first).ln()).floor() as u32 }
    }

    fn points(fields: &[Field]) -> u32 {
        fields.iter().map(field_points).sum()
    }

    fn field_points(field: &Field) -> u32 {
        if field.below.is_empty() || field.name.ends_with("Set") || field.name == "pageInfo" {
            return 0;
        }
        match (field.first, field.below.iter().find(|below| below.name == "nodes")) {
            (Some(first), Some(nodes)) => 2 + weight(first) * (1 + points(&nodes.below)),
            _ => 1 + points(&field.below),
        }
    }

    fn requested(text: &str) -> u32 {
        let (mutation, fields) = parse(text);
        if !mutation {
            return points(&fields);
        }
        let payload = |field: &Field| -> u32 { field.below.iter().map(|object| points(&object.below)).sum() };
        let base =
            |field: &Field| if field.name.starts_with("fulfillmentTrackingInfoUpdate") { 50 } else { 10 };
        fields.iter().map(|field| base(field) + payload(field)).sum()
    }

    #[test]
    fn the_formula_gives_what_the_contract_computed() {
        let Some(contract) = samples::text("README.md") else { return };
        let block =
            contract.split("```graphql").nth(1).and_then(|rest| rest.split("```").next()).expect("the query");
        assert_eq!(requested(block), 120);
        for (first, cost) in [(10, 482), (25, 722), (50, 842)] {
            let page =
                block.replace("order(id: $id) {", &format!("orders(first: {first}) {{ nodes {{")) + "}";
            assert_eq!(requested(&page), cost, "first: {first}");
        }
    }

    #[test]
    fn the_formula_gives_what_shopify_charged() {
        let Some(sample) = samples::json("graphql_fulfillment_multi_tracking.json") else { return };
        for (path, call) in [
            ("fulfillmentCreate", &sample["fulfillmentCreate"]),
            ("hydrate", &sample["setup"]["hydrateBeforeFulfillmentCreate"]),
            ("hydrate", &sample["hydrateBeforeFulfillmentCreate"]),
            ("update", &sample["fulfillmentTrackingInfoUpdate"]),
            ("read", &sample["downstreamRead"]),
        ] {
            let (Some(text), Some(cost)) = (
                call["query"].as_str(),
                call["response"]["extensions"]["cost"]["requestedQueryCost"].as_u64(),
            ) else {
                continue;
            };
            assert_eq!(u64::from(requested(text)), cost, "{path}");
        }
    }

    #[test]
    fn every_document_states_what_it_asks_for() {
        for query in [
            &CHANGED,
            &ORDERS,
            &ORDERS_WITHOUT_WORK,
            &BARE_ORDERS,
            &BARE_ORDERS_WITHOUT_WORK,
            &MORE_LINES,
            &MORE_WORK,
            &MORE_WAITING_LINES,
            &MORE_SENT_LINES,
            &MORE_REFUNDED_LINES,
            &PROBE,
            &SUBSCRIPTIONS,
            &SUBSCRIBE,
        ] {
            assert_eq!(requested(query.text), query.points, "{}", query.text);
        }
    }

    #[test]
    fn a_full_batch_stays_below_the_limit_of_one_query() {
        const { assert!(ORDERS.points * BATCH < 1000) };
        const { assert!(ORDERS.points * (BATCH + 1) > 1000, "the batch could be larger") };
    }
}
