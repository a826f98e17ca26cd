use async_trait::async_trait;
use landfall_model::{Delivery, DeliveryId, DeliveryStatus};

use super::MemoryRegistry;
use super::state::State;
use crate::{Deliveries, DeliveryChange, DeliveryFilter, Page, PageRequest, StorageError};

#[async_trait]
impl Deliveries for MemoryRegistry {
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StorageError> {
        Ok(self.state().deliveries.get(id).cloned())
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StorageError> {
        Ok(self.state().deliveries.page(page, |delivery| filter.matches(delivery)))
    }
}

impl State {
    pub(super) fn apply_delivery(&mut self, change: &DeliveryChange) {
        match change {
            DeliveryChange::Store(delivery) => {
                let delivery = Delivery::clone(delivery);
                match self.deliveries.get_mut(&delivery.id) {
                    Some(known) => *known = delivery,
                    None => {
                        self.deliveries.insert_unless_there(&mut self.row_ids, delivery.id, delivery);
                    }
                }
            }
            DeliveryChange::Remove(id) => self.deliveries.remove(id),
            DeliveryChange::Prune { status, kept_max, bytes_max } => {
                self.prune_deliveries(*status, *kept_max, *bytes_max);
            }
        }
    }

    fn prune_deliveries(&mut self, status: DeliveryStatus, kept_max: u32, bytes_max: u64) {
        let kept_max = usize::try_from(kept_max).unwrap_or(usize::MAX);
        let of_status = self.deliveries.rows().filter(|delivery| delivery.state.status() == status);
        let mut bytes = 0_u64;
        let stays = |(place, delivery): &(usize, &Delivery)| {
            let error_request = delivery.error_request.as_ref().map_or(0, |request| request.len());
            let more = u64::try_from(delivery.request.len() + error_request).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(more);
            *place < kept_max && bytes <= bytes_max
        };
        let surplus = of_status.rev().enumerate().skip_while(stays).map(|(_, delivery)| delivery.id);
        let surplus: Vec<_> = surplus.collect();
        surplus.iter().for_each(|id| self.deliveries.remove(id));
    }
}
