//! What the seller's client may change: reports about parcels, the rating of a sale, notes.

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::notify::Event;
use super::shop::{give_up, note};
use super::world::{Farewell, Feedback, Mode, Report, Stage, World};
use super::{Site, problem, show};
use crate::model::Timestamp;

const PAIRS: [(&str, &str); 8] = [
    ("shipped", "null"),
    ("shipped", "out_for_delivery"),
    ("shipped", "receiver_absent"),
    ("shipped", "dangerous_area"),
    ("shipped", "bad_address"),
    ("shipped", "unauthorized_receiver"),
    ("delivered", "null"),
    ("not_delivered", "returning_to_sender"),
];
const REASONS: [&str; 25] = [
    "OUT_OF_STOCK",
    "BUYER_NOT_ENOUGH_MONEY",
    "BUYER_REGRETS",
    "SELLER_REGRETS",
    "BUYER_DID_NOT_ANSWER",
    "THEY_NOT_HONORING_POLICIES",
    "OTHER_MY_RESPONSIBILITY",
    "OTHER_THEIR_RESPONSIBILITY",
    "DUBIOUS_BUYER",
    "HIGH_ML_COMISSION",
    "HIGH_TAXES",
    "SELLER_HOLIDAY",
    "UNFRIENDLY_SHIPMENT_POLICY",
    "UNAVAILABLE_PRODUCT",
    "SELLER_ADDRESS_WITHDRAWAL",
    "WRONG_RECEIVER_ADDRESS",
    "HIGH_SHIPMENT_COST",
    "WRONG_SHIPMENT_COST",
    "UNPRINTED_LABEL",
    "UNWITHDRAWN_PRODUCT_BY_DELIVER_COMPANY",
    "DENIED_PACKAGE",
    "UNABLE_TO_READ_LABEL",
    "MANUFACTURING_PRODUCT_NOT_FINISHED",
    "SHIPMENT_PROBLEM_OTHER",
    "DELIVERY_COMPANY_PROBLEM_OTHER",
];

/// What a write needs to know.
pub(super) struct Desk<'a> {
    pub world: &'a mut World,
    pub request: &'a Request,
    pub site: &'a Site,
    pub kit: &'a Kit,
    pub now: Timestamp,
}

/// An answer and what the marketplace tells because of it.
pub(super) type Written = (Response, Vec<Event>);

