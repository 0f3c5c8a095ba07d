//! Where messages are read and keys used: on blocking threads, a few at a time, so that a flood of answers that nobody
//! asked for can neither take all threads nor starve what else blocks.

use std::time::Duration;

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{connector::Error, policy::cause::Cause};

/// Messages at once; each takes a thread for a millisecond or two.
const AT_ONCE: usize = 4;
/// Messages that may wait for their turn; one more is told to come back.
const QUEUE: usize = 256;
/// How long one waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE + QUEUE);

/// Runs what blocks when its turn comes.
///
/// # Errors
/// What `work` says; [`Error::Unreachable`] when too many wait, or it did not end.
pub async fn take<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let busy =
        |_| Error::Unreachable(Cause::OwnFault.with("too many SAML messages are being read at once; try again in a moment"));
    let _place = PLACES.try_acquire().map_err(|e| busy(e.to_string()))?;
    let turn = timeout(PATIENCE, TURNS.acquire()).await.map_err(|e| busy(e.to_string()))?.map_err(|e| busy(e.to_string()))?;
    // The turn goes with the work: a browser that hangs up frees no thread that is still busy.
    let done = spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    let broken = |e| Cause::OwnFault.with(format!("reading or making the message did not end: {e}"));
    done.await.unwrap_or_else(|e| Err(Error::Unreachable(broken(e))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_end_frees_its_turn() {
        for _ in 0..3 * AT_ONCE {
            let ended: Result<(), Error> = take(|| panic!("as a defect of a library would")).await;
            assert!(matches!(ended, Err(Error::Unreachable(_))));
        }
        assert_eq!(take(|| Ok(7)).await.unwrap(), 7);
    }
}
