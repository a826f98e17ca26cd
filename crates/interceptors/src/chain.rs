use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::{Clock, Scope};
use landfall_registration::{
    AttributeChange, Interception, InterceptorRequest, InterceptorSettings, Interceptors, OnFailure,
    apply_changes,
};
use landfall_registry::Registry;
use landfall_services::FunctionInvoker;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::answer::Answer;
use crate::failure::{Failure, with_sources};
use crate::prepared::{Interceptor, PreparedInterceptors};
use crate::quota::Place;

/// Asks the interceptors of a device's settings, in their order.
pub struct Chain {
    prepared: Arc<PreparedInterceptors>,
    ports: Ports,
}

/// What interceptors reach.
#[derive(Clone)]
pub struct Ports {
    /// The account and region of this server.
    pub scope: Scope,
    /// Where registered CA certificates are: their keys sign revocation lists.
    pub registry: Arc<dyn Registry>,
    /// Who invokes functions.
    pub functions: Arc<dyn FunctionInvoker>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What an interceptor says.
enum Said {
    Answer(Answer),
    /// The device has a place in the quota.
    Place(Place),
    /// It will have one after so long.
    NoPlace(Duration),
}

impl Chain {
    /// Asks these interceptors. One whose settings are not among them is made ready when it is first asked.
    pub fn new(prepared: Arc<PreparedInterceptors>, ports: Ports) -> Self {
        Self { prepared, ports }
    }

    async fn ask(
        &self,
        settings: &InterceptorSettings,
        request: &InterceptorRequest,
    ) -> Result<Said, Failure> {
        let Ports { scope: _, registry, functions, clock } = &self.ports;
        let (now, time) = (Instant::now(), clock.now());
        let answer = match &*self.ready(settings).await? {
            Interceptor::Quota(quota) => {
                return Ok(match quota.take(request.applicant.ca, time) {
                    Ok(place) => Said::Place(place),
                    Err(wait) => Said::NoPlace(wait),
                });
            }
            Interceptor::List(list) => list.ask(request, now).await?,
            Interceptor::Crl(crls) => crls.ask(request, &**registry, now, time).await?,
            Interceptor::Webhook(webhook) => webhook.ask(self.body(settings, request), now, time).await?,
            Interceptor::Executable(executable) => executable.ask(self.body(settings, request)).await?,
            Interceptor::Function(function) => {
                function.ask(&**functions, self.body(settings, request)).await?
            }
        };
        Ok(Said::Answer(answer))
    }

    async fn ready(&self, settings: &InterceptorSettings) -> Result<Arc<Interceptor>, Failure> {
        if let Some(ready) = self.prepared.get(settings) {
            return Ok(ready);
        }
        let (prepared, settings) = (Arc::clone(&self.prepared), settings.clone());
        let ready = spawn_blocking(move || prepared.ready_now(&settings)).await;
        Ok(ready.map_err(|_| Failure::Ending)??)
    }

