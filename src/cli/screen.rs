//! Where a command writes: data to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sheet::Sheet;
use super::trouble::Trouble;

pub(super) struct Screen {
    out: Port,
    err: Port,
    /// Somebody can be asked.
    can_ask: bool,
    colour: bool,
    width: u16,
}

struct Port {
    to: Box<dyn Write>,
    is_terminal: bool,
}

impl Screen {
    pub(super) fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self {
            can_ask: io::stdin().is_terminal() && err.is_terminal(),
            colour: !plain,
            width: terminal_size::terminal_size().map_or(100, |(width, _)| width.0),
            out: Port { is_terminal: out.is_terminal(), to: Box::new(BufWriter::new(out)) },
            err: Port { is_terminal: err.is_terminal(), to: Box::new(err) },
        }
    }

    #[cfg(test)]
    pub(super) fn buffer(out: Box<dyn Write>, err: Box<dyn Write>, is_terminal: bool) -> Self {
        let (out, err) = (Port { to: out, is_terminal }, Port { to: err, is_terminal: false });
        Self { out, err, can_ask: false, colour: false, width: 100 }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.out.is_terminal
    }

    /// Data, as it is.
    pub(super) fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.to.write_all(bytes)
    }

    pub(super) fn out(&mut self) -> &mut dyn Write {
        &mut self.out.to
    }

    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out.to, "{text}")
    }

    /// A heading within data for people; nothing on a pipe.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        if !self.out.is_terminal {
            return Ok(());
        }
        let (on, off) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(self.out.to, "\n{on}{text}{off}")
    }

    /// A table on a terminal, tab-separated lines without a header elsewhere.
    pub(super) fn sheet(&mut self, sheet: &Sheet) -> io::Result<()> {
        let text = if self.out.is_terminal { sheet.table(self.width, self.colour) } else { sheet.lines() };
        self.out.to.write_all(text.as_bytes())
    }

    /// The API's JSON: one line, or indented for a person.
    pub(super) fn json(&mut self, text: &str) -> io::Result<()> {
        if self.out.is_terminal
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
            && let Ok(pretty) = serde_json::to_string_pretty(&value)
        {
            return writeln!(self.out.to, "{pretty}");
        }
        writeln!(self.out.to, "{}", text.trim_end())
    }

    /// A remark beside the data.
    pub(super) fn note(&mut self, text: &str) {
        // Nothing can be said about a failure to say something.
        let _ = self.out.to.flush();
        let _ = writeln!(self.err.to, "{text}");
    }

    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        if trouble.quiet {
            return;
        }
        let _ = self.out.to.flush();
        let (red, dim, off) = if self.err.is_terminal && self.colour {
            ("\x1b[1;31m", "\x1b[2m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let (what, why, cure) = (clean(&trouble.what), clean(&trouble.why), clean(&trouble.cure));
        let _ =
            writeln!(self.err.to, "{red}error:{off} {what}\n  {dim}why:{off} {why}\n  {dim}now:{off} {cure}");
    }

    /// Asks before something that cannot be undone. Where nobody can answer, the caller has decided.
    pub(super) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        if !self.can_ask {
            return Ok(true);
        }
        self.out.to.flush()?;
        write!(self.err.to, "{question} [y/N] ")?;
        self.err.to.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "s" | "si" | "sí"))
    }

    /// A bar over `total`, or a running counter when the total is not known. Invisible elsewhere
    /// than on a terminal.
    pub(super) fn bar(&self, style: &str) -> ProgressBar {
        if !self.err.is_terminal {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.to.flush()
    }
}

/// Text of a marketplace or a customer, without anything that could steer the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi(c) { ' ' } else { c }).collect()
}

/// Marks that reorder what stands around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
