//! Copies that can be put back, and people who are forgotten for good.

use std::path::Path;
use std::process::Command;

use fenicia::sandbox::{Deed, Wish};
use serde_json::{Value, json};

use super::market::{Market, Plan};
use super::support::{Daemon, Folder};

const NAME: &str = "Zacarias Plantado";
const EMAIL: &str = "zacarias.plantado@example.net";
const STREET: &str = "Callejon del Olvido 77";
const NOTE: &str = "Ask for the plantado family";
const PHONE: &str = "+525570417755";

/// What must be nowhere, in pieces that no encoding hides.
const TRACES: [&str; 5] =
    ["Zacarias", "zacarias.plantado", "Callejon del Olvido", "plantado family", "5570417755"];

fn plant() -> Wish {
    Wish {
        paid: Some(true),
        name: Some(NAME.to_owned()),
        email: Some(EMAIL.to_owned()),
        phone: Some(PHONE.to_owned()),
        line1: Some(STREET.to_owned()),
        note: Some(NOTE.to_owned()),
        ..Wish::default()
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The files below `folder` in which one of the traces can be read.
fn traces(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    files(folder, &mut all);
    let mut found = Vec::new();
    for path in all {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for trace in TRACES {
            if bytes.windows(trace.len()).any(|window| window == trace.as_bytes()) {
                found.push(format!("{trace} in {}", path.display()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_erased_is_nowhere_any_more() {
    let mut market = Market::open(Plan::default()).await;
    market.ready().await;
    let mut planted = Vec::new();
    for shop in market.shops.iter().filter(|shop| shop.row.people) {
        let order = shop.place(&plant());
        market.agrees_on(shop).await;
        let shown = market.client().get(&shop.path(&order)).await;
        assert!(shown.text.contains("Plantado"), "{}: {}", shop.id, shown.text);
        planted.push((shop.id.clone(), order));
    }
    assert!(!planted.is_empty());
    let by_mail = market.client().post("/api/v1/erase", &json!({ "email": EMAIL })).await;
    assert_eq!((by_mail.status, &by_mail.body["keys_dropped"]), (200, &json!(true)), "{}", by_mail.text);
    // Marketplaces that hide the address: by order.
    let orders: Vec<String> = planted.iter().map(|(shop, order)| format!("{shop}:{order}")).collect();
    let by_order = market.client().post("/api/v1/erase", &json!({ "orders": orders })).await;
    assert_eq!(by_order.status, 200, "{}", by_order.text);

    for (id, order) in &planted {
        let shop = market.shops.iter().find(|shop| shop.id == *id).expect("the shop");
        // What the marketplace goes on telling about the order brings nobody back.
        shop.happen(order, &Deed::ChangeAddress { line1: Some(STREET.to_owned()) });
        shop.ship(std::slice::from_ref(order));
        market.agrees_on(shop).await;
        market.sync(shop, order).await;
        let shown = market.client().get(&shop.path(order)).await;
        for trace in TRACES {
            assert!(!shown.text.contains(trace), "{id}: {trace} in {}", shown.text);
        }
        let events = market.timeline(shop, order).await;
        assert!(events.iter().any(|event| event["kind"] == "erased"), "{id}: {events:#?}");
        let text = Value::from(events).to_string();
        assert!(TRACES.iter().all(|trace| !text.contains(trace)), "{id}: {text}");
        let found = market.client().all(&format!("/api/v1/orders?q={}", EMAIL.replace('@', "%40"))).await;
        assert!(found.is_empty(), "{id}: {found:?}");
    }
    let metrics = market.client().get("/metrics").await.text;
    assert!(TRACES.iter().all(|trace| !metrics.contains(trace)));
    let folder = market.folder.path().to_owned();
    assert_eq!(traces(&folder), Vec::<String>::new(), "while it runs");
    market.stop();
    assert_eq!(traces(&folder), Vec::<String>::new(), "after it stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_daemon_brings_every_order_back() {
    let mut market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        shop.ship(&shop.orders(3));
        shop.place(&plant());
    }
    market.agrees().await;
    let copy = market.folder.path().join("copy.redb");
    let before = copy_in_a_quiet_moment(&market, &copy).await;
    assert_eq!(traces(market.folder.path()), Vec::<String>::new(), "people are sealed in the copy as well");
    // What comes after the copy was made is not in it.
    for shop in market.shops.iter().filter(|shop| shop.row.webhooks.is_some()) {
        let order = shop.orders(1).remove(0);
        market.client().until(&shop.path(&order), |_| true).await;
    }
    market.stop();

    run(&market.folder, &["restore", "--replace"], &copy);
    let report = fenicia::store::verify(&market.folder.data(), None, false).expect("a store");
    assert_eq!(report.faults, []);
    market.folder.write("");
    let daemon = Daemon::start(&market.folder);
    let mut after = daemon.client.all("/api/v1/orders").await;
    assert_eq!(after.len(), before.len());
    // What can be done is asked of the channels, which this config leaves out.
    let mut before = before;
    for order in before.iter_mut().chain(&mut after) {
        order["capabilities"] = Value::Null;
    }
    assert_eq!(after, before);
    assert!(daemon.stop().success());
}

/// Makes copies until one was made while nothing changed; answers the orders of that moment.
async fn copy_in_a_quiet_moment(market: &Market, copy: &Path) -> Vec<Value> {
    let patience = market.client().patience();
    loop {
        for shop in &market.shops {
            market.idle(shop).await;
        }
        let before = market.client().all("/api/v1/orders").await;
        drop(std::fs::remove_file(copy));
        run(&market.folder, &["backup"], copy);
        if market.client().all("/api/v1/orders").await == before {
            return before;
        }
        assert!(patience.is_left(), "the orders never rest");
    }
}

fn run(folder: &Folder, words: &[&str], file: &Path) {
    let done = Command::new(env!("CARGO_BIN_EXE_fenicia"))
        .args(words)
        .arg(file)
        .arg("--config")
        .arg(folder.config())
        .env("FENICIA_URL", address(folder))
        .output()
        .expect("the binary starts");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn address(folder: &Folder) -> String {
    let text = std::fs::read_to_string(folder.data().join("addresses.json")).unwrap_or_default();
    let addresses: Value = serde_json::from_str(&text).unwrap_or_default();
    format!("http://{}", addresses["admin"].as_str().unwrap_or_default())
}
