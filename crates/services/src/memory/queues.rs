use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::QueueArn;
use md5::{Digest as _, Md5};

use super::changing::Changing;
use super::faults::Faults;
use crate::{MessageQueues, QueueAttribute, QueueMessage, QueueUrl, ReceiveOptions, ServiceFailure};

/// How long a message that was taken is out of sight where neither the queue nor the call says otherwise, as at SQS.
const VISIBILITY: Duration = Duration::from_secs(30);

/// The most messages of a call that receives, as at SQS.
const RECEIVE_MAX: u8 = 10;

/// Queues in memory. Their time stands still until [`Self::advance`]: a call that waits for messages waits until there are
/// some, or until a test has moved the time on as far as it waits.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    state: Changing<State>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    /// Since the queues were made.
    now: Duration,
    queues: HashMap<QueueUrl, Vec<Stored>>,
    sent: u64,
}

#[derive(Clone, Debug)]
struct Stored {
    message: QueueMessage,
    sent_at: Duration,
    visible_at: Duration,
    receive_count: u32,
}

impl MemoryQueues {
    /// Makes an empty queue, unless it is there.
    pub fn create(&self, queue: &QueueArn) -> QueueUrl {
        let url = url_of(queue);
        self.state.with(|state| {
            state.queues.entry(url.clone()).or_default();
        });
        url
    }

    /// Sends a message with attributes of the sender's, whatever is to fail.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn send_with_attributes(
        &self,
        queue: &QueueUrl,
        body: &str,
        attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), ServiceFailure> {
        self.state.with(|state| state.send(queue, body.to_owned(), attributes))
    }

    /// Moves the time on: messages come in sight again, and calls that wait come to their end.
    pub fn advance(&self, by: Duration) {
        self.state.with(|state| state.now += by);
    }

    /// The bodies of all messages that are not deleted, in or out of sight, in the order in which they were sent.
    pub fn bodies(&self, queue: &QueueUrl) -> Vec<String> {
        self.state.with(|state| state.queues.get(queue).map(|stored| bodies(stored)).unwrap_or_default())
    }

    /// Waits until a queue has exactly this many messages, in or out of sight, and gives their bodies. Cancel safe.
    pub async fn holds(&self, queue: &QueueUrl, count: usize) -> Vec<String> {
        self.state
            .until(|state| {
                let stored = state.queues.get(queue)?;
                (stored.len() == count).then(|| bodies(stored))
            })
            .await
    }

    /// The next `count` calls fail.
    pub fn fail_next(&self, count: usize, failure: &ServiceFailure) {
        self.faults.fail_next(count, failure);
    }
}

impl State {
    fn queue(&mut self, queue: &QueueUrl) -> Result<&mut Vec<Stored>, ServiceFailure> {
        self.queues.get_mut(queue).ok_or_else(|| no_queue(queue))
    }

    fn send(
        &mut self,
        queue: &QueueUrl,
        body: String,
        message_attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), ServiceFailure> {
        let (now, id) = (self.now, format!("message-{}", self.sent + 1));
        let body_md5 = Md5::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let message = QueueMessage {
            id,
            receipt_handle: String::new(),
            body,
            body_md5,
            attributes: Vec::new(),
            message_attributes,
        };
        self.queue(queue)?.push(Stored { message, sent_at: now, visible_at: now, receive_count: 0 });
        self.sent += 1;
        Ok(())
    }

    /// Takes what is in sight.
    fn receive(
        &mut self,
        queue: &QueueUrl,
        options: ReceiveOptions,
    ) -> Result<Vec<QueueMessage>, ServiceFailure> {
        let now = self.now;
        let hidden_until = now + options.visibility.unwrap_or(VISIBILITY);
        let in_sight = self.queue(queue)?.iter_mut().filter(|stored| stored.visible_at <= now);
        Ok(in_sight
            .take(usize::from(options.messages_max))
            .map(|stored| {
                stored.visible_at = hidden_until;
                stored.receive_count += 1;
                stored.message.receipt_handle = format!("{}/{}", stored.message.id, stored.receive_count);
                stored.message.attributes = vec![
                    ("ApproximateReceiveCount".to_owned(), stored.receive_count.to_string()),
                    ("SentTimestamp".to_owned(), stored.sent_at.as_millis().to_string()),
                ];
                stored.message.clone()
            })
            .collect())
    }
}

