//! A disk in memory that outlives the process that writes to it: looked at as a killed process leaves
//! it, or taken away from it.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

#[derive(Debug, Default)]
struct Plates {
    bytes: Vec<u8>,
    /// Its process was killed: nothing reaches the plates any more.
    gone: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Plates>>);

impl Disk {
    /// Everything written so far, apart from what is written from now on.
    pub fn as_it_is(&self) -> Self {
        Self::holding(self.plates().expect("its process runs").bytes.clone())
    }

    /// Everything written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.plates().expect("its process runs").bytes.clone()
    }

    /// What the killed process left, as the next one finds it.
    pub fn take_away(&self) -> Self {
        let mut plates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plates.gone = true;
        Self::holding(std::mem::take(&mut plates.bytes))
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Plates { bytes, gone: false })))
    }

    fn plates(&self) -> io::Result<MutexGuard<'_, Plates>> {
        let plates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plates.gone { Err(io::Error::other("the process was killed")) } else { Ok(plates) }
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("a small disk")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.plates()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = place(offset);
        let plates = self.plates()?;
        out.copy_from_slice(plates.bytes.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.plates()?.bytes.resize(place(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.plates().map(drop)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let from = place(offset);
        let mut plates = self.plates()?;
        let room = plates.bytes.get_mut(from..from + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        room.copy_from_slice(data);
        Ok(())
    }
}
