//! An actor that does one thing and ends: what a child of another actor mostly is.

use std::marker::PhantomData;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

/// What such a child does. It may die anywhere: its truth lives in the store.
pub trait Errand: Send + Sync + 'static {
    fn run(&self) -> impl Future<Output = ()> + Send;
}

/// Sends a child of `parent` on its errand.
pub async fn send<E: Errand>(errand: E, parent: ActorCell) -> Result<ActorCell, SpawnErr> {
    let (child, _) = Actor::spawn_linked(None, Runner(PhantomData), errand, parent).await?;
    Ok(child.get_cell())
}

struct Runner<E>(PhantomData<E>);

/// To itself, once: were it run at the start, its parent would wait for it.
struct Run;

impl<E: Errand> Actor for Runner<E> {
    type Msg = Run;
    type State = E;
    type Arguments = E;

    async fn pre_start(&self, myself: ActorRef<Run>, errand: E) -> Result<E, ActorProcessingErr> {
        myself.cast(Run)?;
        Ok(errand)
    }

    async fn handle(
        &self,
        myself: ActorRef<Run>,
        _run: Run,
        errand: &mut E,
    ) -> Result<(), ActorProcessingErr> {
        errand.run().await;
        myself.stop(None);
        Ok(())
    }
}
