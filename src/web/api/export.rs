//! Exports orders while they are read: page by page, so that memory stays bounded.

use std::io;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use serde_json::{Map, Value};

use super::columns::{self, Column};
use super::order::{Channels, OrderJson};
use super::orders::{filter, filters_and};
use super::{Answer, Call};
use crate::store::{OrderFilter, OrderPage};
use crate::web::problem::Problem;
use crate::web::query::{Query, unknown};
use crate::web::reply::{self, Body, Frames};
use crate::web::state::Api;

/// Orders in one page, and so in one frame of the answer.
const PAGE: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

impl Format {
    const WORDS: [&'static str; 2] = ["csv", "jsonl"];

    fn parse(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }

    const fn attachment(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"orders.csv\"",
            Self::JsonLines => "attachment; filename=\"orders.jsonl\"",
        }
    }
}

/// What a row looks like.
enum Rows {
    Csv(Vec<Column>),
    /// Whole orders, or these fields of them.
    Json(Option<Vec<String>>),
}

/// `GET /api/v1/orders/export?format=csv|jsonl&columns=…` with all filters of the list.
pub fn stream(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &filters_and(&["format", "columns"]))?;
    let filter = filter(&query)?;
    let format = match query.text("format")? {
        None => Format::Csv,
        Some(word) => Format::parse(word)
            .ok_or_else(|| Problem::parameter("format", unknown("format", word, &Format::WORDS)))?,
    };
    let rows = rows(format, query.text("columns")?)?;
    let (frames, body) = Body::stream();
    tokio::spawn(pour(api.clone(), filter, rows, frames));
    let mut reply = reply::typed(StatusCode::OK, format.content_type(), body);
    reply.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(format.attachment()));
    Ok(reply)
}

fn rows(format: Format, columns: Option<&str>) -> Result<Rows, Problem> {
    let names = columns.map(|list| list.split(',').map(str::trim).filter(|name| !name.is_empty()));
    let refuse = |name: &str, known: &[&str]| Problem::parameter("columns", unknown("column", name, known));
    match (format, names) {
        (Format::Csv, None) => Ok(Rows::Csv(columns::default())),
        (Format::Csv, Some(names)) => {
            let known: Vec<&str> = columns::ALL.iter().map(|column| column.name).collect();
            let column = |name: &str| columns::named(name).ok_or_else(|| refuse(name, &known));
            names.map(column).collect::<Result<_, _>>().map(Rows::Csv)
        }
        (Format::JsonLines, None) => Ok(Rows::Json(None)),
        (Format::JsonLines, Some(names)) => {
            let known = columns::JSON_FIELDS;
            let field = |name: &str| {
                if known.contains(&name) { Ok(name.to_owned()) } else { Err(refuse(name, &known)) }
            };
            names.map(field).collect::<Result<_, _>>().map(|fields| Rows::Json(Some(fields)))
        }
    }
}

/// Reads and sends page after page, each from a snapshot of its own. A failure tears the answer:
/// a cut export must not pass for a whole one.
async fn pour(api: Arc<Api>, filter: OrderFilter, rows: Rows, frames: Frames) {
    if let Rows::Csv(columns) = &rows
        && frames.send(header(columns)).await.is_err()
    {
        return;
    }
    let mut cursor: Option<String> = None;
    loop {
        let (wanted, from) = (filter.clone(), cursor.take());
        let page = api.read(move |store| store.list_orders(&wanted, from.as_deref(), PAGE)).await;
        let written = match &page {
            Ok(page) => write(&api, page, &rows),
            Err(problem) => Err(io::Error::other(problem.detail.clone())),
        };
        let torn = written.is_err();
        if frames.send(written).await.is_err() || torn {
            return;
        }
        cursor = page.ok().and_then(|page| page.next);
        if cursor.is_none() {
            return;
        }
    }
}

fn header(columns: &[Column]) -> io::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| column.name))?;
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> io::Result<Bytes> {
    writer.into_inner().map(Bytes::from).map_err(|error| io::Error::other(error.to_string()))
}

fn write(api: &Api, page: &OrderPage, rows: &Rows) -> io::Result<Bytes> {
    match rows {
        Rows::Csv(columns) => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for (order, person) in &page.orders {
                writer.write_record(columns.iter().map(|column| columns::cell(column, order, person)))?;
            }
            finish(writer)
        }
        Rows::Json(fields) => write_json(api, page, fields.as_deref()),
    }
}

fn write_json(api: &Api, page: &OrderPage, fields: Option<&[String]>) -> io::Result<Bytes> {
    let mut channels = Channels::new(&api.handle);
    let now = api.now();
    let mut lines = Vec::new();
    for (order, person) in &page.orders {
        let connection = channels.of(order);
        let whole = OrderJson::of(order, person, connection.as_deref(), now);
        match fields {
            None => serde_json::to_writer(&mut lines, &whole)?,
            Some(fields) => {
                let narrow = narrowed(serde_json::to_value(&whole)?, fields);
                serde_json::to_writer(&mut lines, &narrow)?;
            }
        }
        lines.push(b'\n');
    }
    Ok(Bytes::from(lines))
}

fn narrowed(whole: Value, fields: &[String]) -> Map<String, Value> {
    let Value::Object(mut whole) = whole else { return Map::new() };
    fields.iter().filter_map(|field| whole.remove_entry(field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_columns_are_named() {
        let refused = rows(Format::Csv, Some("id,totl")).err().expect("refused");
        assert_eq!(refused.field.as_deref(), Some("columns"));
        assert!(refused.detail.contains("total"), "{}", refused.detail);
        assert!(rows(Format::JsonLines, Some("id,customer")).is_ok());
        assert!(rows(Format::JsonLines, Some("customer_name")).is_err());
    }

    #[test]
    fn fields_are_taken_out_of_the_whole() {
        let whole = serde_json::json!({"id": "a:1", "total": "1.00", "notes": []});
        let narrow = narrowed(whole, &["total".to_owned(), "id".to_owned()]);
        assert_eq!(Value::Object(narrow), serde_json::json!({"id": "a:1", "total": "1.00"}));
    }
}
