//! What gives rights, as tests change it by the API: certificates, policies, things, thing groups and their attachments.

use std::fs;

use serde_json::{Value, json};

use crate::api::{Api, percent_encode};
use crate::certificate::DeviceCertificate;

impl Api {
    /// Registers a certificate as ACTIVE, with neither a thing nor a policy. Its ARN.
    #[track_caller]
    pub fn register_certificate(&self, certificate: &DeviceCertificate) -> String {
        let pem = fs::read_to_string(&certificate.leaf).expect("the certificate of a device");
        let body = json!({"certificatePem": pem, "status": "ACTIVE"});
        let answer = self.call("iot", "POST", "/certificate/register", Some(&body));
        answer["certificateArn"].as_str().expect("an ARN").to_owned()
    }

    /// Creates a policy.
    #[track_caller]
    pub fn create_policy(&self, name: &str, document: &Value) {
        let body = json!({"policyDocument": document.to_string()});
        self.call("iot", "POST", &format!("/policies/{name}"), Some(&body));
    }

    /// Adds a version to a policy. Its id.
    #[track_caller]
    pub fn create_policy_version(&self, name: &str, document: &Value, is_default: bool) -> String {
        let target = format!("/policies/{name}/version?setAsDefault={is_default}");
        let body = json!({"policyDocument": document.to_string()});
        let answer = self.call("iot", "POST", &target, Some(&body));
        answer["policyVersionId"].as_str().expect("an id").to_owned()
    }

    /// Makes another version of a policy the one that counts.
    #[track_caller]
    pub fn set_default_policy_version(&self, name: &str, version: &str) {
        self.iot("PATCH", &format!("/policies/{name}/version/{version}"));
    }

    /// Deletes a policy.
    #[track_caller]
    pub fn delete_policy(&self, name: &str) {
        self.iot("DELETE", &format!("/policies/{name}"));
    }

    /// Attaches a policy to a certificate or a thing group, by its ARN.
    #[track_caller]
    pub fn attach_policy(&self, name: &str, target: &str) {
        self.call("iot", "PUT", &format!("/target-policies/{name}"), Some(&json!({"target": target})));
    }

    /// Detaches a policy from a certificate or a thing group, by its ARN.
    #[track_caller]
    pub fn detach_policy(&self, name: &str, target: &str) {
        self.call("iot", "POST", &format!("/target-policies/{name}"), Some(&json!({"target": target})));
    }

    /// Creates a thing of this type, if one is given, with these attributes.
    #[track_caller]
    pub fn create_thing(&self, name: &str, thing_type: Option<&str>, attributes: &Value) {
        let mut body = json!({"attributePayload": {"attributes": attributes}});
        if let Some(thing_type) = thing_type {
            body["thingTypeName"] = thing_type.into();
        }
        self.call("iot", "POST", &format!("/things/{}", percent_encode(name)), Some(&body));
    }

    /// Changes a thing; `change` is the body of UpdateThing.
    #[track_caller]
    pub fn update_thing(&self, name: &str, change: &Value) {
        self.call("iot", "PATCH", &format!("/things/{name}"), Some(change));
    }

    /// Creates a thing type.
    #[track_caller]
    pub fn create_thing_type(&self, name: &str) {
        self.call("iot", "POST", &format!("/thing-types/{name}"), Some(&json!({})));
    }

    /// Attaches a certificate to a thing, by its ARN.
    #[track_caller]
    pub fn attach_thing(&self, thing: &str, certificate: &str) {
        self.principal("PUT", thing, certificate);
    }

    /// Detaches a certificate from a thing, by its ARN.
    #[track_caller]
    pub fn detach_thing(&self, thing: &str, certificate: &str) {
        self.principal("DELETE", thing, certificate);
    }

    /// Creates a thing group. Its ARN.
    #[track_caller]
    pub fn create_thing_group(&self, name: &str, parent: Option<&str>) -> String {
        let body = parent.map_or_else(|| json!({}), |parent| json!({"parentGroupName": parent}));
        let answer = self.call("iot", "POST", &format!("/thing-groups/{name}"), Some(&body));
        answer["thingGroupArn"].as_str().expect("an ARN").to_owned()
    }

    /// Deletes a thing group.
    #[track_caller]
    pub fn delete_thing_group(&self, name: &str) {
        self.iot("DELETE", &format!("/thing-groups/{name}"));
    }

    /// Puts a thing into a group.
    #[track_caller]
    pub fn add_to_group(&self, group: &str, thing: &str) {
        self.membership("addThingToThingGroup", group, thing);
    }

    /// Takes a thing out of a group.
    #[track_caller]
    pub fn remove_from_group(&self, group: &str, thing: &str) {
        self.membership("removeThingFromThingGroup", group, thing);
    }

    #[track_caller]
    fn membership(&self, change: &str, group: &str, thing: &str) {
        let body = json!({"thingGroupName": group, "thingName": thing});
        self.call("iot", "PUT", &format!("/thing-groups/{change}"), Some(&body));
    }

    #[track_caller]
    fn principal(&self, method: &str, thing: &str, certificate: &str) {
        let target = format!("/things/{thing}/principals");
        let headers = [("x-amzn-principal", certificate)];
        let (status, answer) = self.try_call_with("iot", method, &target, &headers, None);
        assert_eq!(status, 200, "{method} {target}: {answer}");
    }
}
