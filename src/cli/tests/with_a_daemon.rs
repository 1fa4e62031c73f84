//! The client commands against an API that answers from a list.

use std::collections::BTreeMap;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::*;

type Answers = BTreeMap<&'static str, (u16, &'static str)>;

/// Answers each `METHOD path` from the list, with 404 elsewhere; keeps what was asked.
struct Api {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    async fn open(answers: &[(&'static str, u16, &'static str)]) -> Self {
        let answers: Arc<Answers> =
            Arc::new(answers.iter().map(|(ask, status, body)| (*ask, (*status, *body))).collect());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, heard) = (Arc::clone(&answers), Arc::clone(&heard));
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&answers), Arc::clone(&heard)));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, asked }
    }

    /// Runs a command line on a pipe: what it printed, what it said, how it ended.
    async fn run(&self, line: &str) -> (String, String, Option<trouble::Exit>) {
        let line = format!("{line} --url {} --key fk_test --config /nonexistent/config.toml", self.url);
        let (mut screen, out, err) = screen(false);
        let done = match parse(&line).expect("understood").command {
            Command::Channels(channels) => channels.run(&mut screen).await,
            Command::Orders(orders) => orders.run(&mut screen).await,
            Command::Sync(sync) => sync.run(&mut screen).await,
            Command::Ship(ship) => ship.run(&mut screen).await,
            Command::Cancel(cancel) => cancel.run(&mut screen).await,
            Command::Track(track) => track.run(&mut screen).await,
            Command::Failures(failures) => failures.run(&mut screen).await,
            Command::Retry(retry) => retry.run(&mut screen).await,
            Command::Dismiss(dismiss) => dismiss.run(&mut screen).await,
            Command::Key(keys) => keys.run(&mut screen).await,
            Command::Export(export) => export.run(&mut screen).await,
            Command::Backup(backup) => backup.run(&mut screen).await,
            Command::Erase(erase) => erase.run(&mut screen).await,
            Command::Connect(connect) => connect.run(&mut screen).await,
            other => panic!("no client command: {other:?}"),
        };
        let exit = done.err().map(|trouble| {
            screen.trouble(&trouble);
            trouble.exit
        });
        (out.text(), err.text(), exit)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: Arc<Answers>,
    heard: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let ask = format!("{} {}", request.method(), request.uri());
    let known = request.headers().get("authorization").is_some_and(|value| value == "Bearer fk_test");
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let text = String::from_utf8_lossy(&body);
    heard.lock().expect("unpoisoned").push(format!("{ask} {text}").trim_end().to_owned());
    let missing =
        (404, r#"{"title":"Not found","status":404,"detail":"There is no such thing.","code":"not_found"}"#);
    let refused = (401, r#"{"title":"Unauthenticated","status":401,"code":"unauthenticated"}"#);
    let (status, body) = if known { answers.get(ask.as_str()).copied().unwrap_or(missing) } else { refused };
    Ok(Response::builder().status(status).body(Full::from(body)).expect("an answer"))
}

#[tokio::test]
async fn a_channel_is_synced_and_followed_to_its_end() {
    let api = Api::open(&[
        ("POST /api/v1/channels/tienda/sync", 202, r#"{"sync_id":"s1"}"#),
        ("GET /api/v1/syncs/s1", 200, r#"{"state":"done","phase":"syncing","found":7,"done":7,"failed":0}"#),
    ])
    .await;
    let (out, err, exit) = api.run("sync tienda --since 2025-11-01").await;
    assert_eq!((out.as_str(), err.as_str(), exit), ("tienda\tdone\t7\t7\t0\n", "", None));
    assert_eq!(api.asked()[0], r#"POST /api/v1/channels/tienda/sync {"since":"2025-11-01T00:00:00Z"}"#);
}

#[tokio::test]
async fn a_sync_that_is_already_running_is_followed() {
    let api = Api::open(&[
        (
            "POST /api/v1/channels/tienda/sync",
            409,
            r#"{"title":"Conflict","code":"conflict","sync_id":"s9"}"#,
        ),
        ("GET /api/v1/syncs/s9", 200, r#"{"state":"failed","found":7,"done":5,"failed":2}"#),
    ])
    .await;
    let (out, err, exit) = api.run("sync tienda").await;
    assert_eq!(out, "tienda\tfailed\t7\t5\t2\n");
    assert!(err.contains("already running") && err.contains("fenicia channels tienda"), "{err}");
    assert_eq!(exit, Some(trouble::Exit::Failed));
}

#[tokio::test]
async fn an_order_whose_sync_fails_says_why() {
    let api = Api::open(&[
        ("POST /api/v1/orders/tienda:1/sync", 202, r#"{"sync_id":"s1"}"#),
        ("GET /api/v1/syncs/s1", 200, r#"{"state":"failed","found":1,"done":0,"failed":1}"#),
        (
            "GET /api/v1/orders/tienda:1",
            200,
            r#"{"id":"tienda:1","sync":{"state":"failed","error":{"kind":"permission","message":"token expired","advice":"Reconnect the channel."}}}"#,
        ),
    ])
    .await;
    let (_, err, exit) = api.run("sync tienda:1").await;
    assert!(err.contains("why: token expired\n  now: Reconnect the channel."), "{err}");
    assert_eq!(exit, Some(trouble::Exit::Failed));
}

#[tokio::test]
async fn the_address_at_which_the_browser_ended_ends_a_consent() {
    let api = Api::open(&[("POST /api/v1/channels/tienda/connect", 200, r#"{"connected":true}"#)]).await;
    let (_, err, exit) = api.run("connect tienda --answer https://a.example/cb?code=c&state=s").await;
    assert_eq!((err.as_str(), exit), ("tienda is connected.\n", None));
    assert_eq!(
        api.asked(),
        [r#"POST /api/v1/channels/tienda/connect {"answer":"https://a.example/cb?code=c&state=s"}"#]
    );
}

#[tokio::test]
async fn units_are_shipped_by_their_sku_and_the_outcome_awaited() {
    let api = Api::open(&[
        (
            "GET /api/v1/orders/tienda:1",
            200,
            r#"{"id":"tienda:1","items":[{"line_id":"L1","sku":"MUG","quantity":2}]}"#,
        ),
        ("POST /api/v1/orders/tienda:1/ship", 202, r#"{"id":"a1","kind":"ship","state":"queued"}"#),
        ("GET /api/v1/actions/a1", 200, r#"{"id":"a1","kind":"ship","state":"done","attempts":1}"#),
    ])
    .await;
    let (out, err, exit) = api.run("ship tienda:1 --carrier DHL --tracking 1Z --item MUG=1").await;
    assert_eq!((out.as_str(), err.as_str(), exit), ("a1\tship\tdone\t1\n", "", None));
    assert_eq!(
        api.asked()[1],
        r#"POST /api/v1/orders/tienda:1/ship {"carrier":"DHL","items":[{"line_id":"L1","quantity":1}],"tracking_number":"1Z"}"#
    );
}

#[tokio::test]
async fn an_action_with_an_unknown_outcome_is_not_a_success() {
    let api = Api::open(&[
        ("POST /api/v1/orders/tienda:1/cancel", 202, r#"{"id":"a1","kind":"cancel","state":"queued"}"#),
        ("GET /api/v1/actions/a1", 200, r#"{"id":"a1","kind":"cancel","state":"unknown","attempts":2}"#),
    ])
    .await;
    let (_, err, exit) = api.run("cancel tienda:1 --reason out_of_stock").await;
    assert!(err.contains("unknown") && err.contains("before you try again"), "{err}");
    assert_eq!(exit, Some(trouble::Exit::Failed));
}

#[tokio::test]
async fn a_list_is_read_page_by_page_up_to_its_limit() {
    let api = Api::open(&[
        (
            "GET /api/v1/orders?status=shipped&limit=3",
            200,
            r#"{"items":[{"id":"a:1"},{"id":"a:2"}],"next_cursor":"c"}"#,
        ),
        (
            "GET /api/v1/orders?status=shipped&limit=1&cursor=c",
            200,
            r#"{"items":[{"id":"a:3"}],"next_cursor":"d"}"#,
        ),
    ])
    .await;
    let (out, _, exit) = api.run("orders --status shipped --limit 3 --json").await;
    assert_eq!(
        out,
        "{\"items\":[{\"id\":\"a:1\"},{\"id\":\"a:2\"},{\"id\":\"a:3\"}],\"next_cursor\":\"d\"}\n"
    );
    assert_eq!(exit, None);
}

#[tokio::test]
async fn an_order_comes_with_its_timeline() {
    let api = Api::open(&[
        ("GET /api/v1/orders/tienda:1", 200, r#"{"id":"tienda:1","status":"paid"}"#),
        (
            "GET /api/v1/orders/tienda:1/timeline?limit=200",
            200,
            r#"{"items":[{"seq":0}],"next_cursor":null}"#,
        ),
    ])
    .await;
    let (out, _, _) = api.run("orders tienda:1 --json").await;
    assert_eq!(out, "{\"id\":\"tienda:1\",\"status\":\"paid\",\"timeline\":[{\"seq\":0}]}\n");
}

#[tokio::test]
async fn what_is_not_there_and_who_is_not_there_end_differently() {
    let api = Api::open(&[]).await;
    let (out, err, exit) = api.run("channels nowhere").await;
    assert_eq!((out.as_str(), exit), ("", Some(trouble::Exit::NotFound)));
    assert!(err.starts_with("error: not found\n  why: There is no such thing."), "{err}");

    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone =
        Api { url: format!("http://{}", port.local_addr().expect("an address")), asked: Arc::default() };
    drop(port);
    let (_, err, exit) = gone.run("channels").await;
    assert_eq!(exit, Some(trouble::Exit::Unreachable));
    assert!(err.contains("cannot reach the daemon at http://127.0.0.1:"), "{err}");
}

#[tokio::test]
async fn a_new_key_is_the_only_thing_on_standard_output() {
    let api = Api::open(&[(
        "POST /api/v1/keys",
        201,
        r#"{"id":"k1","name":"erp","role":"operator","created_at":"2025-11-24T16:00:00Z","last_used_at":null,"key":"fk_secret"}"#,
    )])
    .await;
    let (out, err, _) = api.run("key create --name erp --role operator").await;
    assert_eq!(out, "fk_secret\n");
    assert!(!err.contains("fk_secret"), "{err}");
}

#[tokio::test]
async fn an_export_passes_through_as_it_is() {
    let api = Api::open(&[(
        "GET /api/v1/orders/export?channel=tienda&format=csv&columns=id%2Ctotal",
        200,
        "id,total\r\ntienda:1,9.00\r\n",
    )])
    .await;
    let (out, err, exit) = api.run("export --format csv --channel tienda --columns id,total").await;
    assert_eq!((out.as_str(), err.as_str(), exit), ("id,total\r\ntienda:1,9.00\r\n", "", None));
}

#[tokio::test]
async fn a_backup_arrives_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store.backup");
    let api = Api::open(&[("POST /api/v1/backup", 200, "REDB…")]).await;
    let (out, _, exit) = api.run(&format!("backup {}", file.display())).await;
    assert_eq!((out, exit), (format!("{}\t7\n", file.display()), None));
    assert_eq!(std::fs::read(&file).expect("the copy"), "REDB…".as_bytes());

    let full =
        Api::open(&[("POST /api/v1/backup", 503, r#"{"title":"Shutting down","code":"unavailable"}"#)]).await;
    let other = folder.path().join("other.backup");
    let (_, err, exit) = full.run(&format!("backup {}", other.display())).await;
    assert_eq!(exit, Some(trouble::Exit::Failed), "{err}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left behind");
}

#[tokio::test]
async fn an_erasure_without_its_proof_is_a_failure() {
    let api =
        Api::open(&[("POST /api/v1/erase", 200, r#"{"orders":["tienda:1"],"keys_dropped":true}"#)]).await;
    let (out, _, exit) = api.run("erase tienda:1").await;
    assert_eq!((out.as_str(), exit), ("tienda:1\tyes\n", None));
    let api =
        Api::open(&[("POST /api/v1/erase", 200, r#"{"orders":["tienda:1"],"keys_dropped":false}"#)]).await;
    let (_, _, exit) = api.run("erase --email a@example.com").await;
    assert_eq!(exit, Some(trouble::Exit::Failed));
    assert_eq!(api.asked()[0], r#"POST /api/v1/erase {"email":"a@example.com"}"#);
}

#[tokio::test]
async fn a_number_is_corrected_and_a_refusal_says_what_to_do() {
    let api = Api::open(&[(
        "POST /api/v1/orders/tienda:1/tracking",
        409,
        r#"{"title":"Unsupported","status":409,"detail":"There is no shipment yet. Ship it first.","code":"unsupported"}"#,
    )])
    .await;
    let (out, err, exit) = api.run("track tienda:1 --carrier DHL --tracking 1Z --shipment 7").await;
    assert!(out.is_empty() && err.contains("There is no shipment yet"), "{err}");
    assert_eq!(exit, Some(trouble::Exit::Failed));
    assert_eq!(
        api.asked(),
        [
            r#"POST /api/v1/orders/tienda:1/tracking {"carrier":"DHL","shipment_id":"7","tracking_number":"1Z"}"#
        ]
    );
}

#[tokio::test]
async fn what_is_parked_is_listed_put_back_and_dismissed() {
    let listed = r#"{"items":[{"id":"f1","what":"action","channel":"tienda","order_id":"tienda:1","action_id":"a1",
        "error":{"kind":"invalid_request","message":"no such carrier","advice":"Correct it.","retry_at":null},
        "attempts":2,"failed_at":"2026-11-20T10:00:00Z","next_attempt_at":null}],"next_cursor":null}"#;
    let api = Api::open(&[
        ("GET /api/v1/failures?limit=200", 200, listed),
        ("POST /api/v1/failures/f1/retry", 202, r#"{"retried":1}"#),
        ("POST /api/v1/failures/retry", 202, r#"{"retried":3}"#),
        ("POST /api/v1/failures/f1/dismiss", 204, ""),
    ])
    .await;
    let (out, _, exit) = api.run("failures").await;
    assert!(out.starts_with("f1\taction\ttienda:1\tinvalid_request: no such carrier\t2\t"), "{out}");
    assert_eq!(exit, None);
    for line in ["retry f1", "retry --all", "dismiss f1"] {
        assert_eq!(api.run(line).await.2, None, "{line}");
    }
    let (_, err, exit) = api.run("dismiss f2").await;
    assert!(err.contains("There is no such thing"), "{err}");
    assert_eq!(exit, Some(trouble::Exit::NotFound));
}
