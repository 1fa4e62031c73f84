//! `fenicia completions` and `fenicia man`, made from the same definitions as the commands.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::screen::Screen;
use super::{Cli, Done};

pub(super) const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  failed
  2  the config has a fault, or the command line
  3  the daemon cannot be reached
  4  there is no such channel, order or key

Environment:
  FENICIA_URL     address of the daemon's admin listener
  FENICIA_KEY     API key for it
  FENICIA_CONFIG  config file, instead of ./config.toml
  FENICIA_LOG     level of the daemon's log: error, warn, info, debug
  NO_COLOR        no colours

Start with `fenicia demo`: five sandbox marketplaces, no account needed.";

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, screen: &mut Screen) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fenicia", &mut script);
        Ok(screen.data(&script)?)
    }
}

pub(super) fn man(screen: &mut Screen) -> Done {
    Ok(page(screen.out())?)
}

/// One page: the overview, then each command with its options.
fn page(out: &mut dyn Write) -> io::Result<()> {
    let command = Cli::command();
    let man = Man::new(command.clone());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    for part in command.get_subcommands() {
        let part = part.clone().disable_help_flag(true).bin_name(format!("fenicia {}", part.get_name()));
        writeln!(out, ".SH \"FENICIA {}\"", part.get_name().to_uppercase())?;
        writeln!(out, "{}", part.get_about().map(ToString::to_string).unwrap_or_default())?;
        let mut options = Vec::new();
        Man::new(part.clone()).render_options_section(&mut options)?;
        // The heading of its own would break the page in two.
        let text = String::from_utf8_lossy(&options);
        for line in text
            .lines()
            .filter(|line| !line.starts_with(".SH") && !line.starts_with(".ie") && !line.starts_with(".el"))
        {
            writeln!(out, "{line}")?;
        }
        for inner in part.get_subcommands() {
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            writeln!(out, ".TP\n\\fB{} {}\\fR\n{about}", part.get_name(), inner.get_name())?;
        }
    }
    man.render_extra_section(out)?;
    man.render_version_section(out)
}
