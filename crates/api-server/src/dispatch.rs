//! From a plain request to a plain answer: signature, service, operation, handler.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use landfall_api::signature::{
    AccessKeyId, CLOCK_SKEW_MAX, SignatureError, VerifiedRequest, claimed_access_key, claimed_service, verify,
};
use landfall_api::{ApiError, ErrorCode, HttpRequest, HttpResponse, PageTokens, RequestId, Router, Service};
use landfall_model::{Clock, Scope, UnixTime};
use landfall_pki::Issuer;
use landfall_registry::Registry;
use landfall_services::MessagePublisher;
use tokio::sync::{Mutex, Semaphore};
use tracing::error;

use crate::config::{AccessKey, Authentication, Limits};
use crate::explanation::DecisionExplainer;
use crate::failure::{Failure, with_sources};
use crate::function_host::FunctionHost;
use crate::handler::{Context, Handler, UNSIGNED};
use crate::landfall::{self, RejectionSource};
use crate::metrics::{self, MetricsSource};
use crate::registered_cas::RegisteredCas;
use crate::registration_job::RegistrationRetrier;
use crate::settings::SettingsReloader;
use crate::topic_rule_destination::DestinationConfirmer;

/// All that requests share.
pub(crate) struct App {
    pub(crate) router: Router<Handler>,
    pub(crate) page_tokens: PageTokens,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rejections: Arc<dyn RejectionSource>,
    pub(crate) publisher: Arc<dyn MessagePublisher>,
    pub(crate) confirmer: Arc<dyn DestinationConfirmer>,
    pub(crate) functions: Arc<dyn FunctionHost>,
    pub(crate) explainer: Arc<dyn DecisionExplainer>,
    pub(crate) metrics: Arc<dyn MetricsSource>,
    pub(crate) settings: Arc<dyn SettingsReloader>,
    pub(crate) registrations: Arc<dyn RegistrationRetrier>,
    pub(crate) scope: Scope,
    pub(crate) hostname: String,
    pub(crate) credentials: AccessKey,
    pub(crate) authentication: Authentication,
    pub(crate) limits: Limits,
    /// How long a thing type has to be deprecated before it can be deleted.
    pub(crate) thing_type_deletion_delay: Duration,
    /// Signs the certificates that are made here.
    pub(crate) device_ca: Arc<Issuer>,
    /// One permit for each key that is being made.
    pub(crate) key_generations: Arc<Semaphore>,
    /// One permit for each request under way.
    pub(crate) requests: Semaphore,
    /// One permit for each request with code under way.
    pub(crate) code_uploads: Arc<Semaphore>,
    /// One permit for each invocation under way.
    pub(crate) invocations: Semaphore,
    /// Whose turn it is to register a CA certificate.
    pub(crate) ca_registrations: Mutex<()>,
    pub(crate) registered_cas: Arc<RegisteredCas>,
}

/// What the log says of a request, as far as it became known.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The operation that it called.
    pub(crate) operation: Option<String>,
    /// The key that signed it.
    pub(crate) access_key_id: Option<AccessKeyId>,
    /// The code that it was refused with.
    pub(crate) error: Option<ErrorCode>,
}

impl App {
    /// Answers a request that has been read whole.
    ///
    /// # Errors
    /// It is not carried out; [`App::refuse`] makes that an answer.
    pub(crate) async fn answer(
        &self,
        request: &mut HttpRequest,
        id: &RequestId,
        trace: &mut Trace,
    ) -> Result<HttpResponse, Failure> {
        if landfall::is_health(request) {
            return Ok(landfall::health(id));
        }
        if metrics::is_here(request) {
            return Ok(metrics::answer(&*self.metrics, id));
        }
        let now = self.clock.now();
        let verified = self.authenticate(request, now)?;
        trace.access_key_id = verified.as_ref().map(|verified| verified.access_key_id().clone());
        let service = verified.as_ref().map(VerifiedRequest::service);
        if landfall::is_here(request) {
            return landfall::answer(self, request, service, id, trace).await;
        }
        let service = self.router.service(request, service)?;
        let call = self.router.resolve(request, service)?;
        trace.operation = Some(call.operation().name().to_owned());
        if service == Service::Lambda {
            // Code and events are large, and the input has them from here on.
            request.body = Vec::new();
        }
        let output = call.handler().run(Context { app: self, call: &call, now }).await?;
        Ok(self.router.respond(call.operation(), &output, id)?)
    }

    /// The answer to a request that is not carried out, whatever the reason: in the form of its service, with a
    /// failure of ours logged.
    pub(crate) fn refuse(
        &self,
        request: &HttpRequest,
        failure: &Failure,
        id: &RequestId,
        trace: &mut Trace,
    ) -> HttpResponse {
        if failure.is_ours() {
            error!(request.id = %id, error = with_sources(failure), "request failed");
        }
        let service = self.likely_service(request);
        let error = failure.to_api_error(&self.scope).in_words_of(service);
        trace.error = Some(error.code());
        self.router.respond_error(service, &error, id)
    }

    /// Who signed the request, and for which service; none when it is unsigned and may be.
    fn authenticate(&self, request: &HttpRequest, now: UnixTime) -> Result<Option<VerifiedRequest>, Failure> {
        let now = Timestamp::from_millisecond(now.as_millis())
            .map_err(|error| Failure::internal("reading the clock", error))?;
        let secret_of =
            |id: &AccessKeyId| (*id == self.credentials.id).then(|| self.credentials.secret.clone());
        match verify(request, secret_of, now, CLOCK_SKEW_MAX) {
            Ok(verified) => Ok(Some(verified)),
            Err(SignatureError::Missing) if self.takes_unsigned(request) => Ok(None),
            Err(error) => Err(ApiError::from(&error).into()),
        }
    }

    /// Whether the request says that the one key signed it, as far as it has to be signed: a look at its head that turns
    /// others away before they may send much.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check_claim(&self, request: &HttpRequest) -> Result<(), Failure> {
        match claimed_access_key(request) {
            Ok(access_key_id) if access_key_id == self.credentials.id => Ok(()),
            Ok(access_key_id) => Err(ApiError::from(&SignatureError::UnknownKey { access_key_id }).into()),
            Err(SignatureError::Missing) if self.takes_unsigned(request) => Ok(()),
            Err(error) => Err(ApiError::from(&error).into()),
        }
    }

    fn takes_unsigned(&self, request: &HttpRequest) -> bool {
        if self.needs_no_signature(request) {
            return true;
        }
        match self.authentication {
            Authentication::Required => false,
            // A page of any site can make a browser send requests to a loopback address; it sends this header.
            Authentication::Insecure => request.headers.get("origin").is_none(),
        }
    }

    /// Whether the request calls an operation that proves otherwise who may call it.
    fn needs_no_signature(&self, request: &HttpRequest) -> bool {
        let service = self.router.service(request, None);
        let operation = service.ok().and_then(|service| self.router.operation(request, service));
        operation.is_some_and(|operation| {
            UNSIGNED.iter().any(|key| key.service == operation.service() && key.name == operation.name())
        })
    }

    /// The service whose form an error gets: nothing that the request says has to be true.
    fn likely_service(&self, request: &HttpRequest) -> Option<Service> {
        let claimed = claimed_service(request);
        let by_scope = self.router.service(request, claimed.as_deref());
        by_scope.or_else(|_| self.router.service(request, None)).ok()
    }
}
