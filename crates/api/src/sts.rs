//! The query protocol, as far as `sts` `GetCallerIdentity` needs it: a form asks, XML answers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::error::{ApiError, ErrorCode, RequestId};
use crate::http::{Headers, HttpRequest, HttpResponse};
use crate::model::{Operation, ServiceModel};
use crate::output::OutputError;
use crate::percent;

/// Whether a request looks like one of the query protocol: it names an `Action`.
pub(crate) fn is_query_request(request: &HttpRequest) -> bool {
    request.path == "/" && action_and_version(request).is_some_and(|(action, _)| action.is_some())
}

/// The operation that a request of the query protocol names.
///
/// # Errors
///
/// `InvalidAction` when there is none of that name and version.
pub(crate) fn find_operation<'m>(
    model: &'m ServiceModel,
    request: &HttpRequest,
) -> Result<&'m Operation, ApiError> {
    let (action, version) = action_and_version(request).unwrap_or_default();
    let action = action.unwrap_or_default();
    let version = version.unwrap_or_else(|| model.api_version().to_owned());
    let known = model.operation(&action).filter(|_| version == model.api_version());
    known.ok_or_else(|| {
        let names: Vec<&str> = model.operations().iter().map(Operation::name).collect();
        let message = format!(
            "could not find operation {action:?} for version {version:?}; {} answers {} of version {} here",
            model.service().name(),
            names.join(", "),
            model.api_version()
        );
        ApiError::new(ErrorCode::UnknownOperation, message)
    })
}

/// The parameters are in the body of a POST or in the query of a GET.
fn action_and_version(request: &HttpRequest) -> Option<(Option<String>, Option<String>)> {
    let pairs = match request.method.as_str() {
        "POST" => percent::form_pairs(std::str::from_utf8(&request.body).ok()?)?,
        "GET" => request.query_pairs()?,
        _ => return None,
    };
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    Some((value("Action"), value("Version")))
}

/// The answer of an operation whose output has only members that are texts, numbers or booleans.
///
/// # Errors
///
/// Fails when the output has something else.
pub(crate) fn response(
    model: &ServiceModel,
    operation: &Operation,
    output: &Value,
    request_id: &RequestId,
) -> Result<HttpResponse, OutputError> {
    let name = operation.name();
    let wrapper = operation.result_wrapper().map_or_else(|| format!("{name}Result"), str::to_owned);
    let mut xml = format!("<{name}Response xmlns=\"{}\">\n", namespace(model));
    let _ = writeln!(xml, "  <{wrapper}>");
    for (member, value) in output.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(OutputError::WrongType {
                    member: member.clone(),
                    expected: "a text, number or boolean",
                });
            }
        };
        let _ = writeln!(xml, "    <{member}>{}</{member}>", escape(&text));
    }
    let _ = writeln!(xml, "  </{wrapper}>");
    let _ =
        writeln!(xml, "  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>");
    let _ = writeln!(xml, "</{name}Response>");
    Ok(xml_response(operation.status(), request_id, xml))
}

/// The answer of an error.
pub(crate) fn error_response(
    model: &ServiceModel,
    code: &str,
    message: &str,
    status: u16,
    request_id: &RequestId,
) -> HttpResponse {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let xml = format!(
        "<ErrorResponse xmlns=\"{}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    \
         <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
        namespace(model),
        escape(message)
    );
    xml_response(status, request_id, xml)
}

fn namespace(model: &ServiceModel) -> String {
    escape(model.xml_namespace().unwrap_or_default())
}

fn xml_response(status: u16, request_id: &RequestId, xml: String) -> HttpResponse {
    let mut headers = Headers::new();
    headers.append("content-type", "text/xml");
    headers.append("x-amzn-requestid", request_id.as_str());
    HttpResponse { status, headers, body: xml.into_bytes() }
}

/// Escapes a text for an XML element or attribute; a character that XML 1.0 cannot hold becomes U+FFFD (section 2.2).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(character),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Service, ServiceModels};

    fn form(body: &str) -> HttpRequest {
        HttpRequest::new("POST", "/").with_body(body)
    }

    #[test]
    fn recognises_the_query_protocol() {
        assert!(is_query_request(&form("Action=GetCallerIdentity&Version=2011-06-15")));
        assert!(is_query_request(&HttpRequest::new("GET", "/?Action=GetCallerIdentity")));
        assert!(!is_query_request(&form("Version=2011-06-15")));
        assert!(!is_query_request(&HttpRequest::new("POST", "/things/x").with_body("Action=x")));
        assert!(!is_query_request(&HttpRequest::new("PUT", "/").with_body("Action=x")));
        assert!(!is_query_request(&HttpRequest::new("POST", "/").with_body([0xff])));
    }

    #[test]
    fn finds_the_operation() {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(Service::Sts).unwrap();
        let found = find_operation(model, &form("Action=GetCallerIdentity&Version=2011-06-15"));
        assert_eq!(found.unwrap().name(), "GetCallerIdentity");
        for body in
            ["", "Action=AssumeRole&Version=2011-06-15", "Action=GetCallerIdentity&Version=2010-05-08"]
        {
            let error = find_operation(model, &form(body)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::UnknownOperation);
        }
        let error = find_operation(model, &form("Action=AssumeRole&Version=2011-06-15")).unwrap_err();
        insta::assert_snapshot!(error.message(), @r#"could not find operation "AssumeRole" for version "2011-06-15"; sts answers GetCallerIdentity of version 2011-06-15 here"#);
    }

    #[test]
    fn no_operation_reads_parameters() {
        // This file binds none: an operation with parameters needs the rules of the query protocol for them.
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(Service::Sts).unwrap();
        for operation in model.operations() {
            assert!(
                model.structure(operation.input().unwrap()).unwrap().members.is_empty(),
                "{}",
                operation.name()
            );
        }
    }

    #[test]
    fn answers_in_xml() {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(Service::Sts).unwrap();
        let operation = model.operation("GetCallerIdentity").unwrap();
        let output = json!({"UserId": "AKIA<&>", "Account": "000000000000", "Arn": null});
        let response = response(model, operation, &output, &RequestId::from_random([0x11; 16])).unwrap();
        assert_eq!((response.status, response.headers.get("Content-Type")), (200, Some("text/xml")));
        insta::assert_snapshot!(String::from_utf8(response.body).unwrap(), @r#"
        <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <GetCallerIdentityResult>
            <UserId>AKIA&lt;&amp;&gt;</UserId>
            <Account>000000000000</Account>
          </GetCallerIdentityResult>
          <ResponseMetadata>
            <RequestId>11111111-1111-4111-9111-111111111111</RequestId>
          </ResponseMetadata>
        </GetCallerIdentityResponse>
        "#);
    }

    #[test]
    fn escapes_what_xml_cannot_hold() {
        assert_eq!(escape("a\u{1}b\r\n\"ü"), "a\u{fffd}b&#13;\n&quot;ü");
    }
}
