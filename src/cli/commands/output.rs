//! Where an image goes: a file that has its name only when it is complete, a device, or standard output.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::messages::tr;

/// The destination of an image. Dropped before [`Self::keep`], it leaves nothing behind.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output, a device or a pipe: it is there already, and must not be replaced by a file.
    Present(File),
    /// A file of this name. It is made late, so that an image of the folder that it is in does not hold itself.
    Absent(PathBuf),
    /// A file that grows under the first name and gets the second.
    Growing(File, PathBuf, PathBuf),
    /// It has its name.
    Kept,
}

impl Output {
    /// Opens a destination; `-` is standard output.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Self::standard();
        }
        let fail = |error| Failure::io(path.display(), &error);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::usage(tr!("{} is a folder; the image needs a file's name", path.display())))
            }
            Ok(metadata) if !metadata.is_file() => {
                OpenOptions::new().write(true).open(path).map(Self::Present).map_err(fail)
            }
            Ok(_) => fs::canonicalize(path).map(Self::Absent).map_err(fail),
            Err(_) => Ok(Self::Absent(path.to_owned())),
        }
    }

    fn standard() -> Result<Self> {
        let out = io::stdout();
        if out.is_terminal() {
            return Err(Failure::usage(tr!("an image is nothing for a terminal"))
                .hint(tr!("redirect standard output, or name a file with -o")));
        }
        // Unbuffered: std's own would look for line ends in gigabytes.
        let file =
            out.as_fd().try_clone_to_owned().map_err(|error| Failure::io(tr!("standard output"), &error))?;
        Ok(Self::Present(File::from(file)))
    }

    /// What takes the image's bytes, and what tells how many it has taken.
    pub(super) fn sink(&mut self) -> Result<(Arc<Gauge>, Sink)> {
        if let Self::Absent(path) = self {
            *self = Self::grow(path)?;
        }
        let (Self::Present(file) | Self::Growing(file, ..)) = self else {
            return Err(Failure::new(Exit::Other, "Unexpected", tr!("the image is complete already")));
        };
        let file = file.try_clone().map_err(|error| Failure::io(tr!("the output"), &error))?;
        let gauge = Gauge { written: AtomicU64::new(0), stop: AtomicBool::new(false), since: Instant::now() };
        let gauge = Arc::new(gauge);
        Ok((Arc::clone(&gauge), Sink { file, gauge }))
    }

    /// The image is complete: it gets its name.
    pub(super) fn keep(mut self) -> Result<()> {
        if let Self::Growing(file, part, path) = &self {
            file.sync_all()
                .and_then(|()| fs::rename(part, path))
                .map_err(|error| Failure::io(path.display(), &error))?;
        }
        // The drop of what was there before finds no such name any more.
        self = Self::Kept;
        drop(self);
        Ok(())
    }

    /// A file beside its final place, so that it can be renamed.
    fn grow(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| Failure::usage(tr!("{} names no file", path.display())))?;
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(part);
        let file = OpenOptions::new().write(true).create_new(true).open(&part);
        let file = file.map_err(|error| Failure::io(tr!("{} cannot be made", path.display()), &error))?;
        Ok(Self::Growing(file, part, path.to_owned()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Self::Growing(_, part, _) = self {
            // Nothing is left to be done about a failure.
            let _ = fs::remove_file(part);
        }
    }
}

/// How much has been written; and a way to stop it.
#[derive(Debug)]
pub(super) struct Gauge {
    written: AtomicU64,
    stop: AtomicBool,
    since: Instant,
}

impl Gauge {
    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes a second, so far.
    pub(super) fn rate(&self) -> u64 {
        let millis = self.since.elapsed().as_millis().max(1);
        u64::try_from(u128::from(self.written()) * 1000 / millis).unwrap_or(u64::MAX)
    }

    /// Makes the next write fail.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a write failed because of that.
    pub(super) fn stopped(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("stopped on request")]
struct Stopped;

/// A file that counts.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    gauge: Arc<Gauge>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gauge.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other(Stopped));
        }
        let written = self.file.write(bytes)?;
        self.gauge.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(output: &mut Output, text: &[u8]) {
        let (gauge, mut sink) = output.sink().unwrap();
        sink.write_all(text).unwrap();
        assert_eq!(gauge.written(), text.len() as u64);
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disc.iso");
        fs::write(&path, "old").unwrap();
        let mut output = Output::open(&path).unwrap();
        write(&mut output, b"new image");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new image");
        assert_eq!(names(folder.path()), ["disc.iso"]);
    }

    #[test]
    fn an_image_that_is_given_up_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::open(&folder.path().join("disc.iso")).unwrap();
        write(&mut output, b"half");
        drop(output);
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        let mut output = Output::open(Path::new("/dev/null")).unwrap();
        write(&mut output, b"gone");
        output.keep().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Output::open(Path::new("/tmp")).is_err());
    }

    #[test]
    fn a_stop_is_told_apart_from_other_failures() {
        let mut output = Output::open(Path::new("/dev/null")).unwrap();
        let (gauge, mut sink) = output.sink().unwrap();
        gauge.stop();
        assert!(Gauge::stopped(&sink.write_all(b"more").unwrap_err()));
        assert!(!Gauge::stopped(&io::Error::from(io::ErrorKind::BrokenPipe)));
    }
}
