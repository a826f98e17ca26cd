use super::client;
use super::world::World;
use crate::MetricsSource;

/// A server that counts one thing.
pub(super) struct OneMetric;

impl MetricsSource for OneMetric {
    fn text(&self) -> String {
        "landfall_things_total 7\n# EOF\n".to_owned()
    }
}

#[tokio::test]
async fn metrics_are_told_without_a_signature() {
    let world = World::start().await;
    let answer = client::send(world.address, &world.request("GET", "/metrics", "")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "landfall_things_total 7\n# EOF\n"));
    // Only this: whatever else is asked there needs one.
    for (method, path) in [("POST", "/metrics"), ("GET", "/metrics/more")] {
        let answer = client::send(world.address, &world.request(method, path, "")).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
}
