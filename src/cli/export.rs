//! `fenicia export`: orders as they are stored, streamed.

use clap::{Args, ValueEnum};
use http_body_util::BodyExt;
use hyper::Method;

use super::Done;
use super::client::query;
use super::daemon::Daemon;
use super::orders::Filter;
use super::screen::Screen;
use super::trouble::Trouble;
use crate::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// CSV for spreadsheets, JSON lines for programs
    #[arg(long, value_enum)]
    format: Format,
    /// Only these columns, in this order, such as id,status,total
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

impl Export {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let format = match self.format {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
        };
        let mut parameters = self.filter.parameters(Clock::system().now())?;
        parameters.push(("format", Some(format.to_owned())));
        parameters.push(("columns", (!self.columns.is_empty()).then(|| self.columns.join(","))));
        let path = query("/api/v1/orders/export", parameters);
        let mut body = client.stream(Method::GET, &path).await?.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Trouble::failed(
                    "the export is incomplete",
                    format!("the connection to the daemon broke: {error}"),
                    "Run it again, and do not use what was written.",
                )
            })?;
            if let Some(bytes) = frame.data_ref() {
                screen.data(bytes)?;
            }
        }
        Ok(())
    }
}
