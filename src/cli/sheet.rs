//! Rows of data: a table for people, tab-separated lines for programs.

use comfy_table::{ContentArrangement, Table, presets};

use super::screen::clean;
use crate::model::Timestamp;

/// One value: what a program reads and what a person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    plain: String,
    shown: String,
}

impl Cell {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref());
        Self { plain: text.clone(), shown: text }
    }

    pub(super) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(Self::absent, Self::text)
    }

    pub(super) fn absent() -> Self {
        Self { plain: String::new(), shown: "–".to_owned() }
    }

    pub(super) fn count(number: u64) -> Self {
        Self::text(number.to_string())
    }

    /// A word of a state, with a mark that tells without colour.
    pub(super) fn state(word: &str) -> Self {
        let mark = match word {
            "connected" | "synced" | "delivered" | "done" | "paid" | "shipped" | "yes" => '✓',
            "failed" | "missing" | "needs_reconnect" | "cancelled" | "no" => '✗',
            "degraded" | "unknown" | "refunded" | "partially_refunded" => '!',
            "disabled" => '○',
            _ => '·',
        };
        let word = clean(word);
        Self { shown: format!("{mark} {word}"), plain: word }
    }

    /// An instant, as the distance from now for people.
    pub(super) fn when(at: Option<Timestamp>, now: Timestamp) -> Self {
        at.map_or_else(Self::absent, |at| Self { plain: at.to_string(), shown: distance(at, now) })
    }
}

/// "5 min ago", "in 2 h".
fn distance(at: Timestamp, now: Timestamp) -> String {
    let (span, future) = if at > now { (at.since(now), true) } else { (now.since(at), false) };
    let secs = span.as_secs();
    let amount = match secs {
        0..=59 => format!("{secs} s"),
        60..=3_599 => format!("{} min", secs / 60),
        3_600..=172_799 => format!("{} h", secs / 3_600),
        _ => format!("{} d", secs / 86_400),
    };
    if future { format!("in {amount}") } else { format!("{amount} ago") }
}

/// Rows under headers.
pub(super) struct Sheet {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Sheet {
    pub(super) fn new(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), rows: Vec::new() }
    }

    /// Names beside values, for one thing.
    pub(super) fn facts() -> Self {
        Self { headers: Vec::new(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn fact(&mut self, name: &str, value: Cell) {
        self.row([Cell::text(name), value]);
    }

    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|cell| cell.plain.as_str()).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }

    pub(super) fn table(&self, width: u16, colour: bool) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        if !self.headers.is_empty() {
            table.set_header(self.headers.iter().map(|header| header.to_uppercase()));
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| cell.shown.as_str()));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut text: String =
            table.lines().flat_map(|line| [line.trim_end().to_owned(), "\n".to_owned()]).collect();
        if colour {
            text = paint(&text, !self.headers.is_empty());
        }
        text
    }
}

/// Colours the marks, and the header's line. Done last, so that widths are those of the text.
fn paint(text: &str, has_header: bool) -> String {
    let mut painted = String::with_capacity(text.len() * 2);
    for (nth, line) in text.lines().enumerate() {
        if nth == 0 && has_header {
            painted.extend(["\x1b[2m", line, "\x1b[0m\n"]);
            continue;
        }
        for c in line.chars() {
            let tone = match c {
                '✓' => "32",
                '✗' => "31",
                '!' => "33",
                _ => {
                    painted.push(c);
                    continue;
                }
            };
            painted.extend(["\x1b[", tone, "m"]);
            painted.push(c);
            painted.push_str("\x1b[0m");
        }
        painted.push('\n');
    }
    painted
}
