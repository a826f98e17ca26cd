"""What log sinks send to, with boto3: `create` makes the table and the queue, `read` prints what came as JSON."""

import datetime
import json
import sys

import boto3

dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
cloudwatch = boto3.client("cloudwatch")


def create():
    keys = [("certificateId", "S", "HASH"), ("timestamp", "N", "RANGE")]
    dynamodb.create_table(
        TableName="registrations",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": role} for name, _, role in keys],
    )
    return {"queueUrl": sqs.create_queue(QueueName="registrations")["QueueUrl"]}


def messages(queue):
    """Takes all messages of the queue."""
    taken = []
    while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            taken.append(json.loads(message["Body"]))
    return taken


def statistics(status):
    """Of the data of the last hour: their sum, their number and their units."""
    now = datetime.datetime.now(datetime.timezone.utc)
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName="Just-In-Time-Registration",
        Dimensions=[{"Name": "Registration Status", "Value": status}],
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(minutes=1),
        Period=60,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return {
        "sum": sum(point["Sum"] for point in points),
        "count": sum(point["SampleCount"] for point in points),
        "units": sorted({point["Unit"] for point in points}),
    }


def read(queue):
    pages = dynamodb.get_paginator("scan").paginate(TableName="registrations")
    return {
        "items": [item for page in pages for item in page["Items"]],
        "messages": messages(queue),
        "metrics": {status: statistics(status) for status in ["Success", "Failure", "Overall"]},
    }


print(json.dumps({"create": create, "read": read}[sys.argv[1]](*sys.argv[2:])))
