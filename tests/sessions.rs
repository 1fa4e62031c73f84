//! Signed in at the page of the real binary: what outlives a kill, and what does not.

mod support;

use fenicia::clock::Clock;
use fenicia::net::{Http, HttpOptions, Method, Request, Response};
use serde_json::json;
use std::time::Duration;
use support::{Daemon, Folder};

const PASSWORD: &str = "barco-de-cedro";
const HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$ZmVuaWNpYS1qb3VybmV5cw$bvXZWKOCNt277R38+69cxNkYwK6EvG1urf749JIyuLc";

const OTHER_PASSWORD: &str = "velas-de-lino";
const OTHER_HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$ZmVuaWNpYS1qb3VybmV5cw$qEdH2USgWBkllqz2QOqMf1rs6GnSdLDoWawtGQULlR0";

fn ana(role: &str) -> String {
    format!("[admin.users.ana]\npassword_hash = \"{HASH}\"\nrole = \"{role}\"\n")
}

/// A browser that keeps its cookies.
struct Browser {
    http: Http,
    base: String,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn before(daemon: &Daemon) -> Self {
        let options = HttpOptions {
            body_max_bytes: 4 << 20,
            connect_timeout: Duration::from_secs(10),
            user_agent: "fenicia-tests".to_owned(),
        };
        let http = Http::new(options).expect("a client");
        Self { http, base: daemon.client.base().to_owned(), cookies: Vec::new() }
    }

    /// The daemon was started again, elsewhere.
    fn finds(&mut self, daemon: &Daemon) {
        daemon.client.base().clone_into(&mut self.base);
    }

    async fn send(&mut self, method: Method, path: &str, form: &[(&str, &str)]) -> Response {
        let jar: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::new("test", method, format!("{}{path}", self.base));
        request = request.header("cookie", jar.join("; "));
        if method == Method::Post {
            let encoded = form.iter().map(|(name, value)| {
                let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
                format!("{name}={value}")
            });
            let body = encoded.collect::<Vec<_>>().join("&").into_bytes();
            request = request.body("application/x-www-form-urlencoded", body);
        }
        let timeout = Duration::from_secs(30);
        let answer = self.http.send(request, timeout, Clock::system().now()).await.expect("an answer");
        if let Some((name, value)) = answer.header("set-cookie").and_then(|cookie| cookie.split_once('=')) {
            let value = value.split(';').next().unwrap_or_default().to_owned();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value));
        }
        answer
    }

    /// The token in the form at this path.
    async fn token(&mut self, path: &str) -> String {
        let page = self.send(Method::Get, path, &[]).await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let (_, rest) =
            text.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("a form in {text}"));
        rest.split('"').next().expect("a value").to_owned()
    }

    async fn signs_in(&mut self, who: &[(&str, &str)]) {
        let csrf = self.token("/login").await;
        let form = [who, &[("csrf", csrf.as_str())]].concat();
        assert_eq!(self.send(Method::Post, "/login", &form).await.status, 303);
        assert!(self.is_in().await);
    }

    async fn signs_out(&mut self) {
        let csrf = self.token("/settings").await;
        assert_eq!(self.send(Method::Post, "/logout", &[("csrf", &csrf)]).await.status, 303);
    }

    async fn is_in(&mut self) -> bool {
        self.send(Method::Get, "/settings", &[]).await.status == 200
    }

    fn secret(&self) -> &str {
        let mine = self.cookies.iter().find(|(name, _)| name == "fenicia");
        mine.map(|(_, value)| value.as_str()).expect("a session")
    }
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

fn again(daemon: Daemon, folder: &Folder, browsers: &mut [&mut Browser]) -> Daemon {
    daemon.kill();
    let daemon = Daemon::start(folder);
    browsers.iter_mut().for_each(|browser| browser.finds(&daemon));
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_kill_but_not_what_it_stands_on() {
    let folder = Folder::new(&ana("operator"));
    let daemon = Daemon::start(&folder);
    let (mut home, mut shop, mut erp) =
        (Browser::before(&daemon), Browser::before(&daemon), Browser::before(&daemon));
    let by_password = [("user", "ana"), ("password", PASSWORD)];
    home.signs_in(&by_password).await;
    shop.signs_in(&by_password).await;
    let made = daemon.client.post("/api/v1/keys", &json!({ "name": "erp", "role": "operator" })).await;
    let key = |field: &str| made.body[field].as_str().expect("a key").to_owned();
    erp.signs_in(&[("api_key", &key("key"))]).await;
    let file = std::fs::read(folder.data().join("store.redb")).expect("the store's file");
    for browser in [&home, &shop, &erp] {
        assert!(!contains(&file, browser.secret()), "only the hash is kept");
    }

    let token_before = home.token("/settings").await;
    shop.signs_out().await;
    let daemon = again(daemon, &folder, &mut [&mut home, &mut shop, &mut erp]);
    assert!(home.is_in().await && erp.is_in().await);
    assert!(!shop.is_in().await, "who signed out stays out");
    let form = [("csrf", token_before.as_str()), ("language", "es-MX"), ("zone", "")];
    let saved = home.send(Method::Post, "/settings", &form).await;
    assert_eq!(saved.status, 303, "a form that was open before the kill still counts");

    let revoked = daemon.client.call(Method::Delete, &format!("/api/v1/keys/{}", key("id")), None).await;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    assert!(!erp.is_in().await);
    let daemon = again(daemon, &folder, &mut [&mut home, &mut erp]);
    assert!(home.is_in().await && !erp.is_in().await);

    folder.write(&ana("viewer"));
    let daemon = again(daemon, &folder, &mut [&mut home]);
    assert!(!home.is_in().await, "another role, another session");
    daemon.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_sessions_of_its_user_alone() {
    let bea = ana("operator").replace("users.ana", "users.bea");
    let folder = Folder::new(&(ana("operator") + &bea));
    let daemon = Daemon::start(&folder);
    let (mut home, mut shop) = (Browser::before(&daemon), Browser::before(&daemon));
    home.signs_in(&[("user", "ana"), ("password", PASSWORD)]).await;
    shop.signs_in(&[("user", "bea"), ("password", PASSWORD)]).await;
    let open_form = home.token("/settings").await;

    folder.write(&(ana("operator").replace(HASH, OTHER_HASH) + &bea));
    daemon.signal("-HUP");
    let patience = daemon.client.patience();
    while home.is_in().await {
        assert!(patience.is_left(), "still in with the old password");
    }
    assert!(shop.is_in().await, "the other user stays in");
    let form = [("csrf", open_form.as_str()), ("language", "es-MX"), ("zone", "")];
    assert_eq!(home.send(Method::Post, "/settings", &form).await.status, 401, "an open form counts no more");
    home.signs_in(&[("user", "ana"), ("password", OTHER_PASSWORD)]).await;
    daemon.kill();
}
