use async_trait::async_trait;
use landfall_model::{CertificateId, Delivery, DeliveryId, DeliveryStatus, RuleName};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of deliveries.
#[async_trait]
pub trait Deliveries: Sync {
    /// The delivery with this id, if it is stored.
    ///
    /// # Errors
    /// The storage failed.
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StorageError>;

    /// Deliveries in the order in which they were first stored.
    ///
    /// # Errors
    /// The storage failed.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StorageError>;

    /// The deliveries that are under way or tried again, the oldest first, at most `limit`. To read on behind them, page
    /// through [`Self::deliveries`].
    ///
    /// # Errors
    /// The storage failed.
    async fn waiting_deliveries(&self, limit: u32) -> Result<Vec<Delivery>, StorageError> {
        let filter = DeliveryFilter { status: Some(DeliveryStatus::Waiting), ..DeliveryFilter::default() };
        Ok(self.deliveries(&filter, PageRequest::first(limit)).await?.items)
    }
}

/// Which deliveries are listed: those for which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Those of this status.
    pub status: Option<DeliveryStatus>,
    /// Those of this rule.
    pub rule: Option<RuleName>,
    /// Those of messages about this certificate.
    pub certificate: Option<CertificateId>,
}

/// A change of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryChange {
    /// Stores it, in the place of the one with its id if there is one.
    Store(Box<Delivery>),
    /// Removes it, if it is stored.
    Remove(DeliveryId),
    /// Removes those of a status but for the last ones that were stored: as many as both bounds let stay.
    Prune {
        /// The status.
        status: DeliveryStatus,
        /// How many stay.
        kept_max: u32,
        /// How many bytes the requests of those that stay have together, those of their error actions included.
        bytes_max: u64,
    },
}

impl DeliveryFilter {
    /// Whether it lets a delivery through.
    pub fn matches(&self, delivery: &Delivery) -> bool {
        let Self { status, rule, certificate } = self;
        status.is_none_or(|status| status == delivery.state.status())
            && rule.as_ref().is_none_or(|rule| *rule == delivery.rule)
            && certificate.is_none_or(|certificate| Some(certificate) == delivery.certificate)
    }
}

impl Transaction {
    /// Stores a delivery, in the place of the one with its id if there is one.
    pub fn store_delivery(&mut self, delivery: Delivery) {
        self.push(Change::Delivery(DeliveryChange::Store(Box::new(delivery))));
    }

    /// Removes a delivery, if it is stored.
    pub fn remove_delivery(&mut self, id: DeliveryId) {
        self.push(Change::Delivery(DeliveryChange::Remove(id)));
    }

    /// Removes deliveries that ended well: of those that were delivered, and of those that the error action handled, all but
    /// the last `kept_max` of each that were stored, and of these the last whose requests have at most `bytes_max` bytes.
    pub fn prune_deliveries(&mut self, kept_max: u32, bytes_max: u64) {
        for status in [DeliveryStatus::Delivered, DeliveryStatus::HandledByErrorAction] {
            self.push(Change::Delivery(DeliveryChange::Prune { status, kept_max, bytes_max }));
        }
    }

    /// Removes dead letters, all but the last `kept_max` that were stored, and of these the last whose requests have at most
    /// `bytes_max` bytes.
    pub fn prune_dead_letters(&mut self, kept_max: u32, bytes_max: u64) {
        let status = DeliveryStatus::Dead;
        self.push(Change::Delivery(DeliveryChange::Prune { status, kept_max, bytes_max }));
    }
}
