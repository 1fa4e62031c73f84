use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::sheet::{Cell, Sheet};
use super::views::{ChannelView, OrderView};
use super::*;
use crate::model::Timestamp;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("unpoisoned").clone()).expect("text")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn screen(is_terminal: bool) -> (Screen, Paper, Paper) {
    let (out, err) = (Paper::default(), Paper::default());
    (Screen::buffer(Box::new(out.clone()), Box::new(err.clone()), is_terminal), out, err)
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("fenicia").chain(line.split_whitespace()))
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_interface_is_understood() {
    for line in [
        "demo",
        "demo --orders-per-minute 30 --data /tmp/demo --for 30s",
        "run --config config.toml",
        "run --config config.toml --log-format json",
        "check --config config.toml --online",
        "sandbox --channels a,b --port 9000",
        "channels",
        "channels tienda --json",
        "orders --channel a --status shipped --payment-status paid --query mug --since 7d --limit 5",
        "orders tienda:1 --url http://127.0.0.1:1 --key fk --json",
        "sync tienda --since 7d --no-wait",
        "ship tienda:1 --carrier DHL --tracking 1Z --item MUG=2 --item CUP=1",
        "track tienda:1 --carrier DHL --tracking 1Z",
        "cancel tienda:1 --reason out_of_stock --yes",
        "failures",
        "retry 1 2",
        "retry --all",
        "connect tienda",
        "key create --name erp --role operator",
        "key list",
        "key revoke k1",
        "export --format csv --status paid --columns id,total",
        "backup store.backup",
        "restore store.backup",
        "verify --data data --repair-views",
        "verify store.backup",
        "erase tienda:1 tienda:2",
        "erase --email a@example.com",
        "completions bash",
        "man",
    ] {
        let parsed = parse(line);
        // `--status paid` is a payment status: the only line here that must be refused.
        if line.contains("--status paid") {
            assert_eq!(parsed.expect_err(line).kind(), ErrorKind::InvalidValue);
        } else {
            assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err(line));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_happens() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("ship tienda:1", ErrorKind::MissingRequiredArgument),
        ("ship tienda:1 --carrier DHL --item MUG", ErrorKind::ValueValidation),
        ("cancel tienda:1 --reason boredom", ErrorKind::ValueValidation),
        ("retry", ErrorKind::MissingRequiredArgument),
        ("retry 1 --all", ErrorKind::ArgumentConflict),
        ("erase", ErrorKind::MissingRequiredArgument),
        ("orders tienda:1 --status shipped", ErrorKind::ArgumentConflict),
        ("orders --limit 0", ErrorKind::ValueValidation),
        ("key create --name a --role boss", ErrorKind::ValueValidation),
        ("export --format xml", ErrorKind::InvalidValue),
        ("demo --for soon", ErrorKind::ValueValidation),
        ("frobnicate", ErrorKind::InvalidSubcommand),
    ] {
        assert_eq!(parse(line).expect_err(line).kind(), kind, "{line}");
    }
}

#[test]
fn rows_are_a_table_for_people_and_lines_for_programs() {
    let mut sheet = Sheet::new(&["id", "status", "last sync"]);
    let now = Timestamp::from_secs(1_764_000_000);
    sheet.row([
        Cell::text("tienda"),
        Cell::state("connected"),
        Cell::when(Some(Timestamp::from_secs(1_763_999_700)), now),
    ]);
    sheet.row([Cell::text("a\tb\x1b[31m"), Cell::state("needs_reconnect"), Cell::when(None, now)]);

    let (mut people, out, _) = screen(true);
    people.sheet(&sheet).expect("written");
    people.flush().expect("flushed");
    let shown = out.text();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines,
        [
            "ID        STATUS             LAST SYNC",
            "tienda    ✓ connected        5 min ago",
            "a b [31m  ✗ needs_reconnect  –",
        ]
    );

    let (mut programs, out, _) = screen(false);
    programs.sheet(&sheet).expect("written");
    assert_eq!(out.text(), "tienda\tconnected\t2025-11-24T15:55:00Z\na b [31m\tneeds_reconnect\t\n");
}