#[async_trait]
impl MessageQueues for MemoryQueues {
    async fn queue_url(&self, queue: &QueueArn) -> Result<QueueUrl, ServiceFailure> {
        self.faults.check()?;
        let url = url_of(queue);
        self.state.with(|state| state.queue(&url).map(|_| ()))?;
        Ok(url)
    }

    async fn send(&self, queue: &QueueUrl, body: String) -> Result<(), ServiceFailure> {
        self.faults.check()?;
        self.state.with(|state| state.send(queue, body, Vec::new()))
    }

    async fn receive(
        &self,
        queue: &QueueUrl,
        options: ReceiveOptions,
    ) -> Result<Vec<QueueMessage>, ServiceFailure> {
        self.faults.check()?;
        if !(1..=RECEIVE_MAX).contains(&options.messages_max) {
            return Err(ServiceFailure::lasting(format!(
                "InvalidParameterValue: {} messages were asked for; it must be 1 to {RECEIVE_MAX}",
                options.messages_max
            )));
        }
        let waits_until = self.state.with(|state| state.now + options.wait);
        self.state
            .until(|state| match state.receive(queue, options) {
                Ok(messages) if messages.is_empty() && state.now < waits_until => None,
                result => Some(result),
            })
            .await
    }

    async fn delete(&self, queue: &QueueUrl, receipt_handles: &[String]) -> Result<(), ServiceFailure> {
        self.faults.check()?;
        // The handle of an earlier receipt removes nothing, and that is no failure.
        self.state.with(|state| {
            state.queue(queue)?.retain(|stored| !receipt_handles.contains(&stored.message.receipt_handle));
            Ok(())
        })
    }

    async fn return_after(
        &self,
        queue: &QueueUrl,
        receipt_handles: &[String],
        after: Duration,
    ) -> Result<(), ServiceFailure> {
        self.faults.check()?;
        self.state.with(|state| {
            let visible_at = state.now + after;
            let stored = state.queue(queue)?;
            let mut missing = None;
            for handle in receipt_handles {
                match stored.iter_mut().find(|stored| stored.message.receipt_handle == *handle) {
                    Some(stored) => stored.visible_at = visible_at,
                    None => missing = missing.or(Some(handle)),
                }
            }
            missing.map_or(Ok(()), |handle| {
                Err(ServiceFailure::lasting(format!(
                    "ReceiptHandleIsInvalid: no message was taken as {handle}"
                )))
            })
        })
    }
}

fn url_of(queue: &QueueArn) -> QueueUrl {
    QueueUrl::new(format!("http://queues.memory/{}/{}", queue.account(), queue.name()))
}

fn no_queue(queue: &QueueUrl) -> ServiceFailure {
    ServiceFailure::lasting(format!("QueueDoesNotExist: there is no queue {queue}"))
}

