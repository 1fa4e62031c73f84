//! Which columns an export has: the customer's only when asked for.

use askama::Template;

use super::filters::Filters;
use super::form::address;
use super::frame::{Frame, Here};
use super::language::fill;
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
    plain: Vec<&'static str>,
    personal: Vec<&'static str>,
}

/// `/orders/export`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let filters = Filters { s: None, ..Filters::parse(&reader.query) };
    let frame = Frame::new(reader, Here::Orders, reader.w.do_export).await?;
    let (personal, plain): (Vec<_>, Vec<_>) = desk::columns().partition(|(_, personal)| *personal);
    let names = |columns: Vec<(&'static str, bool)>| columns.into_iter().map(|(name, _)| name).collect();
    let count = filters.pairs().len().to_string();
    let page = Export {
        w: reader.w,
        frame,
        back: filters.href("/orders", &[]),
        note: fill(reader.w.export_note, &[("n", &count)]),
        carried: filters.pairs(),
        plain: names(plain),
        personal: names(personal),
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
