use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, yield_now},
    time::timeout,
};

use super::*;

const NOW: i64 = 1_800_000_000;

/// What is asked of the database: told to the test, which says what is found.
#[derive(Debug)]
struct Call {
    /// `look` or `read`.
    what: &'static str,
    finds: oneshot::Sender<Kept<&'static str>>,
}

struct Told(mpsc::UnboundedSender<Call>);

impl Told {
    async fn asked(&self, what: &'static str) -> Result<Kept<&'static str>, StoreError> {
        let (finds, found) = oneshot::channel();
        self.0.send(Call { what, finds }).unwrap();
        Ok(found.await.unwrap())
    }
}

#[async_trait]
impl Finds for Told {
    type Thing = &'static str;

    async fn look(&self, _before: &Kept<&'static str>) -> Result<Kept<&'static str>, StoreError> {
        self.asked("look").await
    }

    async fn read(&self, _before: Option<&Kept<&'static str>>) -> Result<Kept<&'static str>, StoreError> {
        self.asked("read").await
    }
}

/// A shelf, and the database behind it.
struct Scene {
    shelf: Arc<Shelf<Told>>,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Scene {
    /// On which lies what was read before anything was changed, and is behind in these tenants' things.
    fn new(behind: Behind) -> Self {
        let (told, calls) = mpsc::unbounded_channel();
        let shelf = Arc::new(Shelf::new(Told(told)));
        shelf.kept.store(Some(Arc::new(kept("first", 0, behind))));
        Self { shelf, calls }
    }

    /// Somebody asks about a tenant, when this node has made so many changes.
    fn ask(&self, tenant: &'static str, revision: u64) -> JoinHandle<Result<&'static str, String>> {
        let shelf = Arc::clone(&self.shelf);
        tokio::spawn(async move {
            let current = |_: &&'static str, behind: &Behind| !behind.is_of(tenant);
            shelf.answer(Asked { revision, at: NOW }, current).await.map(|kept| *kept.what)
        })
    }

    /// The next call, which is under way from here on. It is there at once, or never comes.
    async fn call(&mut self, what: &'static str) -> oneshot::Sender<Kept<&'static str>> {
        let call = timeout(Duration::from_secs(10), self.calls.recv()).await.expect("the database is asked").unwrap();
        assert_eq!(call.what, what);
        call.finds
    }

    fn is_asked_nothing(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

fn kept(what: &'static str, revision: u64, behind: Behind) -> Kept<&'static str> {
    Kept { what: Arc::new(what), revision, access: 0, behind, checked_at: NOW }
}

fn of(tenants: &[&str]) -> Behind {
    Behind::Tenants(tenants.iter().map(|&id| id.to_owned()).collect())
}

/// A reading that began before the change ends while the look for it is under way: what it has read is older than whoever
/// asks.
#[tokio::test]
async fn a_reading_that_ends_within_a_look_answers_nobody_who_came_after_a_change() {
    let mut scene = Scene::new(of(&["acme"]));
    let early = scene.ask("acme", 0);
    let reading = scene.call("read").await;
    // Now somebody changes something, and then they ask.
    let own = scene.ask("acme", 1);
    let look = scene.call("look").await;
    reading.send(kept("before the change", 0, Behind::Nobody)).unwrap();
    assert_eq!(early.await.unwrap().unwrap(), "before the change", "who asked before it");
    look.send(kept("first", 1, of(&["acme"]))).unwrap();
    let reading = scene.call("read").await;
    // The honest twin: of whom nothing has changed need not wait for that.
    let other = scene.ask("other", 1);
    scene.call("look").await.send(kept("before the change", 1, of(&["acme"]))).unwrap();
    assert_eq!(other.await.unwrap().unwrap(), "before the change");
    assert!(!own.is_finished());
    reading.send(kept("after the change", 1, Behind::Nobody)).unwrap();
    assert_eq!(own.await.unwrap().unwrap(), "after the change");
    assert_eq!(scene.ask("acme", 1).await.unwrap().unwrap(), "after the change");
    assert!(scene.is_asked_nothing(), "and that is kept");
}

/// The other way round: it ends when the look has found what there is.
#[tokio::test]
async fn a_reading_that_ends_after_a_look_answers_nobody_who_came_after_a_change() {
    let mut scene = Scene::new(of(&["acme"]));
    let early = scene.ask("acme", 0);
    let reading = scene.call("read").await;
    let other = scene.ask("other", 1);
    scene.call("look").await.send(kept("first", 1, of(&["acme"]))).unwrap();
    assert_eq!(other.await.unwrap().unwrap(), "first");
    let own = scene.ask("acme", 1);
    yield_now().await;
    reading.send(kept("before the change", 0, Behind::Nobody)).unwrap();
    assert_eq!(early.await.unwrap().unwrap(), "before the change");
    scene.call("read").await.send(kept("after the change", 1, Behind::Nobody)).unwrap();
    assert_eq!(own.await.unwrap().unwrap(), "after the change");
}

/// Whatever finds it: what is older than the question is no answer.
#[tokio::test]
async fn what_was_found_before_somebody_asked_does_not_answer_them() {
    let old = |found: Kept<&'static str>| Kept { checked_at: NOW - LOOK, ..found };
    let earlier =
        [("an earlier change", kept("old", 0, Behind::Nobody)), ("an earlier time", old(kept("old", 1, Behind::Nobody)))];
    for (why, found) in earlier {
        let mut scene = Scene::new(Behind::Nobody);
        let asked = scene.ask("acme", 1);
        scene.call("look").await.send(found).unwrap();
        scene.call("look").await.send(kept("current", 1, Behind::Nobody)).unwrap();
        assert_eq!(asked.await.unwrap().unwrap(), "current", "{why}");
    }
    // And who can never be answered is told so.
    let mut scene = Scene::new(Behind::Nobody);
    let asked = scene.ask("acme", 1);
    for _ in 0..ROUNDS {
        scene.call("look").await.send(kept("old", 0, Behind::Nobody)).unwrap();
    }
    asked.await.unwrap().unwrap_err();
}

/// The clock was set back: how old it is cannot be told.
#[tokio::test]
async fn what_was_found_later_than_now_answers_nobody() {
    let mut scene = Scene::new(Behind::Nobody);
    let later = Kept { checked_at: NOW + 3600, ..kept("later", 1, Behind::Nobody) };
    scene.shelf.kept.store(Some(Arc::new(later)));
    let asked = scene.ask("acme", 1);
    scene.call("look").await.send(kept("current", 1, Behind::Nobody)).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), "current");
}

/// A tenant that writes all the time is behind again at once: it is answered all the same.
#[tokio::test]
async fn who_waited_for_a_reading_is_answered_by_it_whatever_is_changed_meanwhile() {
    let mut scene = Scene::new(of(&["acme"]));
    let own = scene.ask("acme", 0);
    let reading = scene.call("read").await;
    let other = scene.ask("other", 1);
    let look = scene.call("look").await;
    reading.send(kept("read", 0, Behind::Nobody)).unwrap();
    assert_eq!(own.await.unwrap().unwrap(), "read");
    look.send(kept("read", 1, of(&["acme"]))).unwrap();
    assert_eq!(other.await.unwrap().unwrap(), "read");
    assert!(scene.is_asked_nothing());
}
