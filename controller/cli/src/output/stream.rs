//! stdout is data, stderr is talk. A closed pipe is not an error: nobody wants to read on.

use std::io::{self, IsTerminal, Write};

/// The stream for data.
pub struct Out {
    sink: Box<dyn Write + Send>,
    terminal: bool,
    closed: bool,
    failed: Option<io::Error>,
}

impl Out {
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { sink: Box::new(stdout), terminal, closed: false, failed: None }
    }

    /// A stream into `sink`, which is no terminal.
    #[cfg(test)]
    pub fn into(sink: impl Write + Send + 'static) -> Self {
        Self { sink: Box::new(sink), terminal: false, closed: false, failed: None }
    }

    pub fn terminal(&self) -> bool {
        self.terminal
    }

    /// Whether nobody reads any more, so that a command which only shows things can end.
    pub fn closed(&self) -> bool {
        self.closed || self.failed.is_some()
    }

    pub fn text(&mut self, text: &str) {
        if self.closed() {
            return;
        }
        if let Err(error) = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush()) {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.closed = true;
            } else {
                self.failed = Some(error);
            }
        }
    }

    pub fn line(&mut self, line: &str) {
        self.text(&format!("{line}\n"));
    }

    pub fn lines(&mut self, lines: &[String]) {
        if !lines.is_empty() {
            self.line(&lines.join("\n"));
        }
    }

    /// The error that kept the data from being written, other than a closed pipe.
    pub fn finish(&mut self) -> Option<io::Error> {
        self.failed.take()
    }
}

/// Says something to the person. Nothing can be done when even that fails.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns of the terminal behind stdout; 100 when it does not tell.
pub fn terminal_width() -> usize {
    terminal_size().0
}

/// Columns and rows of the terminal behind stdout; 100 and 24 when it does not tell.
pub fn terminal_size() -> (usize, usize) {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a live `winsize`, which is what this request fills in.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if asked == 0 && size.ws_col > 0 { (size.ws_col.into(), size.ws_row.into()) } else { (100, 24) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        let mut pipe = Out::into(Refusing(io::ErrorKind::BrokenPipe));
        pipe.line("data");
        pipe.line("more");
        assert!(pipe.closed() && pipe.finish().is_none());
        let mut disk = Out::into(Refusing(io::ErrorKind::StorageFull));
        disk.line("data");
        assert!(disk.closed() && disk.finish().is_some());
    }
}
