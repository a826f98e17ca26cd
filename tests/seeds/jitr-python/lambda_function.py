"""Just-in-time registration by a Lambda function, as the first seed has it: invoked by the rule on the registration event,
it makes the device's thing and policy, attaches them, and activates the certificate last."""

import base64
import json
import os

import boto3

iot = boto3.client("iot")

# The variable is the broker's to fill in: the name of the thing that the connecting certificate is attached to.
POLICY = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "%(arn)s:client/${iot:Connection.Thing.ThingName}"},
    {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
     "Resource": "%(arn)s:topic/device/${iot:Connection.Thing.ThingName}"}
  ]
}"""


def lambda_handler(event, context):
    certificate_id = event["certificateId"]
    account, region = event["awsAccountId"], os.environ["AWS_REGION"]
    certificate = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    arn = certificate["certificateArn"]
    thing = common_name(certificate["certificatePem"])

    # Each step can be repeated: the event comes again when the device connects again, or when this function failed.
    iot.create_thing(thingName=thing)
    iot.attach_thing_principal(thingName=thing, principal=arn)
    document = POLICY % {"arn": f"arn:aws:iot:{region}:{account}"}
    try:
        iot.create_policy(policyName="jitr", policyDocument=document)
    except iot.exceptions.ResourceAlreadyExistsException:
        pass
    iot.attach_principal_policy(policyName="jitr", principal=arn)
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    print(f"{thing} registered")
    return {"thingName": thing}


def queue_handler(event, context):
    """The same behind a queue: each record's body is what the rule sent."""
    for record in event["Records"]:
        lambda_handler(json.loads(record["body"]), context)


def common_name(pem):
    """The common name of the subject: the last one in a certificate without extensions, as `openssl x509 -req` makes it."""
    der = base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))
    start = der.rindex(b"\x06\x03\x55\x04\x03") + 5
    length = der[start + 1]
    return der[start + 2 : start + 2 + length].decode()
