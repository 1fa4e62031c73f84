//! `fenicia completions` and `fenicia man`, made from the same definitions as the commands.

use std::io::{self, Write};

use clap::{Arg, Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::screen::Screen;
use super::{Cli, Done, daemon};

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
        section(out, part, "fenicia")?;
        for inner in part.get_subcommands() {
            section(out, inner, &format!("fenicia {}", part.get_name()))?;
        }
    }
    if let Some(client) = command.find_subcommand("channels") {
        writeln!(out, ".SH \"REACHING THE DAEMON\"\nThe commands that talk to the daemon also take:")?;
        options(out, client, |arg| arg.get_help_heading() == Some(daemon::HEADING))?;
    }
    man.render_extra_section(out)?;
    man.render_version_section(out)
}

fn section(out: &mut dyn Write, command: &Command, above: &str) -> io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(out, ".SH \"{}\"\n{about}", name.to_uppercase())?;
    options(out, command, |arg| arg.get_help_heading() != Some(daemon::HEADING))
}

/// The chosen options, without the heading of their own, which would break the page in two.
fn options(out: &mut dyn Write, command: &Command, chosen: impl Fn(&Arg) -> bool) -> io::Result<()> {
    let command = command.clone().disable_help_flag(true).mut_args(|arg| {
        let hidden = !chosen(&arg);
        arg.hide(hidden)
    });
    let mut text = Vec::new();
    Man::new(command).render_options_section(&mut text)?;
    for line in String::from_utf8_lossy(&text).lines().filter(|line| !is_heading(line)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn is_heading(line: &str) -> bool {
    [".SH", ".ie", ".el"].iter().any(|request| line.starts_with(request))
}
