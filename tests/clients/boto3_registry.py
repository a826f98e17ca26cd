"""Reads the whole registry with boto3's paginators, and provokes its typed errors. Prints what it found as JSON."""

import json

import boto3

iot = boto3.client("iot")


def names(operation, member, name, **arguments):
    pages = iot.get_paginator(operation).paginate(PaginationConfig={"PageSize": 10}, **arguments)
    pages = [page[member] for page in pages]
    return len(pages), [item if name is None else item[name] for page in pages for item in page]


thing_pages, things = names("list_things", "things", "thingName")
certificate_pages, certificates = names("list_certificates", "certificates", "certificateId", ascendingOrder=True)
_, principals = names("list_thing_principals", "principals", None, thingName=things[0])
_, policies = names("list_attached_policies", "policies", "policyName", target=principals[0])

errors = {}
try:
    iot.describe_thing(thingName="no-such-thing")
except iot.exceptions.ResourceNotFoundException as error:
    errors["describe_thing"] = [type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"]]
try:
    iot.update_certificate(certificateId=certificates[0], newStatus="PENDING_ACTIVATION")
except iot.exceptions.ClientError as error:
    errors["update_certificate"] = [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]

print(
    json.dumps(
        {
            "account": boto3.client("sts").get_caller_identity()["Account"],
            "certificate_pages": certificate_pages,
            "certificates": certificates,
            "endpoint": iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"],
            "errors": errors,
            "policies": policies,
            "principals": principals,
            "thing_pages": thing_pages,
            "things": things,
        }
    )
)
