//! What the registry of a running server holds, read over its API.

use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_model::{
    AccountId, Attributes, BillingGroupName, CaCertificate, CaCertificateId, Certificate, CertificateId,
    CertificateMode, CertificateStatus, CreationId, Region, RegistrationPlan, Scope, SignedPart, Thing,
    ThingId, ThingName, ThingTypeName, ThingView, UnixTime,
};
use landfall_pki::ParsedCertificate;
use serde_json::Value;

use crate::client::{ApiError, Client, encoded};
use crate::data_dir::{ServerInfo, server_info};
use crate::plan_view::Presence;

/// A running server.
pub(super) struct Server {
    client: Client,
    /// What it tells about itself, if it is one of this machine that was found by its data directory.
    pub(super) info: Option<ServerInfo>,
}

/// A thing type of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThingTypeStanding {
    Missing,
    There,
    Deprecated,
}

/// How many entries of a list are asked for at once: as many as AWS IoT gives.
const PAGE: u32 = 250;

/// The name of the AWS environment variable that names a server.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// What AWS IoT calls it when something is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";

impl Server {
    /// Finds the server that the AWS environment variables or the data directory name; none if they name none.
    ///
    /// # Errors
    /// The environment variables name one, and cannot be used.
    pub(super) fn find(data: &Path) -> Result<Option<Self>> {
        let endpoint = std::env::var(ENDPOINT_VARIABLE).unwrap_or_default();
        let info = server_info(data);
        if endpoint.is_empty() {
            return info.map(Self::of).transpose();
        }
        // `landfall env` names the server of a data directory so, too.
        let info = info.filter(|info| info.endpoint() == endpoint.trim_end_matches('/'));
        Ok(Some(Self { client: Client::find(data)?, info }))
    }