    fn body(&self, settings: &InterceptorSettings, request: &InterceptorRequest) -> Bytes {
        let mut body = request.to_json(&self.ports.scope);
        body["interceptor"] = (*settings.name).into();
        body.to_string().into()
    }
}

#[async_trait]
impl Interceptors for Chain {
    async fn intercept(&self, mut request: InterceptorRequest) -> Interception {
        let settings = Arc::clone(&request.settings);
        let mut all_changes = Vec::new();
        // If the device is not let in after all, its places go back when this is dropped.
        let mut places = Vec::new();
        for interceptor in settings.interceptors.iter() {
            let name = || interceptor.name.clone();
            let said = timeout(interceptor.deadline, self.ask(interceptor, &request)).await;
            let said = said.unwrap_or(Err(Failure::Late(interceptor.deadline)));
            match said.and_then(|said| heeded(said, &mut request)) {
                Ok(Heeded::Changes(changes)) => all_changes.extend(changes),
                Ok(Heeded::Place(place)) => places.push(place),
                Ok(Heeded::Deny(message)) => return Interception::Deny { interceptor: name(), message },
                Ok(Heeded::Wait(problem, after)) => {
                    return Interception::Retry { interceptor: name(), problem, after: Some(after) };
                }
                Err(failure) => {
                    let problem = with_sources(&failure);
                    match interceptor.on_failure {
                        OnFailure::Retry => {
                            return Interception::Retry { interceptor: name(), problem, after: None };
                        }
                        OnFailure::Deny => {
                            return Interception::Deny { interceptor: name(), message: problem };
                        }
                        OnFailure::Allow => {
                            warn!(
                                certificate.id = %request.applicant.certificate,
                                interceptor.name = %interceptor.name,
                                problem,
                                "interceptor failed, and its settings let the device pass"
                            );
                        }
                    }
                }
            }
        }
        places.into_iter().for_each(Place::keep);
        Interception::Allow { changes: all_changes }
    }
}

/// What follows from what an interceptor said.
enum Heeded {
    Changes(Vec<AttributeChange>),
    Place(Place),
    Deny(String),
    Wait(String, Duration),
}

/// Carries out the changes of an answer, so that the next interceptor sees them.
fn heeded(said: Said, request: &mut InterceptorRequest) -> Result<Heeded, Failure> {
    Ok(match said {
        Said::Answer(Answer::Allow(changes)) => {
            apply_changes(&mut request.plan, &changes)?;
            Heeded::Changes(changes)
        }
        Said::Answer(Answer::Deny(message)) => Heeded::Deny(message),
        Said::Place(place) => Heeded::Place(place),
        Said::NoPlace(wait) => {
            let (ca, seconds) = (request.applicant.ca, wait.as_millis().div_ceil(1_000));
            let problem = format!(
                "the quota of CA certificate {ca} is used up; there is a place for another device in {seconds} s"
            );
            Heeded::Wait(problem, wait)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::num::NonZeroU32;
    use std::path::PathBuf;
    use std::sync::Mutex;

    use landfall_model::{FunctionName, UnixTime};
    use landfall_registration::{InterceptorKind, Raised};
    use landfall_services::memory::MemoryFunctions;
    use landfall_services::{FunctionAnswer, ServiceFailure};
    use serde_json::{Value, json};

    use super::*;
    use crate::Config;
    use crate::testing::{Device, NOW, registry, scope};

    /// A clock that stands where it is put.
    struct SetClock(Mutex<UnixTime>);

    impl Clock for SetClock {
        fn now(&self) -> UnixTime {
            *self.0.lock().unwrap()
        }
    }

    struct World {
        chain: Chain,
        functions: Arc<MemoryFunctions>,
        clock: Arc<SetClock>,
        device: Device,
    }

    impl World {
        async fn new() -> Self {
            let device = Device::new("SN-1");
            let functions = Arc::new(MemoryFunctions::default());
            let clock = Arc::new(SetClock(Mutex::new(NOW)));
            let ports = Ports {
                scope: scope(),
                registry: registry(&[&device.ca]).await,
                functions: Arc::clone(&functions) as Arc<dyn FunctionInvoker>,
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
            };
            let prepared = Arc::new(PreparedInterceptors::new(Config::default()));
            Self { chain: Chain::new(prepared, ports), functions, clock, device }
        }

        /// A function that answers so, as an interceptor of its name.
        fn function(&self, name: &str, answer: Value, on_failure: OnFailure) -> InterceptorSettings {
            let function = FunctionName::parse(name).unwrap();
            let answer = FunctionAnswer::Returned(answer.to_string().into());
            self.functions.insert(function.clone(), move |_| future::ready(answer.clone()));
            let kind = InterceptorKind::Function { function, raised: Raised::Fails };
            settings(name, kind, on_failure)
        }

        async fn intercept(&self, interceptors: &[InterceptorSettings]) -> Interception {
            self.chain.intercept(self.device.request_with(interceptors.to_vec())).await
        }

        /// The events that functions got, in order.
        fn events(&self) -> Vec<Value> {
            let invocations = self.functions.invocations().all();
            invocations.iter().map(|each| serde_json::from_slice(&each.event).unwrap()).collect()
        }
    }

    fn settings(name: &str, kind: InterceptorKind, on_failure: OnFailure) -> InterceptorSettings {
        // No test waits for it, but those whose time stands still.
        InterceptorSettings { name: name.into(), kind, deadline: Duration::from_secs(60), on_failure }
    }

    fn quota(name: &str) -> InterceptorSettings {
        let kind = InterceptorKind::Quota { devices_per_hour: NonZeroU32::MIN };
        settings(name, kind, OnFailure::Allow)
    }

    fn deny(interceptor: &str, message: &str) -> Interception {
        Interception::Deny { interceptor: interceptor.into(), message: message.to_owned() }
    }

    fn retry(interceptor: &str, problem: &str) -> Interception {
        Interception::Retry { interceptor: interceptor.into(), problem: problem.to_owned(), after: None }
    }

    #[tokio::test]
    async fn each_interceptor_sees_what_those_before_it_changed() {
        let world = World::new().await;
        let change = |attributes: Value| json!({ "decision": "allow", "attributes": attributes });
        let interceptors = [
            world.function(
                "first",
                change(json!({ "site": "berlin", "product_id": null })),
                OnFailure::Retry,
            ),
            world.function("second", change(json!({ "site": "paris", "batch": "7" })), OnFailure::Retry),
            world.function("third", json!({ "decision": "allow" }), OnFailure::Retry),
        ];
        let Interception::Allow { changes } = world.intercept(&interceptors).await else {
            panic!("the device is allowed");
        };
        let changes: Vec<_> = changes
            .iter()
            .map(|change| (change.name.as_str(), change.value.as_ref().map(|value| value.as_str())))
            .collect();
        let expected =
            [("site", Some("berlin")), ("product_id", None), ("site", Some("paris")), ("batch", Some("7"))];
        assert_eq!(changes, expected);
        let events = world.events();
        let seen = |name: &str| -> Vec<Value> {
            events.iter().map(|event| event["attributes"].get(name).cloned().unwrap_or_default()).collect()
        };
        assert_eq!(seen("site"), [json!(null), json!("berlin"), json!("paris")]);
        assert_eq!(seen("product_id"), [json!("smart-sensor"), json!(null), json!(null)]);
        assert_eq!(seen("batch"), [json!(null), json!(null), json!("7")]);
        let told = |name: &str| events.iter().map(|event| event[name].clone()).collect::<Vec<_>>();
        assert_eq!(told("interceptor"), ["first", "second", "third"]);
        assert_eq!(told("thingName"), ["thing-SN-1"; 3]);
    }

    #[tokio::test]
    async fn the_first_that_does_not_allow_has_the_last_word() {
        let world = World::new().await;
        let allow = world.function("yes", json!({ "decision": "allow" }), OnFailure::Retry);
        let no = world.function("no", json!({ "decision": "deny", "message": "not ours" }), OnFailure::Retry);
        let broken = world.function("broken", json!(7), OnFailure::Retry);
        let problem = "the answer is a number; it must be an object, as {\"decision\": \"allow\"}";
        for (chain, expected, asked) in [
            ([&allow, &no, &broken], deny("no", "not ours"), 2),
            ([&allow, &broken, &no], retry("broken", problem), 2),
            ([&no, &allow, &broken], deny("no", "not ours"), 1),
        ] {
            let before = world.events().len();
            assert_eq!(world.intercept(&chain.map(Clone::clone)).await, expected);
            assert_eq!(world.events().len() - before, asked);
        }
        assert_eq!(world.intercept(&[]).await, Interception::Allow { changes: vec![] });
    }

    #[tokio::test]
    async fn what_a_failure_means_is_a_setting() {
        let world = World::new().await;
        let no = world.function("no", json!({ "decision": "deny" }), OnFailure::Retry);
        let problem = "the answer has no decision; it must be as {\"decision\": \"allow\"}";
        for (on_failure, expected) in [
            (OnFailure::Retry, retry("broken", problem)),
            (OnFailure::Deny, deny("broken", problem)),
            // It is as if it had not been asked: the others still are.
            (OnFailure::Allow, deny("no", "it gave no reason")),
        ] {
            let broken = world.function("broken", json!({}), on_failure);
            assert_eq!(world.intercept(&[broken, no.clone()]).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_has_failed_at_its_deadline() {
        let world = World::new().await;
        let function = FunctionName::parse("stuck").unwrap();
        world.functions.insert(function.clone(), |_| future::pending());
        let kind = InterceptorKind::Function { function, raised: Raised::Denies };
        let mut stuck = settings("stuck", kind, OnFailure::Retry);
        stuck.deadline = Duration::from_millis(1_500);
        let began = Instant::now();
        assert_eq!(world.intercept(&[stuck]).await, retry("stuck", "it did not answer within 1.5s"));
        // The runtime's clock counts whole milliseconds, and rounds up.
        assert!(began.elapsed() - Duration::from_millis(1_500) < Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_web_server_or_a_program_that_never_answers_has_failed_at_its_deadline() {
        let world = World::new().await;
        let folder = tempfile::tempdir().unwrap();
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, "0123456789abcdef").unwrap();
        // Whoever connects is taken in by the system, and hears nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let arguments = ["-c", "sleep 1000"].map(str::to_owned).to_vec();
        for kind in [
            InterceptorKind::Webhook { url, secret_file, ca_file: None },
            InterceptorKind::Executable { program: PathBuf::from("/bin/sh"), arguments },
        ] {
            let silent = settings("silent", kind, OnFailure::Retry);
            assert_eq!(world.intercept(&[silent]).await, retry("silent", "it did not answer within 60s"));
        }
    }

    #[tokio::test]
    async fn too_many_attributes_are_the_failure_of_who_adds_the_last() {
        let world = World::new().await;
        let many = |from: u32| {
            let attributes: serde_json::Map<_, _> =
                (from..from + 25).map(|number| (format!("a{number}"), json!("x"))).collect();
            json!({ "decision": "allow", "attributes": attributes })
        };
        let chain = [
            world.function("first", many(0), OnFailure::Retry),
            world.function("second", many(25), OnFailure::Retry),
        ];
        let Interception::Retry { interceptor, problem, .. } = world.intercept(&chain).await else {
            panic!("there are too many");
        };
        assert_eq!(&*interceptor, "second");
        assert!(problem.starts_with("the answer cannot be carried out: "), "{problem}");
        assert!(problem.contains("at most 50"), "{problem}");
    }

    #[tokio::test]
    async fn a_quota_counts_those_that_are_let_in() {
        let world = World::new().await;
        let no = world.function("no", json!({ "decision": "deny" }), OnFailure::Retry);
        for _ in 0..3 {
            let answer = world.intercept(&[quota("quota"), no.clone()]).await;
            assert_eq!(answer, deny("no", "it gave no reason"));
        }
        let allow = Interception::Allow { changes: vec![] };
        assert_eq!(world.intercept(&[quota("quota")]).await, allow);
        let problem = format!(
            "the quota of CA certificate {} is used up; there is a place for another device in 3600 s",
            world.device.ca.ca_id()
        );
        // Whatever a failure means: that there is no place is none.
        let full = Interception::Retry {
            interceptor: "quota".into(),
            problem,
            after: Some(Duration::from_secs(3_600)),
        };
        assert_eq!(world.intercept(&[quota("quota")]).await, full);
        *world.clock.0.lock().unwrap() = UnixTime::from_secs(NOW.as_secs() + 3_600);
        assert_eq!(world.intercept(&[quota("quota")]).await, allow);
        // A quota that the settings have no longer is forgotten; one that they still have is not.
        let prepared = &world.chain.prepared;
        prepared.retain([&quota("quota")]);
        assert!(matches!(
            world.intercept(&[quota("quota")]).await,
            Interception::Retry { after: Some(_), .. }
        ));
        prepared.retain([]);
        assert_eq!(world.intercept(&[quota("quota")]).await, allow);
    }

    #[tokio::test]
    async fn one_that_cannot_be_made_ready_has_failed() {
        let world = World::new().await;
        let program = PathBuf::from("/there/is/none");
        let kind = InterceptorKind::Executable { program, arguments: vec![] };
        let gone = settings("gone", kind, OnFailure::Retry);
        let expected = "it is not ready: Program cannot be used: /there/is/none cannot be read: No such file or directory (os error 2)";
        assert_eq!(world.intercept(&[gone]).await, retry("gone", expected));
    }

    #[tokio::test]
    async fn a_function_that_is_throttled_is_asked_again() {
        let world = World::new().await;
        world.functions.fail_next(1, &ServiceFailure::passing("too many run"));
        let yes = world.function("yes", json!({ "decision": "allow" }), OnFailure::Retry);
        let answer = world.intercept(std::slice::from_ref(&yes)).await;
        assert_eq!(answer, retry("yes", "the function was not invoked: too many run"));
        assert_eq!(world.intercept(&[yes]).await, Interception::Allow { changes: vec![] });
    }
}
