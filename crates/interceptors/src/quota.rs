use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_model::{CaCertificateId, UnixTime};

/// How many devices of each CA certificate are let in: a bucket for each, full at first, that fills up evenly.
///
/// There is a bucket for each registered CA certificate at most, as nobody else's devices come here; one that is full again is
/// forgotten when another is made.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    devices_per_hour: u64,
    buckets: Arc<Mutex<HashMap<CaCertificateId, Bucket>>>,
}

/// What is left for the devices of a CA certificate.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In parts of a device, [`PARTS`] each: with every millisecond, as many parts come in as devices an hour.
    parts: u64,
    at: UnixTime,
}

/// A device's place in the quota. Dropped, it is given back: the device was not let in after all.
#[derive(Debug)]
pub(crate) struct Place {
    quota: Quota,
    ca: CaCertificateId,
    is_kept: bool,
}

/// How many parts one device is: the milliseconds of an hour.
const PARTS: u64 = 60 * 60 * 1_000;

impl Quota {
    pub(crate) fn new(devices_per_hour: NonZeroU32) -> Self {
        Self { devices_per_hour: u64::from(devices_per_hour.get()), buckets: Arc::default() }
    }

    /// A place for a device of a CA certificate; when there is none, how long it takes until there is one.
    pub(crate) fn take(&self, ca: CaCertificateId, now: UnixTime) -> Result<Place, Duration> {
        let mut buckets = self.buckets();
        let full = Bucket { parts: self.parts_max(), at: now };
        let bucket = match buckets.get(&ca) {
            Some(bucket) => self.filled(*bucket, now),
            None => {
                buckets.retain(|_, bucket| self.filled(*bucket, now).parts < self.parts_max());
                full
            }
        };
        match bucket.parts.checked_sub(PARTS) {
            Some(parts) => {
                buckets.insert(ca, Bucket { parts, ..bucket });
                Ok(Place { quota: self.clone(), ca, is_kept: false })
            }
            None => Err(Duration::from_millis((PARTS - bucket.parts).div_ceil(self.devices_per_hour))),
        }
    }

    /// A bucket with what has come in since.
    fn filled(&self, bucket: Bucket, now: UnixTime) -> Bucket {
        let milliseconds = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        let came_in = milliseconds.saturating_mul(self.devices_per_hour);
        // A clock that was set back lets nothing come in until it is where it was.
        let at = bucket.at.max(now);
        Bucket { parts: bucket.parts.saturating_add(came_in).min(self.parts_max()), at }
    }

    fn parts_max(&self) -> u64 {
        self.devices_per_hour.saturating_mul(PARTS)
    }

    fn buckets(&self) -> MutexGuard<'_, HashMap<CaCertificateId, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The device is let in.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            let parts_max = self.quota.parts_max();
            if let Some(bucket) = self.quota.buckets().get_mut(&self.ca) {
                bucket.parts = bucket.parts.saturating_add(PARTS).min(parts_max);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: CaCertificateId = CaCertificateId::from_sha256([1; 32]);
    const OTHER: CaCertificateId = CaCertificateId::from_sha256([2; 32]);

    fn quota(devices_per_hour: u32) -> Quota {
        Quota::new(NonZeroU32::new(devices_per_hour).unwrap())
    }

    /// Lets a device in; how many seconds it would have to wait if there is no place.
    fn take(quota: &Quota, ca: CaCertificateId, second: i64) -> Option<u64> {
        match quota.take(ca, UnixTime::from_secs(second)) {
            Ok(place) => {
                place.keep();
                None
            }
            Err(wait) => Some(wait.as_secs()),
        }
    }

    #[test]
    fn so_many_devices_an_hour_are_let_in() {
        let quota = quota(4);
        for (second, wait) in [
            // All at once.
            (0, None),
            (0, None),
            (0, None),
            (0, None),
            (0, Some(900)),
            (899, Some(1)),
            (900, None),
            (900, Some(900)),
            // Two have come in.
            (2_700, None),
            (2_700, None),
            (2_700, Some(900)),
            // A clock that was set back gives nothing away.
            (0, Some(900)),
            (2_700, Some(900)),
            // No more than an hour's devices gather.
            (1_000_000, None),
            (1_000_000, None),
            (1_000_000, None),
            (1_000_000, None),
            (1_000_000, Some(900)),
        ] {
            assert_eq!(take(&quota, CA, second), wait, "{second}");
        }
    }

    #[test]
    fn each_ca_certificate_has_its_own() {
        let quota = quota(1);
        assert_eq!(take(&quota, CA, 0), None);
        assert_eq!(take(&quota, OTHER, 0), None);
        assert_eq!((take(&quota, CA, 1), take(&quota, OTHER, 2)), (Some(3_599), Some(3_598)));
    }

    #[test]
    fn a_place_that_was_not_kept_is_there_again() {
        let quota = quota(1);
        let place = quota.take(CA, UnixTime::from_secs(0)).unwrap();
        assert_eq!(take(&quota, CA, 0), Some(3_600));
        drop(place);
        assert_eq!(take(&quota, CA, 0), None);
        // Given back late, it makes no more than there can be.
        let place = quota.take(CA, UnixTime::from_secs(7_200)).unwrap();
        assert_eq!(take(&quota, CA, 14_400), None);
        drop(place);
        assert_eq!((take(&quota, CA, 14_400), take(&quota, CA, 14_400)), (None, Some(3_600)));
    }

    #[test]
    fn a_bucket_that_is_full_again_is_forgotten() {
        let quota = quota(1);
        assert_eq!(take(&quota, CA, 0), None);
        assert_eq!(take(&quota, OTHER, 3_600), None);
        assert_eq!(quota.buckets().len(), 1);
    }

    #[test]
    fn the_largest_quota_is_no_overflow() {
        let quota = quota(u32::MAX);
        assert_eq!(take(&quota, CA, 0), None);
        assert_eq!(take(&quota, CA, i64::MAX / 1_000), None);
    }
}
