use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::channel::{
    Answer, Call, Fetched, Finding, Key, KeyFault, ListRequest, Method, Page, Retention, Settings, Shape,
    Stream,
};
use crate::clock::Clock;
use crate::model::{ChannelOrderId, Failure, Role, Timestamp, Tokens};
use crate::net::{Http, HttpOptions};
use crate::random::Random;

const fn key(name: &'static str, shape: Shape, required: bool, default: Option<&'static str>) -> Key {
    Key { name, shape, required, default, help: "from the marketplace's settings page" }
}

static BAZAAR: Kind = Kind {
    name: "bazaar",
    title: "Bazaar",
    tile: "Bz",
    keys: &[
        key("shop", Shape::Text, true, None),
        key("region", Shape::Choice(&["na", "eu"]), false, Some("na")),
        key("places", Shape::TextList, false, Some("one, two")),
        key("token", Shape::Secret, true, None),
        key("older_tokens", Shape::SecretList, false, None),
        key("greedy", Shape::Flag, false, Some("true")),
    ],
    method: Method::WebhooksAndPolling,
    schedule: "0 * * * *",
    retention: None,
    build,
};

static SOUK: Kind = Kind {
    name: "souk",
    title: "Souk",
    tile: "Bz",
    keys: &[],
    method: Method::Polling,
    schedule: "*/15 * * * *",
    retention: Some(Retention {
        after_delivery: Duration::from_secs(30 * 86_400),
        after_last_change: Duration::from_secs(60 * 86_400),
    }),
    build: |_, _| Ok(Arc::new(Stall)),
};

const KINDS: &[&Kind] = &[&BAZAAR, &SOUK];

fn build(settings: &Settings, _env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    if matches!(settings.text("shop"), "bad" | "") {
        let cure = "write your shop's own name".to_owned();
        return Err(vec![KeyFault { key: "shop", what: "there is no shop called bad".to_owned(), cure }]);
    }
    Ok(Arc::new(Stall))
}

/// A marketplace that has nothing.
struct Stall;

impl Channel for Stall {
    fn streams(&self) -> &[Stream] {
        &[]
    }
    fn list<'a>(&'a self, _: Call<'a>, _: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(async { Ok(Page::default()) })
    }
    fn fetch<'a>(&'a self, _: Call<'a>, _: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn authorise<'a>(&'a self, _: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async { Err(Failure::permission("closed")) })
    }
    fn probe<'a>(&'a self, _: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn env() -> Env {
    let options = HttpOptions {
        body_max_bytes: 1,
        connect_timeout: Duration::from_secs(1),
        user_agent: "test".to_owned(),
    };
    Env {
        clock: Clock::starting_at(Timestamp::from_secs(1_700_000_000)),
        random: Random::seeded(1),
        http: Http::new(options).expect("a client"),
    }
}

fn variable(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("tok-123".to_owned()),
        "EMPTY" => Some(String::new()),
        "CREDENTIALS_DIRECTORY" => Some("/nonexistent/credentials".to_owned()),
        _ => None,
    }
}

fn surroundings(folder: &Path) -> Surroundings<'static> {
    Surroundings { folder: folder.to_owned(), variable: &variable }
}

