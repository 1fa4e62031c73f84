//! Strangers at the listener that faces the internet: the right refusal, and nothing changes.

use fenicia::sandbox::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::market::{Market, Plan, Shop};

/// Sends these bytes and answers the status; `None` when the connection ends without one.
async fn knock(market: &Market, bytes: &[u8]) -> Option<u16> {
    let address = market.daemon().webhooks.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.expect("the listener is open");
    // It may refuse before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: orders.example.com\r\n").into_bytes();
    for (name, value) in headers {
        request.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    request.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
    request.extend(body);
    request
}

fn chunked(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
            .into_bytes();
    for chunk in body.chunks(64 << 10) {
        request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_and_nothing_changes() {
    let market = Market::open(Plan::still()).await;
    market.ready().await;
    market.agrees().await;
    let before = market.client().all("/api/v1/orders").await;
    let changes = market.client().all("/api/v1/changes?after=0").await.len();
    let huge = vec![b' '; 2 << 20];

    let nowhere: [(Vec<u8>, u16); 6] = [
        (post("/webhooks/nobody", &[JSON], b"{}"), 404),
        (post("/webhooks/", &[JSON], b"{}"), 404),
        (post("/api/v1/orders", &[JSON], b"{}"), 404),
        (b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(), 404),
        (
            b"GET /oauth/shopify/callback?code=1&state=2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
                .to_vec(),
            404,
        ),
        (b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(), 200),
    ];
    for (bytes, status) in nowhere {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(knock(&market, &bytes).await, Some(status), "{shown}");
    }
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\r\n\r\n\0\0\0", &[0xff; 70_000]] {
        let status = knock(&market, bytes).await;
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
    }
    for shop in &market.shops {
        let path = format!("/webhooks/{}", shop.id);
        let Some(webhooks) = &shop.row.webhooks else {
            assert_eq!(knock(&market, &post(&path, &[JSON], b"{}")).await, Some(404), "{}", shop.id);
            continue;
        };
        let unsigned = webhooks.stranger;
        for body in [&b""[..], b"{", b"\xff\xfe\0", br#"{"id":1}"#, b"[[[[[[[["] {
            let status = knock(&market, &post(&path, &[JSON], body)).await;
            assert!(status == Some(unsigned) || status == Some(401), "{}: {status:?}", shop.id);
        }
        assert_eq!(knock(&market, &post(&path, &[JSON], &huge)).await, Some(413), "{}", shop.id);
        assert_eq!(knock(&market, &chunked(&path, &huge)).await, Some(413), "{}", shop.id);
        let get = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert_eq!(knock(&market, get.as_bytes()).await, Some(404), "{}", shop.id);
        if let Some(sign) = webhooks.nonsense {
            let body = br#"{"id": 1}"#;
            let mut headers = sign(body);
            headers.retain(|(name, _)| *name != "content-type");
            headers.push(("content-type", "text/plain".to_owned()));
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(knock(&market, &post(&path, &headers, body)).await, Some(415), "{}", shop.id);
        }
    }
    assert_eq!(market.client().all("/api/v1/orders").await, before);
    assert_eq!(market.client().all("/api/v1/changes?after=0").await.len(), changes);
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authentic_delivery_that_makes_no_sense_causes_a_poll() {
    let market = Market::open(Plan::still().with_webhooks()).await;
    market.ready().await;
    for shop in &market.shops {
        let Some(sign) = shop.row.webhooks.as_ref().and_then(|webhooks| webhooks.nonsense) else { continue };
        shop.suffers(Fault::Lost);
        let order = shop.orders(1).remove(0);
        let body = br#"{"id": [1, "#;
        let headers = sign(body);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = post(&format!("/webhooks/{}", shop.id), &headers, body);
        assert_eq!(knock(&market, &request).await, Some(200), "{}", shop.id);
        market.client().until(&shop.path(&order), |_| true).await;
        is_odd(&market, shop).await;
    }
    market.close();
}

async fn is_odd(market: &Market, shop: &Shop) {
    let anomalies = market.metric("fenicia_anomalies_total", &[("channel", &shop.id)]).await;
    assert!(anomalies >= 1.0, "{}: no anomaly is counted", shop.id);
}
