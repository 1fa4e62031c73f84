//! The command line: what each command takes, says and exits with.
//!
//! Client commands talk to the daemon's admin API and know nothing of its inside. Only data goes to
//! standard output; tables, bars and colours appear only on a terminal, and everything said beside
//! the data goes to standard error.

mod act;
mod backup;
mod channels;
mod check;
mod client;
mod connect;
mod daemon;
mod erase;
mod export;
mod failures;
mod keys;
mod local;
mod orders;
mod proof;
mod reference;
mod screen;
mod sheet;
mod sync;
mod trouble;
mod views;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use screen::Screen;
use trouble::Trouble;

/// The shape of every command: 0 is success, everything else is a [`Trouble`].
type Done = Result<(), Trouble>;

#[derive(Debug, Parser)]
#[command(
    name = "fenicia",
    version,
    about = "Keeps a merchant's orders from several marketplaces in step, on the merchant's own machine",
    after_help = "Start with `fenicia demo`: five sandbox marketplaces, no account needed.",
    after_long_help = reference::AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show fenicia at work: five sandbox marketplaces, the daemon and a trickle of shoppers
    Demo(local::Demo),
    /// Run the daemon in the foreground
    Run(local::Run),
    /// Read the config and list every fault with its line and what to write instead
    Check(check::Check),
    /// Run only the sandbox marketplaces and print a config for them
    Sandbox(local::Sandbox),
    /// Show the connections, or one of them
    Channels(channels::Channels),
    /// List orders, or show one with its timeline
    Orders(orders::Orders),
    /// Fetch one order, or the orders of a whole channel, from the marketplace now
    Sync(sync::Sync),
    /// Mark an order or some of its units as shipped
    Ship(act::Ship),
    /// Add or replace a shipment's tracking number
    Track(act::Track),
    /// Cancel an order at its marketplace
    Cancel(act::Cancel),
    /// Show what failed and is parked
    Failures(failures::Failures),
    /// Put parked work back to work
    Retry(failures::Retry),
    /// Take note of what failed and leave it
    Dismiss(failures::Dismiss),
    /// Give fenicia access to an account: prints the address at which you consent
    Connect(connect::Connect),
    /// Make, list and revoke API keys
    Key(keys::Keys),
    /// Write orders to standard output as CSV or JSON lines
    Export(export::Export),
    /// Copy the store of the running daemon to a file
    Backup(backup::Backup),
    /// Put a backup back while the daemon is stopped
    Restore(local::Restore),
    /// Check every invariant of a stopped store or of a backup
    Verify(local::Verify),
    /// Erase a customer's personal data now, and prove it
    Erase(erase::Erase),
    /// Print shell completions
    Completions(reference::Completions),
    /// Print the man page
    Man,
}

/// Reads the arguments, runs the command, and says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut screen = Screen::of_process();
    let done = run(cli.command, &mut screen).and_then(|()| screen.flush().map_err(Trouble::from));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            screen.trouble(&trouble);
            trouble.exit.into()
        }
    }
}

fn run(command: Command, screen: &mut Screen) -> Done {
    match command {
        Command::Demo(demo) => demo.run(screen),
        Command::Run(run) => run.run(screen),
        Command::Check(check) => wait_for(check.run(screen)),
        Command::Sandbox(sandbox) => sandbox.run(screen),
        Command::Channels(channels) => wait_for(channels.run(screen)),
        Command::Orders(orders) => wait_for(orders.run(screen)),
        Command::Sync(sync) => wait_for(sync.run(screen)),
        Command::Ship(ship) => wait_for(ship.run(screen)),
        Command::Track(track) => wait_for(track.run(screen)),
        Command::Cancel(cancel) => wait_for(cancel.run(screen)),
        Command::Failures(failures) => wait_for(failures.run(screen)),
        Command::Retry(retry) => wait_for(retry.run(screen)),
        Command::Dismiss(dismiss) => wait_for(dismiss.run(screen)),
        Command::Connect(connect) => wait_for(connect.run(screen)),
        Command::Key(keys) => wait_for(keys.run(screen)),
        Command::Export(export) => wait_for(export.run(screen)),
        Command::Backup(backup) => wait_for(backup.run(screen)),
        Command::Restore(restore) => restore.run(screen),
        Command::Verify(verify) => verify.run(screen),
        Command::Erase(erase) => wait_for(erase.run(screen)),
        Command::Completions(completions) => completions.run(screen),
        Command::Man => reference::man(screen),
    }
}

/// A client command waits for one answer at a time: one thread does.
fn wait_for(work: impl Future<Output = Done>) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Trouble::failed("cannot start", error, "Free some memory or file descriptors and try again.")
    })?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests;