fn parse(text: &str) -> Result<Config, Faults> {
    resolve(Path::new("config.toml"), text, KINDS, None, surroundings(Path::new("/srv")))
        .map(|(config, _)| config)
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn an_empty_file_is_a_config_of_defaults() {
    let config = good("");
    assert_eq!(config.store.path, PathBuf::from("/srv/data"));
    assert_eq!(config.webhooks.listen.to_string(), "127.0.0.1:8480");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8481");
    assert_eq!(config.webhooks.max_body, 1 << 20);
    assert_eq!(config.sync.max_in_flight, 64);
    assert_eq!(config.sync.request_timeout, Duration::from_secs(30));
    assert_eq!(config.sync.retain_personal_data, Erasure::Never);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

const WHOLE: &str = r#"
[store]
path = "box"
encryption_key = { env = "TOKEN" }
[webhooks]
listen = "[::1]:0"
public_url = "https://orders.example.com/"
trusted_proxies = ["127.0.0.1/32", "fd00::/8"]
max_body = "2MiB"
[admin]
listen = "127.0.0.1:9000"
[admin.users.ana]
password_hash = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$MdkNeRbQ6TcNPqGPnnYZbkFKPDR4Mp9M0k8UQVpPZ6Q"
role = "operator"
[sync]
request_timeout = "10s"
max_in_flight = 8
initial_import = "7d"
retain_personal_data = "90d"
[notify.ops]
kind = "webhook"
url = "http://127.0.0.1:7000/hook"
secret = { env = "TOKEN" }
on = ["sync_failed", "backlog"]
[notify.chat]
kind = "slack"
url = { env = "TOKEN_URL" }
[notify.mail]
kind = "email"
smtp = "mail.example.com:465"
username = "fenicia"
password = "pw"
from = "fenicia@example.com"
to = ["ops@example.com"]
[channels.one]
kind = "bazaar"
name = "The one"
poll = "0 3 * * 1"
timezone = "America/Mexico_City"
base_url = "http://127.0.0.1:9001/"
shop = 4711
token = { env = "TOKEN" }
older_tokens = ["a", { env = "TOKEN" }]
greedy = false
[channels.two]
kind = "souk"
enabled = false
"#;

#[test]
fn every_key_arrives() {
    let text = WHOLE.replace("{ env = \"TOKEN_URL\" }", "\"https://hooks.example.com/T/B\"");
    let config = good(&text);
    assert_eq!(config.store.path, PathBuf::from("/srv/box"));
    assert_eq!(config.store.encryption_key.as_ref().map(crate::model::Secret::expose), Some("tok-123"));
    assert_eq!(config.webhooks.public_url.as_deref(), Some("https://orders.example.com"));
    assert_eq!(config.admin.users["ana"].role, Role::Operator);
    assert_eq!(
        config.notify["ops"].on.iter().map(|o| o.as_str()).collect::<Vec<_>>(),
        ["sync_failed", "backlog"]
    );
    assert!(matches!(&config.notify["ops"].target, Target::Webhook { allow_internal: true, .. }));
    assert_eq!(config.notify["chat"].on.len(), 5);
    assert!(matches!(
        &config.notify["mail"].target,
        Target::Email(Mailbox { port: 465, security: Security::Tls, .. })
    ));

    let one = &config.channels[&ChannelId::new("one").expect("id")];
    assert_eq!((one.name.as_str(), one.enabled), ("The one", true));
    assert_eq!(one.poll.to_string(), "0 3 * * 1 America/Mexico_City");
    assert_eq!(one.settings.text("shop"), "4711");
    assert_eq!(one.settings.text("region"), "na");
    assert_eq!(one.settings.list("places"), ["one", "two"]);
    assert_eq!(one.settings.secrets("older_tokens").len(), 2);
    assert!(!one.settings.flag("greedy"));
    assert_eq!(one.settings.base_url.as_deref(), Some("http://127.0.0.1:9001"));
    assert_eq!(config.webhook_url(one).as_deref(), Some("https://orders.example.com/webhooks/one"));

    let two = &config.channels[&ChannelId::new("two").expect("id")];
    assert_eq!((two.name.as_str(), two.enabled), ("Souk", false));
    assert_eq!(two.retain_personal_data, Erasure::After(Duration::from_secs(30 * 86_400)), "the ceiling");
    assert_eq!(config.webhook_url(two), None);
}

/// What is written, the line of the fault, what it says, what to do.
const MISTAKES: &[(&str, usize, &str, &str)] = &[
    ("[store]\npath = ", 2, "not valid TOML", "correct"),
    ("a = 1\na = 2", 2, "duplicate key", "correct"),
    ("[stroe]", 1, "no key `stroe`", "`store`?"),
    ("store = 3", 1, "`store` is a whole number", "`[store]`"),
    ("[store]\npath = 3.5", 2, "must be a string", "path = "),
    ("[store]\npath = \"\"", 2, "is empty", "leave the key out"),
    ("[store]\nencryption_key = { env = \"NOPE\" }", 2, "NOPE is not set", "set NOPE"),
    ("[store]\nencryption_key = { env = \"EMPTY\" }", 2, "is empty", "put the secret"),
    ("[store]\nencryption_key = { file = \"nope\" }", 2, "no file /srv/nope", "create it"),
    (
        "[store]\nencryption_key = { credential = \"k\" }",
        2,
        "/nonexistent/credentials/k",
        "LoadCredential=k:",
    ),
    ("[store]\nencryption_key = { credential = \"a/b\" }", 2, "not a path", "file = "),
    ("[store]\nencryption_key = { enf = \"A\" }", 2, "by `enf`", "`env`?"),
    ("[store]\nencryption_key = { env = \"A\", file = \"B\" }", 2, "exactly one", "env"),
    ("[store]\nencryption_key = 7", 2, "must be a secret", "env"),
    ("[webhooks]\nlisten = \"localhost\"", 2, "not an IP address and a port", "127.0.0.1:8480"),
    ("[webhooks]\nlisten = \"127.0.0.1:8481\"", 2, "both listeners", "another port"),
    ("[webhooks]\npublic_url = \"orders.example.com\"", 2, "not a public address", "https://"),
    ("[webhooks]\ntrusted_proxies = [\"10.0.0.0/8\",\n\"10/8\"]", 3, "no block of addresses", "10.0.0.0/8"),
    ("[webhooks]\ntrusted_proxies = \"::1\"", 2, "must be a list", "[\"…\""),
    ("[webhooks]\nmax_body = \"1 lot\"", 2, "not a size", "1MiB"),
    ("[webhooks]\nmax_body = 3", 2, "not a size", "64KiB"),
    ("[admin.users.ana]\nrole = \"viewer\"", 1, "password_hash` is missing", "argon2"),
    ("[admin.users.ana]\nrole = \"boss\"\npassword_hash = \"hunter2\"", 2, "cannot be \"boss\"", "operator"),
    (
        "[admin.users.ana]\nrole = \"viewer\"\npassword_hash = \"hunter2\"",
        3,
        "not an argon2id hash",
        "argon2",
    ),
    ("[admin.users.\"a b\"]\nrole = \"viewer\"", 1, "cannot be a user's name", "a-z"),
    ("[sync]\nrequest_timeout = \"30\"", 2, "not a span", "\"30s\""),
    ("[sync]\nrequest_timeout = \"0s\"", 2, "out of range", "100ms"),
    ("[sync]\nmax_in_flight = 0", 2, "out of range", "from 1 to 1024"),
    ("[sync]\nmax_in_flight = \"many\"", 2, "must be a whole number", "max_in_flight = 1"),
    ("[sync]\nretain_personal_data = \"forever\"", 2, "cannot be \"forever\"", "\"never\""),
    ("[sync]\nretain_personal_date = \"30d\"", 2, "no key", "`retain_personal_data`?"),
    ("[notify.ops]\nurl = \"https://a.example\"", 1, "kind` is missing", "webhook"),
    ("[notify.ops]\nkind = \"sms\"", 2, "cannot be \"sms\"", "slack"),
    ("[notify.ops]\nkind = \"slack\"", 1, "url` is missing", "https://"),
    ("[notify.ops]\nkind = \"slack\"\nurl = \"hooks\"", 3, "not an address of the web", "https://"),
    (
        "[notify.ops]\nkind = \"slack\"\nurl = \"https://a\"\non = [\"sync_fail\"]",
        4,
        "sync_fail",
        "`sync_failed`?",
    ),
    ("[notify.ops]\nkind = \"slack\"\nurl = \"https://a\"\non = []", 4, "is empty", "channel_down"),
    (
        "[notify.m]\nkind = \"email\"\nsmtp = \"a b\"\nfrom = \"f@a.b\"\nto = [\"t@a.b\"]",
        3,
        "not a mail server",
        ":587",
    ),
    (
        "[notify.m]\nkind = \"email\"\nsmtp = \"a\"\nfrom = \"f\"\nto = [\"t@a.b\"]",
        4,
        "not an e-mail",
        "@example",
    ),
    ("[notify.m]\nkind = \"email\"\nsmtp = \"a\"\nfrom = \"f@a.b\"\nto = []", 5, "is empty", "one address"),
    (
        "[notify.m]\nkind = \"email\"\nsmtp = \"a\"\nfrom = \"f@a.b\"\nto = \"t@a.b\"\nusername = \"u\"",
        1,
        "password` is missing",
        "env",
    ),
    ("[channels.Tienda]\nkind = \"souk\"", 1, "cannot be a channel's id", "a-z"),
    ("[channels.a]\nname = \"A\"", 1, "kind` is missing", "bazaar, souk"),
    ("[channels.a]\nkind = \"suok\"", 2, "no kind \"suok\"", "`souk`?"),
    ("[channels.a]\nkind = \"souk\"\npol = \"@daily\"", 3, "no key `channels.a.pol`", "`poll`?"),
    ("[channels.a]\nkind = \"souk\"\nshop = \"x\"", 3, "no key `channels.a.shop`", "allowed here: "),
    ("[channels.a]\nkind = \"souk\"\npoll = \"* * *\"", 3, "has 3 fields", "*/15"),
    ("[channels.a]\nkind = \"souk\"\npoll = \"0 0 31 2 *\"", 3, "never comes", "28 2"),
    ("[channels.a]\nkind = \"souk\"\ntimezone = \"Mexico\"", 3, "no time zone", "IANA"),
    ("[channels.a]\nkind = \"souk\"\nenabled = \"yes\"", 3, "must be true or false", "enabled = true"),
    ("[channels.a]\nkind = \"souk\"\nbase_url = \"http://a/b\"", 3, "not an origin", "without a path"),
    (
        "[channels.a]\nkind = \"souk\"\nretain_personal_data = \"60d\"",
        3,
        "longer than 30d",
        "\"30d\" or less",
    ),
    ("[channels.a]\nkind = \"bazaar\"\ntoken = \"t\"", 1, "shop` is missing", "settings page"),
    ("[channels.a]\nkind = \"bazaar\"\nshop = \"s\"", 1, "token` is missing", "env = "),
    (
        "[channels.a]\nkind = \"bazaar\"\nshop = \"s\"\ntoken = \"\"",
        4,
        "secret `channels.a.token` is empty",
        "put",
    ),
    (
        "[channels.a]\nkind = \"bazaar\"\nshop = \"s\"\ntoken = \"t\"\nregion = \"eü\"",
        5,
        "cannot be",
        "na, eu",
    ),
    (
        "[channels.a]\nkind = \"bazaar\"\nshop = \"s\"\ntoken = \"t\"\nplaces = \"here\"",
        5,
        "must be a list",
        "places = [",
    ),
    ("[channels.a]\nkind = \"bazaar\"\nshop = \"bad\"\ntoken = \"t\"", 3, "no shop called bad", "own name"),
];

#[test]
fn each_mistake_is_told_with_its_line_and_a_cure() {
    for (text, line, what, cure) in MISTAKES {
        let env = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(async { env() });
        let read =
            resolve(Path::new("config.toml"), text, KINDS, Some(&env), surroundings(Path::new("/srv")));
        let faults = read.map(|_| ()).expect_err(text);
        let hit = faults
            .as_slice()
            .iter()
            .find(|f| f.line == *line && f.what.contains(what) && f.cure.contains(cure));
        assert!(hit.is_some(), "{text}\nexpected line {line}: {what} / {cure}\ngot {faults}");
        let shown = faults.to_string();
        assert!(!shown.contains("hunter2") && !shown.contains("tok-123"), "a secret is shown: {shown}");
    }
}

#[test]
fn all_faults_come_at_once_and_in_order() {
    let text = "[sync]\nmax_in_flight = 0\n[channels.b]\nkind = \"nope\"\n[channels.a]\nkind = \"souk\"\nx = 1\n[admin]\nlisten = \"x\"\n";
    let faults = parse(text).expect_err("faulty");
    let lines: Vec<_> = faults.as_slice().iter().map(|f| f.line).collect();
    assert_eq!(lines, [2, 4, 7, 9], "{faults}");
    let shown = faults.to_string();
    assert!(
        shown.starts_with("config.toml:2:17: `sync.max_in_flight` is out of range\n    write"),
        "{shown}"
    );
}

#[test]
fn a_connector_adds_to_what_is_found_and_repeats_none_of_it() {
    let text = "[channels.a]\nkind = \"bazaar\"\nshop = \"bad\"\ntoken = { env = \"NOPE\" }\n[channels.b]\nkind = \"bazaar\"\ntoken = \"t\"";
    let read = resolve(Path::new("config.toml"), text, KINDS, Some(&env()), surroundings(Path::new("/srv")));
    let faults = read.map(|_| ()).expect_err("faulty");
    let lines: Vec<_> = faults.as_slice().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [3, 4, 5], "{faults}");
}

#[test]
fn a_disabled_channel_may_lack_its_secrets() {
    let text = "[channels.a]\nkind = \"bazaar\"\nshop = \"s\"\nenabled = false\ntoken = { env = \"NOPE\" }";
    let config = good(text);
    assert!(!config.channels[&ChannelId::new("a").expect("id")].enabled);
    assert!(parse(&text.replace("false", "true")).is_err());
}

#[test]
fn a_secret_file_loses_its_line_break_and_is_relative_to_the_config() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "s3cret\n").expect("written");
    let text = "[store]\nencryption_key = { file = \"key\" }";
    let read = resolve(Path::new("config.toml"), text, KINDS, None, surroundings(folder.path()));
    let (config, _) = read.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.store.encryption_key.as_ref().map(crate::model::Secret::expose), Some("s3cret"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_without_a_line() {
    let faults = load(Path::new("/nonexistent/config.toml"), KINDS).expect_err("absent");
    assert_eq!(faults.as_slice().len(), 1);
    assert!(faults.to_string().starts_with("/nonexistent/config.toml: there is no such file\n"), "{faults}");
}

#[test]
fn a_diff_names_what_changed_and_nothing_else() {
    let text = WHOLE.replace("{ env = \"TOKEN_URL\" }", "\"https://hooks.example.com/T/B\"");
    let old = good(&text);
    assert!(Diff::between(&old, &good(&text)).is_empty());
    let channel = |id: &str, change| vec![(ChannelId::new(id).expect("id"), change)];
    for (from, to, change) in [
        ("0 3 * * 1", "0 4 * * 1", Change::Schedule),
        ("The one", "The two", Change::Labels),
        ("shop = 4711", "shop = 4712", Change::Connection),
        ("{ env = \"TOKEN\" }\nolder", "\"other\"\nolder", Change::Connection),
        ("name = \"The one\"", "enabled = false", Change::Disabled),
    ] {
        let diff = Diff::between(&old, &good(&text.replace(from, to)));
        assert_eq!(diff.changed, channel("one", change), "{from} -> {to}");
        assert!(diff.added.is_empty() && diff.removed.is_empty() && diff.applied.is_empty());
    }
    let diff = Diff::between(&old, &good(&text.replace("[channels.two]", "[channels.three]")));
    assert_eq!((diff.added.len(), diff.removed.len()), (1, 1));
    let diff =
        Diff::between(&old, &good(&text.replace("127.0.0.1:9000", "127.0.0.1:9009").replace("\"8", "\"9")));
    assert_eq!(diff.restart_needed, ["admin.listen"]);
    let diff = Diff::between(&old, &good(&text.replace("role = \"operator\"", "role = \"admin\"")));
    assert_eq!(diff.applied, ["admin.users"]);
    let souk = text.replace("kind = \"souk\"", "kind = \"bazaar\"\nshop = \"s\"\ntoken = \"t\"");
    assert_eq!(Diff::between(&old, &good(&souk)).rekinded().count(), 1);
}

#[test]
fn other_credentials_have_another_fingerprint() {
    let text = "[channels.a]\nkind = \"bazaar\"\nshop = \"s\"\ntoken = \"t\"";
    let print = |text: &str| good(text).channels.values().next().map(ChannelConfig::credentials_fingerprint);
    assert_eq!(print(text), print(&format!("{text}\nname = \"other\"")));
    assert_ne!(print(text), print(&text.replace("\"t\"", "\"u\"")));
}
