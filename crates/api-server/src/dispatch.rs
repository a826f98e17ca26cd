//! From a plain request to a plain answer: signature, service, operation, handler.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use landfall_api::signature::{
    AccessKeyId, CLOCK_SKEW_MAX, SignatureError, VerifiedRequest, claimed_service, verify,
};
use landfall_api::{ApiError, ErrorCode, HttpRequest, HttpResponse, PageTokens, RequestId, Router, Service};
use landfall_model::{Clock, Scope, UnixTime};
use landfall_pki::Issuer;
use landfall_registry::Registry;
use tokio::sync::{Mutex, Semaphore};
use tracing::error;

use crate::config::{AccessKey, Authentication, Limits};
use crate::data::MessagePublisher;
use crate::explanation::DecisionExplainer;
use crate::failure::{Failure, with_sources};
use crate::handler::{Context, Handler};
use crate::landfall::{self, RejectionSource};
use crate::registered_cas::RegisteredCas;

/// All that requests share.
pub(crate) struct App {
    pub(crate) router: Router<Handler>,
    pub(crate) page_tokens: PageTokens,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rejections: Arc<dyn RejectionSource>,
    pub(crate) publisher: Arc<dyn MessagePublisher>,
    pub(crate) explainer: Arc<dyn DecisionExplainer>,
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
        request: &HttpRequest,
        id: &RequestId,
        trace: &mut Trace,
    ) -> Result<HttpResponse, Failure> {
        if landfall::is_health(request) {
            return Ok(landfall::health(id));
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
        let error = failure.to_api_error(&self.scope);
        trace.error = Some(error.code());
        self.router.respond_error(self.likely_service(request), &error, id)
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

    fn takes_unsigned(&self, request: &HttpRequest) -> bool {
        match self.authentication {
            Authentication::Required => false,
            // A page of any site can make a browser send requests to a loopback address; it sends this header.
            Authentication::Insecure => request.headers.get("origin").is_none(),
        }
    }

    /// The service whose form an error gets: nothing that the request says has to be true.
    fn likely_service(&self, request: &HttpRequest) -> Option<Service> {
        let claimed = claimed_service(request);
        let by_scope = self.router.service(request, claimed.as_deref());
        by_scope.or_else(|_| self.router.service(request, None)).ok()
    }
}
