use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{ConfirmationToken, DestinationId, DestinationStatus, TopicRuleDestination, UnixTime};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of topic rule destinations.
#[async_trait]
pub trait Destinations {
    /// The destination with this id.
    ///
    /// # Errors
    /// The storage failed.
    async fn destination(&self, id: &DestinationId) -> Result<Option<TopicRuleDestination>, StorageError>;

    /// The destination with just this confirmation URL.
    ///
    /// # Errors
    /// The storage failed.
    async fn destination_of_url(&self, url: &str) -> Result<Option<TopicRuleDestination>, StorageError>;

    /// Destinations by time of creation: at most [`TopicRuleDestination::OF_SERVER_MAX`] on all pages.
    ///
    /// # Errors
    /// The storage failed.
    async fn destinations(&self, page: PageRequest) -> Result<Page<TopicRuleDestination>, StorageError>;
}

/// A change of a topic rule destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationChange {
    /// Creates it. Conflict: one of its URL or its id exists, or there are [`TopicRuleDestination::OF_SERVER_MAX`].
    Create(TopicRuleDestination),
    /// Sets its status with all that belongs to that. Conflict: it does not exist.
    SetStatus {
        /// Its id.
        id: DestinationId,
        /// Its status from now on.
        status: DestinationStatus,
        /// Why.
        reason: Option<Arc<str>>,
        /// What confirms it from now on.
        confirmation_token: Option<ConfirmationToken>,
        /// When.
        at: UnixTime,
    },
    /// Sets it ENABLED, after which its token confirms nothing any more. Conflict: it does not exist, or it has not this
    /// token.
    Confirm {
        /// What confirms it.
        token: ConfirmationToken,
        /// When.
        at: UnixTime,
    },
    /// Sets it ERROR, because it could not be asked to confirm; its token still confirms it, since the message may have come
    /// all the same. Conflict: it does not exist, or it does not wait for this token any more: it was confirmed, disabled, or
    /// asked anew.
    FailConfirmation {
        /// What would have confirmed it.
        token: ConfirmationToken,
        /// Why it could not be asked.
        reason: Arc<str>,
        /// When.
        at: UnixTime,
    },
    /// Deletes it. Conflict: it does not exist.
    Delete {
        /// Its id.
        id: DestinationId,
    },
}

impl Transaction {
    /// Creates a topic rule destination.
    pub fn create_destination(&mut self, destination: TopicRuleDestination) {
        self.push(Change::Destination(DestinationChange::Create(destination)));
    }

    /// Sets the status of a topic rule destination, with the reason for people and with what confirms it.
    pub fn set_destination_status(
        &mut self,
        id: DestinationId,
        status: DestinationStatus,
        reason: Option<Arc<str>>,
        confirmation_token: Option<ConfirmationToken>,
        at: UnixTime,
    ) {
        let change = DestinationChange::SetStatus { id, status, reason, confirmation_token, at };
        self.push(Change::Destination(change));
    }

    /// Sets the topic rule destination ENABLED whose token this is.
    pub fn confirm_destination(&mut self, token: ConfirmationToken, at: UnixTime) {
        self.push(Change::Destination(DestinationChange::Confirm { token, at }));
    }

    /// Sets the topic rule destination ERROR that waits for this token, because it could not be asked to confirm.
    pub fn fail_destination_confirmation(
        &mut self,
        token: ConfirmationToken,
        reason: Arc<str>,
        at: UnixTime,
    ) {
        self.push(Change::Destination(DestinationChange::FailConfirmation { token, reason, at }));
    }

    /// Deletes a topic rule destination.
    pub fn delete_destination(&mut self, id: DestinationId) {
        self.push(Change::Destination(DestinationChange::Delete { id }));
    }
}
