use std::net::SocketAddr;

use jiff::Timestamp;
use landfall_api::HttpRequest;
use landfall_api::signature::{AccessKeyId, Credentials, SecretAccessKey, sign};
use serde_json::Value;

use crate::process::DEADLINE;

/// A client of the API that signs as the AWS CLI does, and takes a hundredth of its time.
pub struct Api {
    address: SocketAddr,
    region: String,
    credentials: Credentials,
    agent: ureq::Agent,
}

impl Api {
    pub(crate) fn new(address: SocketAddr, environment: &[(String, String)]) -> Self {
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, _)| name == wanted);
            found.unwrap_or_else(|| panic!("landfall env does not print {wanted}")).1.clone()
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Self {
            address,
            region: variable("AWS_DEFAULT_REGION"),
            credentials: Credentials {
                access_key_id: AccessKeyId::parse(&variable("AWS_ACCESS_KEY_ID")).expect("an access key id"),
                secret_access_key: SecretAccessKey::new(variable("AWS_SECRET_ACCESS_KEY")),
                session_token: None,
            },
            agent: agent.into(),
        }
    }

    /// Calls an operation of AWS IoT, which must succeed; `target` is path and query, in the order of signatures.
    #[track_caller]
    pub fn iot(&self, method: &str, target: &str) -> Value {
        self.call("iot", method, target, None)
    }

    /// Asks for what AWS has no operation for; `target` is what follows `/landfall/v1/`.
    #[track_caller]
    pub fn landfall(&self, target: &str) -> Value {
        self.call("landfall", "GET", &format!("/landfall/v1/{target}"), None)
    }

    /// Calls an operation of a service, which must succeed.
    #[track_caller]
    pub fn call(&self, service: &str, method: &str, target: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.try_call(service, method, target, body);
        assert_eq!(status, 200, "{method} {target}: {answer}");
        answer
    }

    /// Calls an operation of a service: the status and the body of its answer.
    #[track_caller]
    pub fn try_call(&self, service: &str, method: &str, target: &str, body: Option<&Value>) -> (u16, Value) {
        self.try_call_with(service, method, target, &[], body)
    }

    /// Calls an operation of a service that reads some of its input from headers.
    #[track_caller]
    pub(crate) fn try_call_with(
        &self,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = HttpRequest::new(method, target).with_header("host", &self.address.to_string());
        for (name, value) in headers {
            request = request.with_header(name, value);
        }
        if let Some(body) = body {
            request = request.with_header("content-type", "application/json").with_body(body.to_string());
        }
        #[expect(clippy::disallowed_methods, reason = "a signature tells the real time")]
        let now = Timestamp::try_from(std::time::SystemTime::now()).expect("the time");
        let request =
            sign(request, &self.credentials, &self.region, service, now).expect("a request with a host");
        let mut builder =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{target}", self.address));
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        let sent = self.agent.run(builder.body(request.body).expect("a request"));
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        let text = response.body_mut().read_to_string().expect("a body of text");
        let value = serde_json::from_str(&text);
        let body = if text.is_empty() { Value::Null } else { value.unwrap_or(Value::String(text)) };
        (response.status().as_u16(), body)
    }

    /// All things, over as many pages as they need.
    #[track_caller]
    pub fn things(&self) -> Vec<Value> {
        self.list("/things?maxResults=100", "things", "nextToken", "nextToken")
    }

    /// All certificates, over as many pages as they need.
    #[track_caller]
    pub fn certificates(&self) -> Vec<Value> {
        self.list("/certificates?pageSize=100", "certificates", "nextMarker", "marker")
    }

    /// The principals of a thing, as ARNs.
    #[track_caller]
    pub fn principals(&self, thing: &str) -> Vec<String> {
        let answer = self.iot("GET", &format!("/things/{thing}/principals"));
        let principals = answer["principals"].as_array().expect("principals");
        principals.iter().map(|principal| principal.as_str().expect("an ARN").to_owned()).collect()
    }

    /// The names of the policies that are attached to a certificate.
    #[track_caller]
    pub fn policies(&self, certificate_arn: &str) -> Vec<String> {
        let target = format!("/attached-policies/{}", percent_encode(certificate_arn));
        let answer = self.call("iot", "POST", &target, Some(&serde_json::json!({})));
        let policies = answer["policies"].as_array().expect("policies");
        policies.iter().map(|policy| policy["policyName"].as_str().expect("a name").to_owned()).collect()
    }

    /// The status of a certificate; none if there is no such certificate.
    #[track_caller]
    pub fn status(&self, certificate: &str) -> Option<String> {
        match self.try_call("iot", "GET", &format!("/certificates/{certificate}"), None) {
            (200, answer) => Some(answer["certificateDescription"]["status"].as_str()?.to_owned()),
            (404, _) => None,
            (status, answer) => panic!("certificate {certificate}: {status} {answer}"),
        }
    }

    /// Sets the status of a certificate.
    #[track_caller]
    pub fn set_status(&self, certificate: &str, status: &str) {
        self.iot("PUT", &format!("/certificates/{certificate}?newStatus={status}"));
    }

    /// How the attempts of a certificate to register ended, each as `success` or the code of its failure.
    #[track_caller]
    pub fn outcomes(&self, certificate: &str) -> Vec<String> {
        let answer = self.landfall(&format!("certificates/{certificate}/registrations"));
        let records = answer["registrations"].as_array().expect("registrations").clone();
        let outcome = |record: &Value| match record["outcome"]["result"].as_str() {
            Some("failure") => record["outcome"]["code"].as_str().expect("a code").to_owned(),
            Some(result) => result.to_owned(),
            None => panic!("no outcome: {record}"),
        };
        records.iter().map(outcome).collect()
    }

    /// The codes of the rejected handshakes, the oldest first.
    #[track_caller]
    pub fn rejections(&self) -> Vec<String> {
        let answer = self.landfall("handshake-rejections");
        let rejections = answer["handshakeRejections"].as_array().expect("rejections").clone();
        rejections.iter().map(|rejection| rejection["code"].as_str().expect("a code").to_owned()).collect()
    }

    #[track_caller]
    fn list(&self, first: &str, member: &str, next: &str, parameter: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut target = first.to_owned();
        loop {
            let answer = self.iot("GET", &target);
            items.extend(answer[member].as_array().unwrap_or_else(|| panic!("{answer}")).iter().cloned());
            match answer[next].as_str() {
                Some(token) => target = format!("{first}&{parameter}={}", percent_encode(token)),
                None => return items,
            }
        }
    }
}

/// Everything but the unreserved characters of RFC 3986 as `%XX`.
pub fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