impl Desk<'_> {
    fn breach(&self, rule: &str, detail: &str) {
        self.kit.breach(self.request, rule, detail);
    }

    fn refuse(&self, rule: &str, status: u16, error: &str, message: &str) -> Written {
        self.breach(rule, message);
        (problem(status, error, message), Vec::new())
    }

    fn body(&self) -> Value {
        if self.request.content_type().as_deref() != Some("application/json") {
            self.breach("content_type", "a write is JSON");
        }
        self.request.json().unwrap_or_default()
    }

    /// `POST /shipments/{id}/seller_notifications`.
    pub(super) fn report(&mut self, id: u64) -> Written {
        let body = self.body();
        let Some(parcel) = self.world.parcels.get(&id) else {
            return (super::not_found("shipment"), Vec::new());
        };
        if parcel.mode != Mode::Me1 {
            return self.refuse("not_me1", 400, "bad_request", "the shipment is not of mode me1");
        }
        if !parcel.paid || parcel.status == "cancelled" {
            return self.refuse("not_to_be_shipped", 400, "bad_request", "the shipment cannot be reported");
        }
        let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let pair = (word("status"), word("substatus"));
        if !PAIRS.contains(&pair) {
            return self.refuse("report_pair", 400, "bad_request", "status and substatus do not go together");
        }
        if pair != ("shipped", "null") {
            return self.refuse(
                "irreversible_report",
                400,
                "bad_request",
                "the sandbox refuses final reports",
            );
        }
        let payload = body.get("payload").cloned().unwrap_or_default();
        let date = payload.get("date").and_then(Value::as_str).and_then(Timestamp::parse);
        if date.is_none() {
            return self.refuse(
                "report_date",
                400,
                "bad_request",
                "payload.date is not a date with an offset",
            );
        }
        let number = body.get("tracking_number").and_then(Value::as_str).map(str::to_owned);
        if number.is_some()
            && payload.get("service_id").and_then(Value::as_u64) != Some(self.site.me1_service_id)
        {
            return self.refuse("service_id", 400, "invalid_service_id", "the service is not of this site");
        }
        self.kit.effect(
            "seller_notifications",
            self.first_sale(id).as_deref(),
            json!({"shipment": id, "tracking_number": number}),
        );
        let events = self.accept_report(id, number);
        (Response::json(200, &json!({"status": "OK"})), events)
    }

    /// At once, or after the while that this parcel takes.
    fn accept_report(&mut self, id: u64, number: Option<String>) -> Vec<Event> {
        let Some(parcel) = self.world.parcels.get_mut(&id) else { return Vec::new() };
        if !parcel.slow.is_zero() && !parcel.has_left() {
            let shows_at = self.now.plus(parcel.slow);
            parcel.reported = Some(Report { number });
            self.world.reported.insert((shows_at, id));
            return Vec::new();
        }
        self.world.dispatch(id, number, self.now);
        self.parcel_event(id)
    }

    fn first_sale(&self, parcel: u64) -> Option<String> {
        self.world.parcels.get(&parcel)?.sales.first().map(u64::to_string)
    }

    fn parcel_event(&self, id: u64) -> Vec<Event> {
        let first = self.world.parcels.get(&id).and_then(|parcel| parcel.sales.first());
        first.map(|sale| Event::shipment(id, *sale)).into_iter().collect()
    }

    /// `PUT /shipments/{id}`, for custom shipments.
    pub(super) fn update_shipment(&mut self, id: u64) -> Written {
        let body = self.body();
        let Some(parcel) = self.world.parcels.get(&id) else {
            return (super::not_found("shipment"), Vec::new());
        };
        if parcel.mode != Mode::Custom {
            return self.refuse("not_custom", 400, "bad_request", "the shipment is not of mode custom");
        }
        if body.get("receiver_id").and_then(Value::as_u64) != Some(parcel.receiver_id) {
            let message = "Unauthorized receiver_id for order_id";
            return self.refuse("receiver_id", 401, "invalid_user_id_for_order", message);
        }
        let number = body.get("tracking_number").and_then(Value::as_str).map(str::to_owned);
        let (has_number, status) = (parcel.tracking_number.is_some(), parcel.status);
        match body.get("status").and_then(Value::as_str) {
            None if number.is_none() => self.refuse("empty_update", 400, "bad_request", "nothing to change"),
            None => {
                self.kit.effect(
                    "update_shipment",
                    self.first_sale(id).as_deref(),
                    json!({"tracking_number": number}),
                );
                self.world.move_parcel(id, self.now, |parcel| parcel.tracking_number = number);
                (self.shown(id), self.parcel_event(id))
            }
            Some("shipped") if number.is_none() && !has_number => {
                self.refuse("tracking_required", 400, "bad_request", "tracking_number is required")
            }
            Some("shipped") if parcel.paid && matches!(status, "pending" | "shipped") => {
                self.kit.effect(
                    "update_shipment",
                    self.first_sale(id).as_deref(),
                    json!({"status": "shipped", "tracking_number": number}),
                );
                self.world.dispatch(id, number, self.now);
                (self.shown(id), self.parcel_event(id))
            }
            Some(_) => self.refuse("shipment_transition", 400, "bad_request", "the shipment cannot go there"),
        }
    }

    fn shown(&self, id: u64) -> Response {
        let parcel = self.world.parcels.get(&id);
        let sale = parcel.and_then(|parcel| self.world.sale(*parcel.sales.first()?));
        match parcel.zip(sale) {
            Some((parcel, sale)) => Response::json(200, &show::shipment(parcel, sale, self.site)),
            None => super::not_found("shipment"),
        }
    }

    /// `POST /orders/{id}/feedback`: the one way for a seller to give a sale up.
    pub(super) fn feedback(&mut self, id: u64) -> Written {
        let body = self.body();
        let Some(sale) = self.world.sale(id) else { return (super::not_found("order"), Vec::new()) };
        if sale.feedback.is_some() {
            return self.refuse("second_feedback", 400, "bad_request", "the order has a feedback already");
        }
        let Some(fulfilled) = body.get("fulfilled").and_then(Value::as_bool) else {
            return self.refuse("fulfilled", 400, "invalid_fulfilled", "fulfilled must be a boolean");
        };
        let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (rating, message, reason) = (word("rating"), word("message"), word("reason"));
        if !matches!((fulfilled, rating.as_str()), (_, "negative" | "neutral") | (true, "positive")) {
            return self.refuse("rating", 400, "bad_request", "the rating does not fit");
        }
        if message.is_empty() || message.chars().count() >= 160 {
            return self.refuse("message", 400, "bad_request", "message is missing or too long");
        }
        if !fulfilled && !REASONS.contains(&reason.as_str()) {
            return self.refuse("reason", 400, "bad_request", "the reason is unknown");
        }
        if !fulfilled && self.now >= sale.expires_at() {
            let error = "not_fulfilled_feedback_in_order_expired";
            return (problem(400, error, "the order has expired"), Vec::new());
        }
        let left = matches!(sale.stage, Stage::Sent | Stage::Arrived);
        if !fulfilled && left {
            return self.refuse("feedback_after_dispatch", 400, "bad_request", "the order has been shipped");
        }
        self.kit.effect("feedback", Some(&id.to_string()), json!({"fulfilled": fulfilled, "reason": reason}));
        self.rate(id, Feedback { id: 0, at: self.now, fulfilled, rating, reason: Some(reason), message })
    }

    fn rate(&mut self, id: u64, mut feedback: Feedback) -> Written {
        feedback.id = self.world.number(5_040_068_000_000);
        let fulfilled = feedback.fulfilled;
        self.world.change(id, self.now, |sale| sale.feedback = Some(feedback));
        let events = if fulfilled {
            self.world.change(id, self.now, |sale| sale.fulfilled = Some(true));
            vec![Event::order(id)]
        } else {
            let ended = self.world.sale(id).is_some_and(|sale| sale.stage == Stage::GivenUp);
            if ended { vec![Event::order(id)] } else { give_up(self.world, id, Farewell::Rated, self.now) }
        };
        let shown = self.world.sale(id).and_then(|sale| Some(show::feedback(sale.feedback.as_ref()?, sale)));
        (Response::json(201, &shown.unwrap_or_default()), events)
    }

    /// `POST /orders/{id}/notes`.
    pub(super) fn add_note(&mut self, id: u64) -> Written {
        let body = self.body();
        let text = body.get("note").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !(1..=300).contains(&text.chars().count()) {
            return self.refuse("note_length", 400, "bad_request", "a note has 1 to 300 characters");
        }
        if self.world.sale(id).is_none() {
            return (super::not_found("order"), Vec::new());
        }
        let note = note(self.world, &text, self.now);
        let shown = json!({"note": {"id": note.id, "note": note.text}});
        self.kit.effect("add_note", Some(&id.to_string()), json!({}));
        self.world.change(id, self.now, |sale| sale.notes.push(note));
        (Response::json(201, &shown), vec![Event::order(id)])
    }
}
