//! A disk that forgets what was not synced. Sectors reach it in any order, so a power loss leaves any
//! subset of those written since the last sync.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Random;
use redb::StorageBackend;

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub struct TornDisk(Arc<Mutex<Image>>);

#[derive(Debug, Default)]
struct Image {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    breaks: Option<Breaks>,
}

#[derive(Clone, Copy, Debug)]
struct Breaks {
    of: Calls,
    /// This many more are served.
    left: u64,
}

/// Which calls a disk refuses from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The power fails: what is in memory can still be read.
    Changes,
    All,
}

impl TornDisk {
    /// From now on this many calls are served.
    pub fn breaks_after(&self, left: u64, of: Calls) {
        self.image().breaks = Some(Breaks { of, left });
    }

    /// The disk as it is found after the power came back: some of the unsynced sectors reached it,
    /// others did not, and its length may be either.
    #[must_use]
    pub fn after_power_loss(&self, random: &Random) -> Self {
        let image = self.image();
        let mut found = image.synced.clone();
        if random.below(2) == 0 {
            found.resize(image.now.len().max(found.len()), 0);
        }
        for sector in &image.dirty {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(found.len()).min(image.now.len());
            if from < to && random.below(2) == 0 {
                found[from..to].copy_from_slice(&image.now[from..to]);
            }
        }
        let image = Image { now: found.clone(), synced: found, ..Image::default() };
        Self(Arc::new(Mutex::new(image)))
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, call: Calls) -> io::Result<MutexGuard<'_, Image>> {
        let mut image = self.image();
        match &mut image.breaks {
            Some(breaks) if breaks.of == call || breaks.of == Calls::All => {
                breaks.left =
                    breaks.left.checked_sub(1).ok_or_else(|| io::Error::other("the disk is broken"))?;
            }
            _ => {}
        }
        Ok(image)
    }
}

impl Image {
    fn range(&self, offset: u64, len: usize) -> io::Result<Range<usize>> {
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let end = from.checked_add(len).filter(|end| *end <= self.now.len());
        end.map(|end| from..end).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl StorageBackend for TornDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.serve(Calls::All)?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let image = self.serve(Calls::All)?;
        let range = image.range(offset, out.len())?;
        out.copy_from_slice(&image.now[range]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.serve(Calls::Changes)?.now.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut image = self.serve(Calls::Changes)?;
        let Image { now, synced, dirty, .. } = &mut *image;
        synced.resize(now.len(), 0);
        for sector in std::mem::take(dirty) {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(now.len());
            if from < to {
                synced[from..to].copy_from_slice(&now[from..to]);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut image = self.serve(Calls::Changes)?;
        let range = image.range(offset, data.len())?;
        image.dirty.extend(range.start / SECTOR..range.end.div_ceil(SECTOR));
        image.now[range].copy_from_slice(data);
        Ok(())
    }
}
