//! Query strings, read strictly: a misspelt filter must not silently widen a list.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::problem::Problem;
use crate::model::{ChannelId, Timestamp};

/// Largest and default number of rows in one answer.
pub const LIMIT_MAX: usize = 200;
pub const LIMIT_DEFAULT: usize = 50;
/// Longest text of any parameter, in bytes.
const TEXT_MAX: usize = 512;
/// How different a misspelt name may be to still be recognised.
const NEAR_ENOUGH: f64 = 0.7;

/// The parameters of a request, all of them known ones.
#[derive(Debug)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Refuses what is not in `known`, naming the nearest that is.
    pub fn parse(raw: &'a str, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<_> = form_urlencoded::parse(raw.as_bytes()).collect();
        for (name, value) in &pairs {
            if !known.contains(&name.as_ref()) {
                return Err(Problem::parameter(&shown(name), unknown("parameter", name, known)));
            }
            if value.len() > TEXT_MAX {
                let detail = format!("{name} is longer than {TEXT_MAX} bytes. Shorten it.");
                return Err(Problem::parameter(name, detail));
            }
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter that may be given once. An empty one counts as not given.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.trim());
        let first = values.next();
        if values.next().is_some() {
            return Err(Problem::parameter(name, format!("{name} is given twice. Give it once.")));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// Words of a closed set, separated by commas or given several times.
    pub fn words<T: Display>(
        &self,
        name: &str,
        all: &[T],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        let values = self.pairs.iter().filter(|(n, _)| n == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(|word| parse(word).ok_or_else(|| not_one_of(name, word, all)))
            .collect()
    }

    /// One word of a closed set.
    pub fn word<T: Display>(
        &self,
        name: &str,
        all: &[T],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|word| parse(word).ok_or_else(|| not_one_of(name, word, all))).transpose()
    }

    pub fn channel(&self) -> Result<Option<ChannelId>, Problem> {
        let Some(text) = self.text("channel")? else { return Ok(None) };
        let id = ChannelId::new(text)
            .map_err(|error| Problem::parameter("channel", format!("This names no channel: {error}.")))?;
        Ok(Some(id))
    }

    /// A date and time with a zone, or a date, which begins at midnight UTC.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        time(text).map(Some).ok_or_else(|| Problem::parameter(name, not_a_time(name)))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.word(name, &[true, false], |word| word.parse().ok())
    }

    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Problem::parameter(name, format!("{name} is a whole number from 0.")))
    }

    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.text("limit")? else { return Ok(LIMIT_DEFAULT) };
        match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            _ => Err(Problem::parameter("limit", format!("limit is a whole number from 1 to {LIMIT_MAX}."))),
        }
    }

    pub fn cursor(&self) -> Result<Option<&str>, Problem> {
        self.text("cursor")
    }

    /// A time to wait, such as `30s`; at most `longest`.
    pub fn wait(&self, name: &str, longest: Duration) -> Result<Duration, Problem> {
        let Some(text) = self.text(name)? else { return Ok(Duration::ZERO) };
        let number = text.strip_suffix('s').unwrap_or(text);
        let wait = number.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= longest);
        wait.ok_or_else(|| {
            let detail = format!("{name} is a number of seconds up to {}, such as 30s.", longest.as_secs());
            Problem::parameter(name, detail)
        })
    }
}

/// Reads RFC 3339 or a plain date. A `+` that was not escaped arrives as a blank.
pub fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace(' ', "+");
    Timestamp::parse(&text).or_else(|| match text.len() {
        10 => Timestamp::parse(&format!("{text}T00:00:00Z")),
        _ => None,
    })
}

pub fn not_a_time(name: &str) -> String {
    format!("{name} is a date and time with a zone, such as 2026-11-25T18:00:00Z.")
}

/// "There is no parameter x. Did you mean y? Known are: …"
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let mut text = format!("There is no {what} {}.", shown(name));
    let near = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, candidate)) = near {
        let _ = write!(text, " Did you mean {candidate}?");
    }
    let _ = match known {
        [] => write!(text, " None is known here."),
        known => write!(text, " Known are: {}.", known.join(", ")),
    };
    text
}

/// A caller's own word, cut and cleaned for an error text.
pub fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn not_one_of<T: Display>(name: &str, word: &str, all: &[T]) -> Problem {
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    Problem::parameter(name, unknown(name, word, &known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderStatus;

    fn fault(problem: Problem) -> (u16, String, String) {
        (problem.status.as_u16(), problem.field.unwrap_or_default(), problem.detail)
    }

    #[test]
    fn a_misspelt_parameter_is_named_with_the_nearest_known_one() {
        let refused = Query::parse("statsu=shipped", &["status", "limit"]).err().map(fault);
        assert_eq!(
            refused,
            Some((
                400,
                "statsu".to_owned(),
                "There is no parameter statsu. Did you mean status? Known are: status, limit.".to_owned()
            ))
        );
    }

    #[test]
    fn words_come_with_commas_or_one_by_one() {
        for raw in
            ["status=shipped,delivered", "status=shipped&status=delivered", "status=shipped%2Cdelivered,"]
        {
            let query = Query::parse(raw, &["status"]).expect("known");
            let words = query.words("status", OrderStatus::ALL, OrderStatus::parse);
            assert_eq!(words.ok(), Some(vec![OrderStatus::Shipped, OrderStatus::Delivered]), "{raw}");
        }
        let query = Query::parse("status=shiped", &["status"]).expect("known");
        let refused = query.words("status", OrderStatus::ALL, OrderStatus::parse).err().map(fault);
        let (status, field, detail) = refused.expect("refused");
        assert_eq!((status, field.as_str()), (400, "status"));
        assert!(detail.contains("shipped"), "{detail}");
    }

    #[test]
    fn limits_are_from_one_to_two_hundred() {
        for (raw, wanted) in [
            ("", Some(50)),
            ("limit=1", Some(1)),
            ("limit=200", Some(200)),
            ("limit=0", None),
            ("limit=201", None),
            ("limit=-1", None),
            ("limit=ten", None),
            ("limit=5&limit=6", None),
        ] {
            let query = Query::parse(raw, &["limit"]).expect("known");
            assert_eq!(query.limit().ok(), wanted, "{raw}");
        }
    }

    #[test]
    fn times_may_lose_their_plus_or_their_clock() {
        for (raw, wanted) in [
            ("2026-11-25T18:00:00Z", Some("2026-11-25T18:00:00Z")),
            ("2026-11-25T18:00:00 02:00", Some("2026-11-25T16:00:00Z")),
            ("2026-11-25", Some("2026-11-25T00:00:00Z")),
            ("yesterday", None),
            ("2026-13-40", None),
        ] {
            assert_eq!(time(raw).map(|at| at.to_string()).as_deref(), wanted, "{raw}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        for (raw, wanted) in [
            ("", Some(0)),
            ("wait=30s", Some(30)),
            ("wait=5", Some(5)),
            ("wait=61s", None),
            ("wait=-1s", None),
        ] {
            let query = Query::parse(raw, &["wait"]).expect("known");
            let wait = query.wait("wait", Duration::from_secs(60)).ok();
            assert_eq!(wait, wanted.map(Duration::from_secs), "{raw}");
        }
    }
}