fn bodies(stored: &[Stored]) -> Vec<String> {
    stored.iter().map(|stored| stored.message.body.clone()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::ServiceFailureKind;

    /// What a future gives that does not wait.
    pub(in crate::memory) fn ready<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn queue() -> (MemoryQueues, QueueUrl) {
        let queues = MemoryQueues::default();
        let arn = QueueArn::parse("arn:aws:sqs:us-east-1:000000000000:registrations").unwrap();
        let url = queues.create(&arn);
        assert_eq!(ready(queues.queue_url(&arn)), Ok(url.clone()));
        (queues, url)
    }

    fn options(messages_max: u8, wait_s: u64, visibility_s: u64) -> ReceiveOptions {
        let visibility = Some(Duration::from_secs(visibility_s));
        ReceiveOptions { messages_max, wait: Duration::from_secs(wait_s), visibility }
    }

    fn received(queues: &MemoryQueues, url: &QueueUrl, options: ReceiveOptions) -> Vec<String> {
        ready(queues.receive(url, options)).unwrap().into_iter().map(|message| message.body).collect()
    }

    #[test]
    fn a_message_that_was_taken_comes_back_unless_it_is_deleted() {
        let (queues, url) = queue();
        for body in ["a", "b", "c"] {
            assert_eq!(ready(queues.send(&url, body.to_owned())), Ok(()));
        }
        let taken = ready(queues.receive(&url, options(2, 0, 30))).unwrap();
        assert_eq!(taken.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        // RFC 1321 has the hash of "a".
        assert_eq!(taken[0].body_md5, "0cc175b9c0f1b6a831c399e269772661");
        assert_eq!(received(&queues, &url, options(10, 0, 30)), ["c"]);

        assert_eq!(ready(queues.delete(&url, &[taken[0].receipt_handle.clone()])), Ok(()));
        queues.advance(Duration::from_secs(29));
        assert_eq!(received(&queues, &url, options(10, 0, 30)), [""; 0]);
        queues.advance(Duration::from_secs(1));
        let again = ready(queues.receive(&url, options(10, 0, 30))).unwrap();
        assert_eq!(again.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(again[0].attributes.contains(&("ApproximateReceiveCount".to_owned(), "2".to_owned())));

        // The handle of the first receipt does not delete what was taken a second time.
        assert_eq!(ready(queues.delete(&url, &[taken[1].receipt_handle.clone()])), Ok(()));
        assert_eq!(queues.bodies(&url), ["b", "c"]);
    }

    #[test]
    fn a_message_is_returned_after_a_time() {
        let (queues, url) = queue();
        assert_eq!(ready(queues.send(&url, "a".to_owned())), Ok(()));
        let taken = ready(queues.receive(&url, options(1, 0, 30))).unwrap();
        let handles = [taken[0].receipt_handle.clone()];
        assert_eq!(ready(queues.return_after(&url, &handles, Duration::from_secs(2))), Ok(()));
        queues.advance(Duration::from_secs(1));
        assert_eq!(received(&queues, &url, options(1, 0, 30)), [""; 0]);
        queues.advance(Duration::from_secs(1));
        assert_eq!(received(&queues, &url, options(1, 0, 30)), ["a"]);
    }

    #[test]
    fn who_waits_gets_what_comes_or_nothing_when_the_time_is_up() {
        let (queues, url) = queue();
        let mut context = Context::from_waker(Waker::noop());

        let mut waiting = pin!(queues.receive(&url, options(1, 20, 30)));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(ready(queues.send(&url, "a".to_owned())), Ok(()));
        assert_eq!(ready(waiting).unwrap().len(), 1);

        let mut waiting = pin!(queues.receive(&url, options(1, 20, 30)));
        queues.advance(Duration::from_secs(1));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        queues.advance(Duration::from_secs(20));
        assert_eq!(ready(waiting), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_fails_for_good() {
        let (queues, url) = queue();
        let absent = QueueUrl::new("http://queues.memory/000000000000/absent");
        let failures = [
            ready(queues.send(&absent, "a".to_owned())).unwrap_err(),
            ready(queues.receive(&absent, options(1, 20, 30))).unwrap_err(),
            ready(queues.receive(&url, options(0, 0, 30))).unwrap_err(),
            ready(queues.receive(&url, options(11, 0, 30))).unwrap_err(),
            ready(queues.delete(&absent, &[])).unwrap_err(),
            ready(queues.return_after(&url, &["unknown".to_owned()], Duration::ZERO)).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        }
    }

    #[test]
    fn calls_fail_as_they_were_told_to_and_do_nothing() {
        let (queues, url) = queue();
        let failure = ServiceFailure::passing("ServiceUnavailable: try again");
        queues.fail_next(1, &failure);
        assert_eq!(ready(queues.send(&url, "a".to_owned())), Err(failure));
        assert_eq!(queues.bodies(&url), [""; 0]);
        assert_eq!(ready(queues.send(&url, "a".to_owned())), Ok(()));
        assert_eq!(ready(queues.holds(&url, 1)), ["a"]);
    }
}
