//! Which columns an export has: the customer's only when asked for.

use askama::Template;

use super::fields;
use super::filters::{self, Filters};
use super::form::address;
use super::frame::{Frame, Here};
use super::leaf::{Leaf, html, see_other};
use super::orders::borrowed;
use super::reader::{Answer, Reader};
use super::words::Words;
use crate::web::desk;

#[derive(Template)]
#[template(path = "export.html")]
struct Export {
    w: &'static Words,
    frame: Frame,
    back: String,
    note: String,
    carried: Vec<(&'static str, String)>,
    plain: Vec<Column>,
    personal: Vec<Column>,
}

struct Column {
    name: &'static str,
    word: &'static str,
}

/// `/orders/export`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let filters = Filters { s: None, ..Filters::parse(&reader.query) };
    let frame = Frame::new(reader, Here::Orders, reader.w.do_export).await?;
    let (personal, plain): (Vec<_>, Vec<_>) = desk::columns().partition(|(_, personal)| *personal);
    let words = |columns: Vec<(&'static str, bool)>| {
        let word = |name| Column { name, word: fields::column(name, reader.w).unwrap_or(name) };
        columns.into_iter().map(|(name, _)| word(name)).collect()
    };
    let chips = filters::chips(reader, &filters, None);
    let chips: Vec<String> = chips.into_iter().map(|chip| chip.word).collect();
    let page = Export {
        w: reader.w,
        frame,
        back: filters.href("/orders", &[]),
        note: if chips.is_empty() { reader.w.all_orders_link.to_owned() } else { chips.join(" · ") },
        carried: filters.pairs(),
        plain: words(plain),
        personal: words(personal),
    };
    Ok(html(200, &page))
}

/// `/orders/export/file`: the form's columns in the way the API takes them.
pub fn file(reader: &Reader<'_>) -> Leaf {
    let filters = Filters { s: None, ..Filters::parse(&reader.query) };
    let columns = reader.query.all("column").collect::<Vec<_>>().join(",");
    let pairs = filters.pairs();
    let mut all = borrowed(&pairs);
    all.push(("format", "csv"));
    all.push(("columns", &columns));
    see_other(address("/api/v1/orders/export", &all))
}
