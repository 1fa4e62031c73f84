//! One thread owns the only write transaction and commits what waits as one group.
//!
//! An operation is a closure over the shared transaction and runs whole or leaves nothing. Its
//! caller hears of it after the commit is on disk. When the engine fails, or an operation panics,
//! nothing more can be promised: the process ends and the next start recovers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::Database;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::lanes::{Answer, Lanes, Message, QUEUE, Work};
use super::txn::{Memory, Txn};
use super::{Shared, StoreError, failpoint};
use crate::telemetry::metrics;

/// Most operations of one commit.
const GROUP: usize = 256;
/// A group that has worked for this long ends with at most one more operation.
const GROUP_SPAN: Duration = Duration::from_millis(2);
/// How long a caller waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) enum Writer {
    Thread {
        queue: mpsc::Sender<Message>,
        thread: Mutex<Option<JoinHandle<()>>>,
    },
    /// Each operation is committed by its caller, without a thread: for tests under virtual time.
    Inline(Box<Mutex<Engine>>),
}

impl Writer {
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread =
            std::thread::Builder::new().name("store".to_owned()).spawn(move || run(engine, waiting))?;
        Ok(Self::Thread { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Runs `operation` and answers after its commit.
    pub(super) async fn write<T, E, F>(&self, name: &'static str, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&mut Txn<'t>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = Box::new(move |txn: &mut Txn<'_>| -> Answer {
            let result = txn.attempt(operation);
            txn.settle();
            Box::new(move |committed| {
                // A caller that has gone away does not mind.
                let _ = answer.send(if committed { result } else { Err(StoreError::Closed.into()) });
            })
        });
        self.submit(Work { name, run }).await?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn submit(&self, work: Work) -> Result<(), StoreError> {
        match self {
            Self::Inline(engine) => {
                engine.lock().unwrap_or_else(PoisonError::into_inner).group(work, |_| None);
                Ok(())
            }
            Self::Thread { queue, .. } => match queue.try_send(Message::Work(work)) {
                Ok(()) => Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Closed),
                Err(mpsc::error::TrySendError::Full(message)) => {
                    queue.send_timeout(message, PATIENCE).await.map_err(|e| match e {
                        mpsc::error::SendTimeoutError::Timeout(_) => StoreError::Busy,
                        mpsc::error::SendTimeoutError::Closed(_) => StoreError::Closed,
                    })
                }
            },
        }
    }

    /// Finishes what is queued and closes the file.
    pub(super) async fn close(&self) {
        match self {
            Self::Inline(engine) => engine.lock().unwrap_or_else(PoisonError::into_inner).close(),
            Self::Thread { queue, thread } => {
                let (done, closed) = oneshot::channel();
                if queue.send(Message::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread {
                    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
                }
            }
        }
    }
}

fn run(mut engine: Engine, queue: mpsc::Receiver<Message>) {
    let mut lanes = Lanes::new(queue);
    while let Some(first) = lanes.first() {
        engine.group(first, |in_time| lanes.next(in_time));
    }
    engine.close();
    lanes.closed();
}

/// The database as the writer holds it.
pub(super) struct Engine {
    db: Option<Arc<Database>>,
    memory: Memory,
    shared: Arc<Shared>,
}

impl Engine {
    pub(super) fn new(db: Arc<Database>, memory: Memory, shared: Arc<Shared>) -> Self {
        Self { db: Some(db), memory, shared }
    }

    /// Runs `first` and what `next` gives as one transaction, then answers all of them. `next` is
    /// told whether the group still has time.
    pub(super) fn group(&mut self, first: Work, next: impl FnMut(bool) -> Option<Work>) {
        let Some(db) = self.db.clone() else {
            return;
        };
        match catch_unwind(AssertUnwindSafe(|| self.transact(&db, first, next))) {
            Ok(Ok(answers)) => tell(answers, true),
            Ok(Err((answers, why))) => {
                self.fail(&why);
                tell(answers, false);
            }
            Err(_) => self.fail("an operation panicked"),
        }
    }

    fn transact(
        &mut self,
        db: &Database,
        first: Work,
        mut next: impl FnMut(bool) -> Option<Work>,
    ) -> Result<Vec<Answer>, (Vec<Answer>, String)> {
        let begun = Instant::now();
        let mut answers = Vec::new();
        let mut names = Vec::new();
        let mut tx = match db.begin_write() {
            Ok(tx) => tx,
            Err(e) => return Err((answers, format!("cannot begin a transaction: {e}"))),
        };
        // A start after a crash is instant at any size, for one more sync per group.
        tx.set_quick_repair(true);
        let (records, broken) = {
            let mut txn = Txn::new(&tx, &mut self.memory, &self.shared);
            let mut work = Some(first);
            while let Some(Work { name, run }) = work {
                names.push(name);
                answers.push(run(&mut txn));
                let in_time = answers.len() < GROUP && begun.elapsed() < GROUP_SPAN;
                work = if txn.broken().is_none() { next(in_time) } else { None };
            }
            (txn.records(), txn.broken())
        };
        if let Some(why) = broken {
            return Err((answers, why));
        }
        let ended = if records == 0 {
            tx.abort().map_err(|e| e.to_string())
        } else {
            failpoint::before_commit(&names);
            tx.commit().map_err(|e| e.to_string())
        };
        if let Err(why) = ended {
            return Err((answers, why));
        }
        if records > 0 {
            failpoint::after_commit(&names);
            metrics::store_commit().record(begun.elapsed().as_secs_f64());
            metrics::store_commit_records().record(to_f64(records));
        }
        self.shared.publish(&self.memory);
        Ok(answers)
    }

    /// Nothing can be promised from here on.
    fn fail(&mut self, why: &str) {
        tracing::error!(why, "the store failed: ending, the next start recovers");
        self.db = None;
        self.shared.forget_database();
        (self.shared.fatal)(why);
    }

    fn close(&mut self) {
        self.shared.forget_database();
        // Snapshots that are being read hold the file open a moment longer; the last one closes it.
        if let Some(db) = self.db.take().and_then(Arc::into_inner)
            && let Err(e) = db.close()
        {
            tracing::error!("the store did not close cleanly: {e}");
        }
    }
}

fn tell(answers: Vec<Answer>, committed: bool) {
    for answer in answers {
        answer(committed);
    }
}

fn to_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
