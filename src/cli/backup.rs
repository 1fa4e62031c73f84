//! `fenicia backup`: a consistent copy of the running daemon's store.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;

use super::Done;
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::Trouble;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where to put the copy. An older file of this name is replaced once the copy is complete
    file: PathBuf,
    #[command(flatten)]
    daemon: Daemon,
}

impl Backup {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        // Before the daemon does any work: is there a place to write to?
        let folder = self.file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut copy = private_file(folder, &self.file)?;
        let response = client.stream(Method::POST, "/api/v1/backup").await?;
        let bar = screen.bar("{spinner} {binary_bytes} copied");
        let written = receive(response.into_body(), &mut copy, |bytes| bar.set_position(bytes)).await;
        bar.finish_and_clear();
        let bytes = written?;
        copy.keep(&self.file)?;
        if self.daemon.json {
            return Ok(screen.json(&serde_json::json!({ "file": self.file, "bytes": bytes }).to_string())?);
        }
        let mut sheet = Sheet::new(&["file", "bytes"]);
        sheet.row([Cell::text(self.file.to_string_lossy()), Cell::count(bytes)]);
        screen.sheet(&sheet)?;
        screen
            .note("It holds every order and, sealed, every token. Keep the store's key file apart from it.");
        Ok(())
    }
}

/// The copy under a passing name, which is removed unless it is kept.
struct Copy {
    path: PathBuf,
    file: std::fs::File,
    kept: bool,
}

fn private_file(folder: &Path, target: &Path) -> Result<Copy, Trouble> {
    let name = target.file_name().ok_or_else(|| cannot_write(target, "it is not the name of a file"))?;
    let mut passing = name.to_owned();
    passing.push(format!(".{}.part", std::process::id()));
    let path = folder.join(passing);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(|error| cannot_write(&path, error))?;
    Ok(Copy { path, file, kept: false })
}

impl Copy {
    /// On disk under its name when this returns.
    fn keep(mut self, target: &Path) -> Result<(), Trouble> {
        let done = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, target)).and_then(|()| {
            let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::File::open(folder)?.sync_all()
        });
        done.map_err(|error| cannot_write(target, error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.kept {
            // Left behind at worst, under a name that says what it is.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn cannot_write(path: &Path, why: impl std::fmt::Display) -> Trouble {
    Trouble::failed(
        format!("cannot write {}", path.display()),
        why,
        "Name a file in a folder that this user may write to, with room for the store.",
    )
}

async fn receive(mut body: Incoming, copy: &mut Copy, mut progress: impl FnMut(u64)) -> Result<u64, Trouble> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Trouble::failed(
                "there is no backup",
                format!("the connection to the daemon broke: {error}"),
                "Run it again; nothing was left behind.",
            )
        })?;
        if let Some(data) = frame.data_ref() {
            copy.file.write_all(data).map_err(|error| cannot_write(&copy.path, error))?;
            bytes += data.len() as u64;
            progress(bytes);
        }
    }
    if bytes == 0 {
        return Err(Trouble::failed(
            "there is no backup",
            "the daemon sent nothing",
            "Look into the daemon's log.",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_not_kept_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("store.backup");
        std::fs::write(&target, "older").expect("written");
        drop(private_file(folder.path(), &target).expect("a file"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "older");

        let mut copy = private_file(folder.path(), &target).expect("a file");
        copy.file.write_all(b"newer").expect("written");
        copy.keep(&target).expect("kept");
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "newer");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