    /// Finds the server.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn require(data: &Path) -> Result<Self> {
        match Self::find(data)? {
            Some(server) => Ok(server),
            // It says how to find one.
            None => Ok(Self { client: Client::find(data)?, info: None }),
        }
    }

    /// A server of this machine.
    pub(super) fn of(info: ServerInfo) -> Result<Self> {
        Ok(Self { client: Client::of(&info)?, info: Some(info) })
    }

    /// Whose account it is, and where: as the ARNs of its CA certificates say, if it has any.
    pub(super) fn scope(&self) -> Result<Scope> {
        let page = self.get("/cacertificates?pageSize=1")?;
        let arn = page.pointer("/certificates/0/certificateArn").and_then(Value::as_str);
        let mut parts = arn.into_iter().flat_map(|arn| arn.split(':').skip(3));
        let region = parts.next().unwrap_or_else(|| self.client.region());
        let account = parts.next().unwrap_or(ACCOUNT_DEFAULT);
        Ok(Scope { account: AccountId::parse(account)?, region: Region::parse(region)? })
    }

    /// Every registered CA certificate, in the order in which they were registered.
    pub(super) fn ca_certificates(&self) -> Result<Vec<CaCertificate>> {
        let ids =
            self.list("/cacertificates?isAscendingOrder=true", "certificates", "marker", "nextMarker")?;
        let mut cas = Vec::with_capacity(ids.len());
        for listed in ids {
            let id = text(&listed, "certificateId")?.parse()?;
            // One that was deleted just now is none.
            cas.extend(self.ca_certificate(id)?);
        }
        Ok(cas)
    }

    /// A registered CA certificate.
    pub(super) fn ca_certificate(&self, id: CaCertificateId) -> Result<Option<CaCertificate>> {
        let Some(answer) = found(self.get(&format!("/cacertificate/{id}")))? else {
            return Ok(None);
        };
        let description = member(&answer, "certificateDescription")?;
        let certificate = ParsedCertificate::from_pem(text(description, "certificatePem")?.as_bytes())?;
        Ok(Some(CaCertificate {
            id,
            status: landfall_model::CaStatus::parse(text(description, "status")?)?,
            auto_registration: landfall_model::AutoRegistration::parse(text(
                description,
                "autoRegistrationStatus",
            )?)?,
            mode: CertificateMode::parse(text(description, "certificateMode")?)?,
            der: certificate.der().clone(),
            validity: certificate.validity(),
            version: 1,
            // Nothing is decided by these.
            registered_at: certificate.validity().not_before,
            modified_at: certificate.validity().not_before,
        }))
    }

    /// A registered certificate. The id of a registration that is not over is not told.
    pub(super) fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>> {
        let Some(answer) = found(self.get(&format!("/certificates/{id}")))? else {
            return Ok(None);
        };
        let description = member(&answer, "certificateDescription")?;
        let certificate = ParsedCertificate::from_pem(text(description, "certificatePem")?.as_bytes())?;
        let ca = description.get("caCertificateId").and_then(Value::as_str);
        let status = match text(description, "status")? {
            "PENDING_ACTIVATION" => CertificateStatus::PendingActivation { creation_id: UNKNOWN_CREATION_ID },
            other => CertificateStatus::parse_settable(other)?,
        };
        Ok(Some(Certificate {
            id,
            ca: ca.map(str::parse).transpose()?,
            status,
            mode: CertificateMode::parse(text(description, "certificateMode")?)?,
            signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
            der: certificate.der().clone(),
            validity: certificate.validity(),
            version: 1,
            // Nothing is decided by these.
            registered_at: certificate.validity().not_before,
            modified_at: certificate.validity().not_before,
        }))
    }

    /// The ids of all certificates, in the order in which they were registered.
    pub(super) fn certificate_ids(&self) -> Result<Vec<CertificateId>> {
        let listed =
            self.list("/certificates?isAscendingOrder=true", "certificates", "marker", "nextMarker")?;
        listed.iter().map(|listed| Ok(text(listed, "certificateId")?.parse()?)).collect()
    }

    /// A thing with its principals. Which CA certificate's device made it is not told: with principals that does not matter.
    pub(super) fn thing(&self, name: &ThingName) -> Result<Option<ThingView>> {
        let Some(answer) = found(self.get(&format!("/things/{name}")))? else {
            return Ok(None);
        };
        let optional = |member: &str| answer.get(member).and_then(Value::as_str);
        let thing = Thing {
            name: name.clone(),
            id: text(&answer, "thingId")?.parse::<ThingId>()?,
            thing_type: optional("thingTypeName").map(ThingTypeName::parse).transpose()?,
            billing_group: optional("billingGroupName").map(BillingGroupName::parse).transpose()?,
            // A plan does not ask for these.
            attributes: Attributes::default(),
            version: 1,
            made_by: None,
            created_at: UnixTime::from_secs(0),
        };
        let target = format!("/things/{name}/principals");
        let arns = self.list(&target, "principals", "nextToken", "nextToken")?;
        let mut principals = Vec::with_capacity(arns.len());
        for arn in &arns {
            let id = arn.as_str().and_then(|arn| arn.rsplit('/').next()).context("a principal has no ARN")?;
            let id: CertificateId = id.parse()?;
            principals.push((id, self.certificate(id)?.and_then(|certificate| certificate.ca)));
        }
        Ok(Some(ThingView { thing, principals }))
    }

    /// Whether there is a thing type, and whether things can get it.
    pub(super) fn thing_type(&self, name: &ThingTypeName) -> Result<ThingTypeStanding> {
        let Some(answer) = found(self.get(&format!("/thing-types/{}", encoded(name.as_str()))))? else {
            return Ok(ThingTypeStanding::Missing);
        };
        let deprecated = answer.pointer("/thingTypeMetadata/deprecated").and_then(Value::as_bool);
        Ok(match deprecated {
            Some(true) => ThingTypeStanding::Deprecated,
            Some(false) | None => ThingTypeStanding::There,
        })
    }

    /// What of a plan is there already. The thing type is asked for by itself.
    pub(super) fn presence(&self, plan: &RegistrationPlan) -> Result<Presence> {
        let is_there = |path: &str, name: &str| -> Result<bool> {
            Ok(found(self.get(&format!("/{path}/{}", encoded(name))))?.is_some())
        };
        let billing_group = plan.billing_group.as_ref();
        let mut presence = Presence {
            thing_type: None,
            billing_group: billing_group.map(|name| is_there("billing-groups", name.as_str())).transpose()?,
            policy: Some(is_there("policies", plan.policy.name.as_str())?),
            ..Presence::default()
        };
        for group in &plan.thing_groups {
            presence.thing_groups.insert(group.clone(), is_there("thing-groups", group.as_str())?);
        }
        Ok(presence)
    }

    /// The thing that the registration of a certificate made or joined, as the registration log has it.
    pub(super) fn thing_of(&self, id: CertificateId) -> Result<Option<String>> {
        let target = format!("/landfall/v1/certificates/{id}/registrations");
        let answer = self.client.call("landfall", "GET", &target, None)?;
        let records = answer.get("registrations").and_then(Value::as_array);
        let mut names = records.into_iter().flatten().rev();
        Ok(names.find_map(|record| record.pointer("/outcome/thingName")?.as_str().map(str::to_owned)))
    }

    /// Every entry of a list, page by page.
    fn list(&self, target: &str, member: &str, marker: &str, next: &str) -> Result<Vec<Value>> {
        let size = if marker == "marker" { "pageSize" } else { "maxResults" };
        let mut entries = Vec::new();
        let mut after = String::new();
        let joint = if target.contains('?') { '&' } else { '?' };
        loop {
            let mut page = self.get(&format!("{target}{joint}{size}={PAGE}{after}"))?;
            if let Some(Value::Array(page)) = page.get_mut(member) {
                entries.append(page);
            }
            match page.get(next).and_then(Value::as_str) {
                Some(next) => after = format!("&{marker}={}", encoded(next)),
                None => return Ok(entries),
            }
        }
    }

    fn get(&self, target: &str) -> Result<Value> {
        self.client.call("iot", "GET", target, None)
    }
}

/// The account of a server that nothing else is known of.
pub(super) const ACCOUNT_DEFAULT: &str = "000000000000";

/// Stands for the id of a registration that is not known.
pub(super) const UNKNOWN_CREATION_ID: CreationId = CreationId::from_bytes([0; 16]);

/// An answer; none if it is that something is not there.
fn found(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.downcast_ref::<ApiError>().is_some_and(|error| error.code == NOT_FOUND) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Result<&'v Value> {
    value.get(name).with_context(|| format!("the server's answer has no {name}"))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str> {
    member(value, name)?.as_str().with_context(|| format!("{name} of the server's answer is no text"))
}
