use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::device::Device;
use crate::dial::{Dial, TlsDial};
use crate::lifetime::{Happening, Lifetime, Surroundings};
use crate::report::Tally;
use crate::{DeviceOutcome, Fleet, FleetReport, IssuanceError, IssuedFleet, Progress};

/// How many happenings wait to be counted; devices wait when there are more.
const EVENTS_MAX: usize = 256;

/// Makes the certificates of a fleet and lets its devices in.
///
/// It ends when every device has: accepted and gone, or given up. When `shutdown` is cancelled, devices that are not in
/// give up, and devices that stay leave.
///
/// # Errors
/// The certificates were not made. A device that was not accepted is no error: the report tells of it.
pub async fn run(
    fleet: Fleet,
    progress: &dyn Progress,
    shutdown: &CancellationToken,
) -> Result<FleetReport, IssuanceError> {
    let issued = fleet.issue(progress, shutdown).await?;
    Ok(connect(&issued, progress, shutdown).await)
}

/// Lets the devices of a fleet in. It can be called again: the same devices then come back with the same certificates.
///
/// It ends as [`run`] does. Dropping the future ends every connection at once.
pub async fn connect(
    fleet: &IssuedFleet,
    progress: &dyn Progress,
    shutdown: &CancellationToken,
) -> FleetReport {
    let dial =
        TlsDial { endpoint: fleet.endpoint().clone(), handshake_timeout: fleet.limits().handshake_timeout };
    connect_by(dial, fleet, progress, shutdown).await
}

pub(crate) async fn connect_by<D: Dial>(
    dial: D,
    fleet: &IssuedFleet,
    progress: &dyn Progress,
    shutdown: &CancellationToken,
) -> FleetReport {
    let (events, mut happened) = mpsc::channel(EVENTS_MAX);
    let began = Instant::now();
    let limits = *fleet.limits();
    let surroundings = Surroundings {
        dial,
        limits,
        mqtt_version: fleet.mqtt_version(),
        afterwards: fleet.afterwards(),
        slots: Arc::new(Semaphore::new(limits.concurrency_max.get().min(fleet.devices().len()))),
        began,
        shutdown: shutdown.clone(),
        epoch: fleet.epoch(),
        events,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(launch(fleet.devices().to_vec(), surroundings));
    let mut tally = Tally::new(began, fleet.devices());
    // The channel is closed once the last device is gone.
    while let Some(event) = happened.recv().await {
        if let Some(device) = fleet.devices().get(event.index) {
            tell(device, &event.happening, progress);
        }
        tally.count(event, Instant::now());
    }
    tally.into_report()
}

/// Starts the devices, each when a slot is free. One slot is waited for at a time, so that a device that tries again
/// stands behind other such devices and a single new one.
async fn launch<D: Dial>(devices: Vec<Arc<Device>>, surroundings: Surroundings<D>) {
    let surroundings = Arc::new(surroundings);
    let mut lifetimes = JoinSet::new();
    for (index, device) in devices.into_iter().enumerate() {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&surroundings.slots).acquire_owned().await else { break };
        lifetimes.spawn(Lifetime::new(index, device, Arc::clone(&surroundings)).live(slot));
        while lifetimes.try_join_next().is_some() {}
    }
    drop(surroundings);
    while lifetimes.join_next().await.is_some() {}
}

fn tell(device: &Device, happening: &Happening, progress: &dyn Progress) {
    match happening {
        Happening::Attempt { number } => progress.attempt(device, *number),
        Happening::Failed(failure) => {
            debug!(
                client.id = %device.client_id(),
                reason = %failure.code(),
                error = %failure,
                "attempt failed"
            );
            progress.attempt_failed(device, failure);
        }
        Happening::Accepted(acceptance) => progress.accepted(device, acceptance),
        Happening::Done(report) => match &report.outcome {
            DeviceOutcome::Accepted { end, .. } => progress.connection_ended(device, end),
            DeviceOutcome::NotAccepted(gave_up) => progress.failed(device, *gave_up),
        },
    }
}

#[cfg(test)]
mod tests;