#[test]
fn lists_show_what_the_api_answers_and_survive_what_it_leaves_out() {
    let now = Timestamp::from_secs(1_764_000_000);
    let channels: Vec<ChannelView> = serde_json::from_str(
        r#"[{"id":"tienda","kind":"bazaar","status":"connected","backlog":3,"new":{"deep":1},
             "last_success_at":null,"next_poll_at":"2025-11-24T16:02:00Z"}]"#,
    )
    .expect("read");
    assert_eq!(
        channels::list(&channels, now).lines(),
        "tienda\tbazaar\tconnected\t\t3\t2025-11-24T16:02:00Z\n"
    );

    let orders: Vec<OrderView> = serde_json::from_str(
        r##"[{"id":"tienda:1","number":"#1042","status":"accepted","payment_status":"paid","currency":"MXN",
             "total":"1249.00","customer":{"name":null,"email":"a@example.com"},"placed_at":"2025-11-24T15:00:00Z",
             "sync":{"state":"synced","last_success_at":null,"error":null}}]"##,
    )
    .expect("read");
    assert_eq!(
        orders::list(&orders, now).lines(),
        "tienda:1\t#1042\taccepted\tpaid\t1249.00 MXN\ta@example.com\t2025-11-24T15:00:00Z\tsynced\n"
    );
}

#[test]
fn a_trouble_has_three_parts() {
    let (mut screen, out, err) = screen(false);
    let problem = serde_json::from_str(
        r#"{"type":"about:blank","title":"Unsupported","status":409,"detail":"Bazaar cannot cancel.","code":"unsupported"}"#,
    )
    .expect("read");
    let trouble = Trouble::refused(409, problem);
    screen.trouble(&trouble);
    assert_eq!(out.text(), "");
    let said = err.text();
    assert!(said.starts_with("error: unsupported\n  why: Bazaar cannot cancel.\n  now: "), "{said}");
    assert_eq!(Trouble::refused(404, trouble::Problem::default()).exit, trouble::Exit::NotFound);
}

#[test]
fn a_moment_is_a_span_a_date_or_a_time() {
    let now = Timestamp::from_secs(1_764_000_000);
    for (text, expected) in [
        ("1h", "2025-11-24T15:00:00Z"),
        ("2025-11-01", "2025-11-01T00:00:00Z"),
        ("2025-11-01T10:00:00-06:00", "2025-11-01T16:00:00Z"),
    ] {
        assert_eq!(sync::moment(text, now).map(|at| at.to_string()).expect(text), expected);
    }
    assert!(sync::moment("yesterday", now).is_err());
}

#[test]
fn the_shipped_config_has_a_sound_table_for_every_marketplace() {
    use crate::kinds::KINDS;
    let shipped = include_str!("../../config.toml");
    let (general, channels) = shipped.split_once("\n[channels.").expect("tables of channels");
    let kind_of =
        |table: &str| KINDS.iter().find(|kind| table.contains(&format!("\nkind = \"{}\"\n", kind.name)));
    let known: Vec<_> = channels.split("\n[channels.").filter(|table| kind_of(table).is_some()).collect();
    assert_eq!(known.len(), KINDS.len(), "one table for each marketplace");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let text = std::iter::once(general).chain(known).collect::<Vec<_>>().join("\n[channels.");
    std::fs::write(&path, text).expect("written");
    let config = crate::config::load(&path, KINDS).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.channels.values().all(|channel| !channel.enabled), "no secret is there yet");
}

#[test]
fn the_man_page_names_every_command() {
    let (mut screen, out, _) = screen(false);
    reference::man(&mut screen).expect("written");
    let page = out.text();
    for command in Cli::command().get_subcommands() {
        assert!(
            page.contains(&format!("FENICIA {}", command.get_name().to_uppercase())),
            "{}",
            command.get_name()
        );
    }
    assert!(page.contains("FENICIA KEY CREATE") && page.contains("Exit status"));
}

mod with_a_daemon;
