use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::world::World;
use crate::SettingsReloader;

/// Settings that can be reloaded once.
#[derive(Default)]
pub(super) struct Reloads(AtomicBool);

#[async_trait]
impl SettingsReloader for Reloads {
    async fn reload(&self) -> Result<(), String> {
        match self.0.swap(true, Ordering::Relaxed) {
            false => Ok(()),
            true => Err("registrar.toml:3:1: Thingname is not known; did you mean ThingName?".to_owned()),
        }
    }
}

#[tokio::test]
async fn settings_are_reloaded_or_the_fault_is_told() {
    let world = World::start().await;
    let path = "/landfall/v1/settings/reload";
    let answer = world.signed("landfall", "POST", path, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    let answer = world.signed("landfall", "POST", path, "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("registrar.toml:3:1: Thingname"), "{}", answer.body);
    let answer = world.signed("iot", "POST", path, "").await;
    assert_eq!(answer.status, 403, "{}", answer.body);
}
