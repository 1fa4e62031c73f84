//! Records of every release stay readable.
//!
//! Each folder of `tests/golden` holds one record per way it was ever written. A record that is
//! written in a new way is added beside the old ones: run this test once with `GOLDEN=write`.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::store::api_keys::KeyRow;
use crate::store::commands::AskedRow;
use crate::store::deliveries::Head;
use crate::store::jobs::{Job, Run, Waiter};
use crate::store::tables::Tab;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The record as it is written now is among the golden ones, and each of them reads as `value`.
fn check<T>(name: &str, tab: Tab, value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let folder = folder(name);
    let written = codec::encode(tab, value).expect("encode");
    let golden = || -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.map(|file| std::fs::read(file.path()).expect("golden file")).collect()
    };
    if !golden().contains(&written) && std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join(format!("{}.record", golden().len() + 1)), &written).expect("written");
    }
    assert!(golden().contains(&written), "{name} is written in a new way: keep the old way readable");
    for record in golden() {
        assert_eq!(codec::decode::<T>(tab, b"golden", &record).expect("readable"), *value, "{name}");
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_760_000_000 + secs)
}

fn sync_id() -> SyncId {
    SyncId(uuid::Uuid::from_u128(7))
}

fn error() -> SyncError {
    Failure::timeout("no answer in 30 s").http(504, Some("r-1".to_owned())).to_error(Some(at(9)))
}

#[test]
fn orders_and_people() {
    let (mut order, mut person) = testing::sample("tienda", 42, at(0));
    let name = Some("Elena Apellido42".to_owned());
    person.customer.name.clone_from(&name);
    if let Some(address) = &mut person.shipping_address {
        address.name = name;
    }
    order.shipments.push(Shipment {
        shipment_id: "s1".to_owned(),
        carrier: Some("DHL".to_owned()),
        tracking_number: Some("T1".to_owned()),
        tracking_url: None,
        status: Some(ShipmentStatus::InTransit),
        shipped_at: Some(at(5)),
        items: vec![ShipmentItem { line_id: "420".to_owned(), quantity: 1 }],
    });
    order.sync.error = Some(error());
    order.last_action = Some(LastAction {
        id: ActionId(uuid::Uuid::from_u128(3)),
        kind: "ship".to_owned(),
        state: ActionState::Done,
    });
    order.next_seq = 4;
    check("order", Tab::Orders, &order);
    check("person", Tab::Persons, &person);
}

#[test]
fn events_and_changes() {
    let event = Event::new(at(1), EventKind::StatusChanged, Some(Trigger::Webhook), "Status: shipped")
        .by(Some("ana".to_owned()))
        .changes(vec![FieldChange {
            field: "status".to_owned(),
            from: Some("accepted".to_owned()),
            to: Some("shipped".to_owned()),
        }])
        .error(error());
    check("event", Tab::Timeline, &event);
    let change = Change {
        seq: 9,
        at: at(1),
        order_id: order_key("tienda:42"),
        change: "updated".to_owned(),
        status: OrderStatus::Shipped,
        payment_status: PaymentStatus::PartiallyRefunded,
        fields: vec!["status".to_owned()],
    };
    check("change", Tab::Changes, &change);
}

#[test]
fn work() {
    let job = Job {
        wanted: 9,
        done: 3,
        lane: Lane::Manual,
        due: at(2),
        parked: false,
        attempts: 2,
        interrupted: 1,
        misses: 1,
        run: Some(Run { boot: 4, seen: 8, next: Some((Lane::Webhook, at(3))) }),
        by: Some("ana".to_owned()),
        events: vec![Event::new(at(1), EventKind::SyncRequested, Some(Trigger::Manual), "Sync requested")],
        waiters: vec![Waiter { sync: sync_id(), generation: 9 }],
        bulk: Some(Waiter { sync: sync_id(), generation: 5 }),
    };
    check("job", Tab::Jobs, &job);
    let head = Head {
        delivery_id: "d1".to_owned(),
        topic: "orders/updated".to_owned(),
        notes: vec![("shop".to_owned(), "x".to_owned())],
        received_at: at(0),
        attempts: 1,
        applied: true,
        unknown: 1,
        alias: None,
    };
    check("delivery", Tab::Inbox, &head);
    let window = Window {
        from: at(0),
        to: Some(at(60)),
        token: Some("p2".to_owned()),
        proposed: Some(at(50)),
        boot: 4,
    };
    let place = PollState {
        watermark: Some(at(0)),
        window: Some(window),
        last_ok: Some(at(1)),
        last_begun: Some(at(2)),
    };
    check("poll", Tab::Polls, &place);
    let status = SyncStatus {
        id: sync_id(),
        channel: tienda(),
        order: Some(order_key("tienda:42")),
        state: SyncRunState::Failed,
        phase: SyncPhase::Syncing,
        since: Some(at(0)),
        started_by: Some("ana".to_owned()),
        started_at: at(1),
        ended_at: Some(at(2)),
        found: 3,
        done: 1,
        failed: 2,
        total: Some(4),
        token: Some("p3".to_owned()),
        boot: 4,
        error: Some(error()),
        failed_orders: Vec::new(),
    };
    check("sync", Tab::Syncs, &status);
}

