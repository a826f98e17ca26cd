use std::sync::Arc;

use bytes::Bytes;
use landfall_model::ConfirmationToken;
use landfall_services::ServiceFailure;
use serde_json::json;

use crate::HttpSender;

/// What the confirmation message says it is.
const MESSAGE_TYPE: &str = "DestinationConfirmation";

/// The confirmation message of a destination: it asks a web server whether it wants the messages of rules.
///
/// As AWS IoT has it (rule-destination, "Creating and confirming HTTP topic rule destinations"). The server confirms by getting the
/// message's `enableUrl`, or somebody does with the token by `ConfirmTopicRuleDestination`.
#[derive(Clone, Debug)]
pub struct ConfirmationMessage {
    /// The confirmation URL of the destination.
    pub url: Arc<str>,
    /// The ARN of the destination.
    pub arn: String,
    /// What the server must send back.
    pub token: ConfirmationToken,
    /// Where the API is reached, as `http://127.0.0.1:4080`.
    pub api_url: String,
}

impl ConfirmationMessage {
    /// Sends the message, once.
    ///
    /// Cancel safety: the server may have it.
    ///
    /// # Errors
    /// The server did not take it; see [`HttpSender::post`]. The token is in no message of a failure.
    pub async fn send(&self, sender: &HttpSender) -> Result<(), ServiceFailure> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            header("content-type", "application/json"),
            header("x-amz-rules-engine-message-type", MESSAGE_TYPE),
            header("x-amz-rules-engine-destination-arn", &self.arn),
        ];
        sender.post(&self.url_with_token(), &headers, self.body()).await
    }

    /// As `https://example.com/tray/?confirmationToken=…`.
    fn url_with_token(&self) -> String {
        let token = self.token.reveal();
        match self.url.split_once('?') {
            Some(_) => format!("{}&confirmationToken={token}", self.url),
            None => format!("{}/?confirmationToken={token}", self.url.trim_end_matches('/')),
        }
    }

    fn body(&self) -> Bytes {
        let token = self.token.reveal();
        let body = json!({
            "arn": self.arn,
            "confirmationToken": token,
            "enableUrl": format!("{}/confirmdestination/{token}", self.api_url.trim_end_matches('/')),
            "messageType": MESSAGE_TYPE,
        });
        body.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::DestinationId;
    use landfall_services::ServiceFailureKind;

    use super::*;
    use crate::HttpConfig;
    use crate::http::tests::WebServer;

    const ARN: &str =
        "arn:aws:iot:us-east-1:000000000000:ruledestination/http/7a280e37-b9c6-47a2-a751-0703693f46e4";

    fn message(url: &str) -> ConfirmationMessage {
        let id =
            DestinationId::from_bytes(*b"\x7a\x28\x0e\x37\xb9\xc6\x47\xa2\xa7\x51\x07\x03\x69\x3f\x46\xe4");
        ConfirmationMessage {
            url: url.into(),
            arn: ARN.to_owned(),
            token: ConfirmationToken::new(id, [0xab; ConfirmationToken::SECRET_BYTES]),
            api_url: "http://127.0.0.1:4080/".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_message_is_that_of_aws_iot() {
        let server = WebServer::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        message(&format!("{}/tray", server.url)).send(&HttpSender::new(HttpConfig::default())).await.unwrap();
        let request = server.requests.try_recv().unwrap();
        let token = format!("7a280e37b9c647a2a7510703693f46e4{}", "ab".repeat(32));
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("POST /tray/?confirmationToken={token} HTTP/1.1\r\n")), "{head}");
        for expected in [
            "content-type: application/json".to_owned(),
            "x-amz-rules-engine-message-type: DestinationConfirmation".to_owned(),
            format!("x-amz-rules-engine-destination-arn: {ARN}"),
        ] {
            assert!(head.lines().any(|line| line == expected), "{expected} in {head}");
        }
        let expected = json!({
            "arn": ARN,
            "confirmationToken": token,
            "enableUrl": format!("http://127.0.0.1:4080/confirmdestination/{token}"),
            "messageType": "DestinationConfirmation",
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap(), expected);
    }

    #[test]
    fn the_token_goes_behind_the_url() {
        let token = message("").token.reveal();
        for (url, start) in [
            ("https://example.com", "https://example.com/?confirmationToken="),
            ("https://example.com/", "https://example.com/?confirmationToken="),
            ("https://example.com/a", "https://example.com/a/?confirmationToken="),
            ("https://example.com/a?b=c", "https://example.com/a?b=c&confirmationToken="),
        ] {
            assert_eq!(message(url).url_with_token(), format!("{start}{token}"));
        }
    }

    #[tokio::test]
    async fn no_failure_tells_the_token() {
        let refusing = WebServer::start("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        let hanging_up = WebServer::start("");
        for (server, kind) in
            [(&refusing, ServiceFailureKind::Lasting), (&hanging_up, ServiceFailureKind::Passing)]
        {
            let message = message(&server.url);
            let failure = message.send(&HttpSender::new(HttpConfig::default())).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(!failure.message.contains("abab"), "{failure}");
            assert!(!format!("{message:?}").contains("abab"));
        }
    }
}
