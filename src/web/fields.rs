//! JSON bodies, read strictly: every fault names its field, a misspelt one its nearest neighbour.

use serde_json::{Map, Value};

use super::problem::{Code, Problem};
use super::query::{not_a_time, shown, time, unknown};
use crate::model::Timestamp;

/// Longest text of a field, in characters.
const TEXT_MAX: usize = 500;

/// The fields of one JSON object, all of them known ones.
#[derive(Debug)]
pub struct Fields {
    values: Map<String, Value>,
    /// Where the object is: empty, or `items[0].`.
    path: String,
}

impl Fields {
    /// Reads a body. An empty one counts as `{}`.
    pub fn parse(body: &[u8], known: &[&str]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { values: Map::new(), path: String::new() });
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Problem::new(Code::InvalidRequest, format!("The body is not JSON: {place}. Correct it there."))
        })?;
        Self::of(value, String::new(), known)
    }

    fn of(value: Value, path: String, known: &[&str]) -> Result<Self, Problem> {
        let Value::Object(values) = value else {
            let what = path.trim_end_matches('.').to_owned();
            let detail = "This must be a JSON object: { … }.";
            return Err(if what.is_empty() {
                Problem::new(Code::InvalidRequest, format!("The body is something else. {detail}"))
            } else {
                Problem::field(what, detail)
            });
        };
        match values.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                Err(Problem::field(format!("{path}{}", shown(name)), unknown("field", name, known)))
            }
            None => Ok(Self { values, path }),
        }
    }

    /// The field's full name, for a problem.
    pub fn name(&self, field: &str) -> String {
        format!("{}{field}", self.path)
    }

    fn refuse(&self, field: &str, detail: impl Into<String>) -> Problem {
        Problem::field(self.name(field), detail)
    }

    /// The value, when it is given and not null.
    fn value(&self, field: &str) -> Option<&Value> {
        self.values.get(field).filter(|value| !value.is_null())
    }

    /// Text that is not blank, trimmed, without control characters.
    pub fn text_at_most(&self, field: &str, longest: usize) -> Result<Option<String>, Problem> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let Value::String(text) = value else {
            return Err(self.refuse(field, format!("{field} must be text in quotes.")));
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(self.refuse(field, format!("{field} is blank. Fill it in, or leave it out.")));
        }
        if text.chars().count() > longest {
            return Err(
                self.refuse(field, format!("{field} is longer than {longest} characters. Shorten it."))
            );
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(self.refuse(field, format!("{field} holds control characters. Remove them.")));
        }
        Ok(Some(text.to_owned()))
    }

    pub fn text(&self, field: &str) -> Result<Option<String>, Problem> {
        self.text_at_most(field, TEXT_MAX)
    }

    pub fn required_text(&self, field: &str) -> Result<String, Problem> {
        self.text(field)?.ok_or_else(|| self.refuse(field, format!("{field} is missing. Fill it in.")))
    }

    /// A word of a closed set.
    pub fn word<T: Copy + std::fmt::Display>(
        &self,
        field: &str,
        all: &[T],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Problem> {
        let word = self.required_text(field)?;
        parse(&word).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            self.refuse(field, unknown(field, &word, &known))
        })
    }

    pub fn time(&self, field: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        time(&text).map(Some).ok_or_else(|| self.refuse(field, not_a_time(field)))
    }

    /// A whole number from 1.
    pub fn count(&self, field: &str) -> Result<u32, Problem> {
        let number = self.value(field).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.refuse(field, format!("{field} must be a whole number from 1.")))
    }

    /// A web address.
    pub fn link(&self, field: &str) -> Result<Option<String>, Problem> {
        let Some(text) = self.text_at_most(field, 2_000)? else { return Ok(None) };
        let is_link = ["https://", "http://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && text.len() > scheme.len()
        });
        if is_link && !text.contains(char::is_whitespace) {
            Ok(Some(text))
        } else {
            Err(self.refuse(field, format!("{field} must be an address that begins with https://.")))
        }
    }

    /// A list, its elements still to be read; `None` when it is not given.
    fn list(&mut self, field: &str, longest: usize) -> Result<Option<Vec<Value>>, Problem> {
        match self.values.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) if (1..=longest).contains(&list.len()) => Ok(Some(list)),
            Some(_) => Err(self.refuse(field, format!("{field} must be a list of 1 to {longest} entries."))),
        }
    }

    /// A list of objects with these fields.
    pub fn objects(
        &mut self,
        field: &str,
        longest: usize,
        known: &[&str],
    ) -> Result<Option<Vec<Self>>, Problem> {
        let Some(list) = self.list(field, longest)? else { return Ok(None) };
        let name = self.name(field);
        let elements = list.into_iter().enumerate();
        elements
            .map(|(at, value)| Self::of(value, format!("{name}[{at}]."), known))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list of texts, each turned into a value by `parse`, which says what it should be.
    pub fn texts<T>(
        &mut self,
        field: &str,
        longest: usize,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(list) = self.list(field, longest)? else { return Ok(None) };
        let name = self.name(field);
        let elements = list.iter().enumerate();
        elements
            .map(|(at, value)| {
                let fault = |detail: String| Problem::field(format!("{name}[{at}]"), detail);
                let text = value.as_str().ok_or_else(|| fault("This must be text in quotes.".to_owned()))?;
                parse(text).map_err(fault)
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CancelReason;

    const KNOWN: &[&str] = &["carrier", "tracking_number", "tracking_url", "items", "reason"];

    fn read<T>(
        body: &str,
        with: impl FnOnce(&mut Fields) -> Result<T, Problem>,
    ) -> Result<T, (u16, Option<String>)> {
        let mut fields = Fields::parse(body.as_bytes(), KNOWN).map_err(short)?;
        with(&mut fields).map_err(short)
    }

    fn short(problem: Problem) -> (u16, Option<String>) {
        (problem.status.as_u16(), problem.field)
    }

    fn at<T>(status: u16, field: &str) -> Result<T, (u16, Option<String>)> {
        Err((status, Some(field.to_owned())))
    }

    #[test]
    fn faults_name_their_field() {
        assert_eq!(read("{]", |_| Ok(())), Err((400, None)));
        assert_eq!(read("[]", |_| Ok(())), Err((400, None)));
        assert_eq!(read(r#"{"carier":"DHL"}"#, |_| Ok(())), at(422, "carier"));
        assert_eq!(read(r#"{"carrier":7}"#, |f| f.text("carrier")), at(422, "carrier"));
        assert_eq!(read(r#"{"carrier":"  "}"#, |f| f.text("carrier")), at(422, "carrier"));
        assert_eq!(read(r#"{"carrier":"a\u0000b"}"#, |f| f.text("carrier")), at(422, "carrier"));
        assert_eq!(read("{}", |f| f.required_text("carrier")), at(422, "carrier"));
        assert_eq!(
            read(r#"{"tracking_url":"javascript:alert(1)"}"#, |f| f.link("tracking_url")),
            at(422, "tracking_url")
        );
        assert_eq!(
            read(r#"{"reason":"bored"}"#, |f| f.word("reason", CancelReason::ALL, CancelReason::parse)),
            at(422, "reason")
        );
    }

    #[test]
    fn faults_in_lists_say_where() {
        let quantities = |f: &mut Fields| {
            let items = f.objects("items", 10, &["line_id", "quantity"])?.unwrap_or_default();
            items.iter().map(|item| item.count("quantity")).collect::<Result<Vec<_>, _>>()
        };
        let body = r#"{"items":[{"quantity":1},{"quantity":0}]}"#;
        assert_eq!(read(body, quantities), at(422, "items[1].quantity"));
        assert_eq!(read(r#"{"items":[{"qty":1}]}"#, quantities), at(422, "items[0].qty"));
        assert_eq!(read(r#"{"items":[3]}"#, quantities), at(422, "items[0]"));
        assert_eq!(read(r#"{"items":[]}"#, quantities), at(422, "items"));
        assert_eq!(read(r#"{"items":[{"quantity":2}]}"#, quantities), Ok(vec![2]));
        assert_eq!(read(r#"{"items":[{"quantity":2.5}]}"#, quantities), at(422, "items[0].quantity"));
    }

    #[test]
    fn a_misspelt_field_is_told_its_neighbour() {
        let problem = Fields::parse(br#"{"trackingNumber":"1"}"#, KNOWN).expect_err("refused");
        assert!(problem.detail.contains("tracking_number"), "{}", problem.detail);
    }

    #[test]
    fn nothing_and_null_are_the_same() {
        assert_eq!(read("", |f| f.text("carrier")), Ok(None));
        assert_eq!(read(r#"{"carrier":null}"#, |f| f.text("carrier")), Ok(None));
    }
}