#[test]
fn connections_and_tokens() {
    let state = ConnectionState {
        kind: "shop".to_owned(),
        status: ConnectionStatus::NeedsReconnect,
        status_since: at(0),
        last_success_at: Some(at(1)),
        last_error: Some(ChannelError {
            kind: FailureKind::Permission,
            message: "revoked".to_owned(),
            at: at(2),
        }),
        last_webhook_at: Some(at(3)),
        parked_until: Some(at(4)),
        failures: 5,
        poll_refused: false,
        credentials: "print".to_owned(),
        dead_grant: None,
    };
    check("connection", Tab::Connections, &state);
    let dead = ConnectionState { dead_grant: Some("used before".to_owned()), ..state };
    check("connection_with_dead_grant", Tab::Connections, &dead);
    check("allowance", Tab::Allowances, &Left { tokens: -2.5, at: at(6), per_second: 0.5 });
    let tokens = Tokens {
        access: Secret::new("a"),
        expires_at: Some(at(1)),
        obtained_at: at(0),
        refresh: Some(Secret::new("r")),
        refresh_expires_at: Some(at(2)),
        generation: 3,
        scopes: vec!["read_orders".to_owned()],
        extra: [("cipher".to_owned(), "x".to_owned())].into(),
    };
    check("tokens", Tab::Tokens, &tokens);
}

#[test]
fn actions_and_failures() {
    let action = Action {
        id: ActionId(uuid::Uuid::from_u128(3)),
        order: order_key("tienda:42"),
        request: ActionRequest::Ship {
            carrier: "DHL".to_owned(),
            tracking_number: Some("T1".to_owned()),
            tracking_url: None,
            items: vec![ShipLine { line_id: "420".to_owned(), quantity: 1 }],
        },
        state: ActionState::Running,
        attempts: 2,
        failed_tries: 0,
        by: Some("ana".to_owned()),
        requested_at: at(0),
        updated_at: at(1),
        sent_boot: Some(4),
        memo: [("key".to_owned(), "k".to_owned())].into(),
        error: Some(error()),
    };
    check("action", Tab::Actions, &action);
    let failure = FailureRow {
        id: sync_id().to_string(),
        what: FailedWhat::Action,
        channel: tienda(),
        order_id: Some(order_key("tienda:42")),
        action_id: Some(action.id),
        error: error(),
        attempts: 2,
        failed_at: at(1),
        next_attempt_at: Some(at(2)),
    };
    check("failure", Tab::Failures, &failure);
    let notification = Notification {
        id: sync_id().to_string(),
        key: "order:tienda:42".to_owned(),
        kind: "sync_failed".to_owned(),
        channel: Some(tienda()),
        order_id: Some(order_key("tienda:42")),
        error: Some(error()),
        message: "what".to_owned(),
        advice: "do".to_owned(),
        count: 2,
        opened_at: at(0),
        closed_at: Some(at(1)),
        read: true,
        tellings: Vec::new(),
    };
    check("notification", Tab::Notifications, &notification);
}

#[test]
fn sessions() {
    let session = Session {
        caller: "user:ana".to_owned(),
        name: "ana".to_owned(),
        role: Role::Operator,
        ground: [7; 32],
        began_at: at(0),
        seen_at: at(1),
    };
    check("session", Tab::Sessions, &session);
}

#[test]
fn keys_and_answers() {
    let key = ApiKey {
        id: sync_id().to_string(),
        name: "erp".to_owned(),
        role: Role::Operator,
        created_at: at(0),
        last_used_at: Some(at(1)),
    };
    check("api_key", Tab::ApiKeys, &KeyRow { key: key.clone(), hash: vec![7; 32] });
    let answers = [
        ("sync", CommandAnswer::Sync(sync_id())),
        ("action", CommandAnswer::Action(ActionId(uuid::Uuid::from_u128(3)))),
        ("retried", CommandAnswer::Retried(4)),
        ("key", CommandAnswer::Key { key, secret: None }),
        ("done", CommandAnswer::Done),
    ];
    for (name, answer) in answers {
        let row = AskedRow { hash: [9; 32], answer, expires_at: at(3) };
        check(&format!("answer_{name}"), Tab::Asked, &row);
    }
}
