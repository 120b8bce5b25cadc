//! The output of the tour, its colours, and the format of numbers.

use std::env;
use std::io::{self, IsTerminal, StdoutLock, Write, stdout};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold,
    Dim,
    Green,
    Yellow,
    Magenta,
}

/// Where the tour is shown: the standard output, which may be a pipe that somebody closes early, as `head` does. Unlike
/// `println!`, which panics then, writing to it gives an error.
#[derive(Debug)]
pub(crate) struct Screen {
    stdout: StdoutLock<'static>,
    colours: bool,
}

impl Screen {
    /// Colours for a terminal; plain text for everything else, and where `NO_COLOR` is set to something.
    pub(crate) fn of_stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { stdout: stdout().lock(), colours: stdout().is_terminal() && !refused }
    }

    pub(crate) fn has_colours(&self) -> bool {
        self.colours
    }

    pub(crate) fn paint(&self, text: &str, colour: Colour) -> String {
        let code = match colour {
            _ if !self.colours => return text.to_owned(),
            Colour::Bold => 1,
            Colour::Dim => 90,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Magenta => 35,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let line = format!("── {text} {}", "─".repeat(76 - text.chars().count()));
        writeln!(self, "\n{}\n", self.paint(&line, Colour::Bold))
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Three digits or so, with a unit.
pub(crate) fn bytes(bytes: usize) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
    }
}

/// Three digits or so, with a unit.
pub(crate) fn time(time: Duration) -> String {
    let (value, unit) = match time.as_nanos() {
        0..1_000 => return format!("{} ns", time.as_nanos()),
        1_000..1_000_000 => (time.as_secs_f64() * 1e6, "µs"),
        1_000_000..1_000_000_000 => (time.as_secs_f64() * 1e3, "ms"),
        _ => (time.as_secs_f64(), "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}
