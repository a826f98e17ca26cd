use std::mem;
use std::sync::Mutex;

use async_trait::async_trait;
use landfall_events::EventId;
use landfall_model::{Delivery, DeliveryId};
use landfall_services::{PublishObserver, PublishedMessage};
use tokio::sync::Semaphore;

/// Topic rules that only hear.
pub(crate) struct Heard {
    messages: Mutex<Vec<String>>,
    unfinished: Mutex<Vec<Delivery>>,
    settled: Mutex<Vec<(Vec<DeliveryId>, bool)>>,
    room: Semaphore,
}

impl Default for Heard {
    fn default() -> Self {
        Self::with_room(Semaphore::MAX_PERMITS)
    }
}

impl Heard {
    /// One that has room for so many events.
    pub(crate) fn with_room(events: usize) -> Self {
        let (messages, unfinished, settled) = Default::default();
        Self { messages, unfinished, settled, room: Semaphore::new(events) }
    }

    /// Each message's topic and who published it.
    pub(crate) fn list(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// What is under way when the next mark asks.
    pub(crate) fn leave_unfinished(&self, delivery: Delivery) {
        self.unfinished.lock().unwrap().push(delivery);
    }

    /// What marks said about what was under way.
    pub(crate) fn settled(&self) -> Vec<(Vec<DeliveryId>, bool)> {
        self.settled.lock().unwrap().clone()
    }
}

#[async_trait]
impl PublishObserver for Heard {
    fn published(&self, message: PublishedMessage<'_>) {
        let PublishedMessage { message, publisher } = message;
        self.messages.lock().unwrap().push(format!("{} {publisher:?}", message.topic));
    }

    async fn room(&self) {
        self.room.acquire().await.unwrap().forget();
    }

    fn unfinished(&self, _last: EventId) -> Vec<Delivery> {
        mem::take(&mut *self.unfinished.lock().unwrap())
    }

    fn settled(&self, deliveries: &[DeliveryId], stored: bool) {
        if !deliveries.is_empty() {
            self.settled.lock().unwrap().push((deliveries.to_vec(), stored));
        }
    }
}
