"""Where topic rules send to by HTTP: a destination is asked to confirm that it wants their messages."""

import json
import re
import urllib.error
import urllib.request

from control_plane.harness import story, wait_for
from control_plane.receiver import receiver
from control_plane.topic_rule import payload

TOKEN = re.compile(r"[0-9a-f]{96}")
AWAITING = re.compile(
    r"Awaiting confirmation\. Confirmation message sent on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z; "
    r"no response received from the endpoint\."
)


def create(run, url):
    """A new destination, as it is answered."""
    configuration = {"httpUrlConfiguration": {"confirmationUrl": url}}
    return run.iot.create_topic_rule_destination(destinationConfiguration=configuration)["topicRuleDestination"]


def get(run, arn):
    return run.iot.get_topic_rule_destination(arn=arn)["topicRuleDestination"]


def message(run, asked, arn, path):
    """The content of a confirmation message, checked field by field."""
    run.equal("the message is posted", (asked.method, asked.path), ("POST", path))
    run.equal("says what it is", asked.headers.get("x-amz-rules-engine-message-type"), "DestinationConfirmation")
    run.equal("says for whom", asked.headers.get("x-amz-rules-engine-destination-arn"), arn)
    run.equal("has JSON", asked.headers.get("content-type"), "application/json")
    content = json.loads(asked.body)
    run.fields(
        "has its members",
        content,
        arn=arn,
        confirmationToken=...,
        enableUrl=...,
        messageType="DestinationConfirmation",
    )
    run.form("its token cannot be guessed", content["confirmationToken"], TOKEN)
    run.equal("the token is in its URL", asked.query.get("confirmationToken"), content["confirmationToken"])
    return content


def open_url(url):
    """The status of what a URL answers, asked for without a signature."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@story
def create_and_confirm(run):
    iot = run.iot
    with receiver() as server:
        url = f"{server.url}/confirm"
        made = create(run, url)
        arn = made["arn"]
        asked = message(run, server.next(), arn, "/confirm/")
        run.true("the ARN is of a destination", arn.startswith(run.arn("ruledestination/http/")), arn)
        run.fields(
            "answers all that there is",
            made,
            arn=arn,
            status="IN_PROGRESS",
            statusReason=...,
            createdAt=...,
            lastUpdatedAt=...,
            httpUrlProperties={"confirmationUrl": url},
        )
        run.form("says that it waits", made["statusReason"], AWAITING)
        run.recent("was created now", made["createdAt"])
        run.equal("and changed then", made["lastUpdatedAt"], made["createdAt"])
        run.equal("is told", get(run, arn), made)
        run.refused(
            "another one of the URL is refused",
            lambda: create(run, url),
            "ResourceAlreadyExistsException",
            re.escape(url),
        )
        for status in ("ENABLED", "DISABLED"):
            run.refused(
                f"does not become {status} before it is confirmed",
                lambda status=status: iot.update_topic_rule_destination(arn=arn, status=status),
                "InvalidRequestException",
                "confirmed",
            )
        run.equal("confirms by opening a URL, unsigned", open_url(asked["enableUrl"]), 200)
        found = get(run, arn)
        run.fields(
            "is ENABLED then",
            found,
            arn=arn,
            status="ENABLED",
            createdAt=made["createdAt"],
            lastUpdatedAt=...,
            httpUrlProperties={"confirmationUrl": url},
        )
        run.recent("was changed since", found["lastUpdatedAt"], since=made["createdAt"])
        run.equal("confirms once", open_url(asked["enableUrl"]), 401)
        for status in ("DISABLED", "DISABLED", "ENABLED", "ENABLED"):
            run.fields(f"is set {status}", iot.update_topic_rule_destination(arn=arn, status=status))
            run.equal(f"is {status}", get(run, arn)["status"], status)
        for status in ("ERROR", "DELETING"):
            run.refused(
                f"is not set {status}",
                lambda status=status: iot.update_topic_rule_destination(arn=arn, status=status),
                "InvalidRequestException",
                status,
            )
        run.invalid("a status there is not", lambda: iot.update_topic_rule_destination(arn=arn, status="ON"), "status")
        run.fields("is deleted", iot.delete_topic_rule_destination(arn=arn))
        run.true("was asked once", server.requests.empty(), server.requests)
    for name, call in (
        ("get", lambda: iot.get_topic_rule_destination(arn=arn)),
        ("update", lambda: iot.update_topic_rule_destination(arn=arn, status="IN_PROGRESS")),
        ("delete", lambda: iot.delete_topic_rule_destination(arn=arn)),
    ):
        run.refused(f"{name}: one that does not exist", call, "UnauthorizedException", re.escape(arn))


@story
def confirm_by_the_api(run):
    iot = run.iot
    with receiver() as server:
        arn = create(run, server.url)["arn"]
        first = message(run, server.next(), arn, "/")["confirmationToken"]
        run.fields("is asked again", iot.update_topic_rule_destination(arn=arn, status="IN_PROGRESS"))
        second = message(run, server.next(), arn, "/")["confirmationToken"]
        wrong = second[:-1] + ("0" if second[-1] != "0" else "1")
        for name, token in (("the token before", first), ("a token that is almost right", wrong)):
            run.refused(
                f"{name} is none",
                lambda token=token: iot.confirm_topic_rule_destination(confirmationToken=token),
                "UnauthorizedException",
                "no destination waits",
            )
        run.refused(
            "what can be no token",
            lambda: iot.confirm_topic_rule_destination(confirmationToken="lamp"),
            "InvalidRequestException",
            "token",
        )
        run.equal("waits all the while", get(run, arn)["status"], "IN_PROGRESS")
        run.fields("its token confirms it", iot.confirm_topic_rule_destination(confirmationToken=second))
        run.equal("is ENABLED", get(run, arn)["status"], "ENABLED")
        run.fields("is asked when it is ENABLED", iot.update_topic_rule_destination(arn=arn, status="IN_PROGRESS"))
        run.equal("and waits again", get(run, arn)["status"], "IN_PROGRESS")
        third = message(run, server.next(), arn, "/")
        run.equal("until it confirms", open_url(third["enableUrl"]), 200)
        iot.delete_topic_rule_destination(arn=arn)
        run.refused(
            "nobody waits any more",
            lambda: iot.confirm_topic_rule_destination(confirmationToken=third["confirmationToken"]),
            "UnauthorizedException",
            "no destination waits",
        )


@story
def unwilling(run):
    """A destination that does not take the message is told to have refused it."""
    with receiver(403) as server:
        arn = create(run, server.url)["arn"]
        token = message(run, server.next(), arn, "/")["confirmationToken"]
        found = wait_for("that the destination is in ERROR", lambda: in_status(run, arn, "ERROR"))
        run.true("the reason is told", "403" in found["statusReason"], found["statusReason"])
        run.true("without the token", token not in found["statusReason"], found["statusReason"])
        # The message may have arrived all the same: who has the token can confirm.
        run.iot.confirm_topic_rule_destination(confirmationToken=token)
        run.true("it is enabled then", in_status(run, arn, "ENABLED") is not None, get(run, arn))
        run.refused(
            "its token is none any more",
            lambda: run.iot.confirm_topic_rule_destination(confirmationToken=token),
            "UnauthorizedException",
            "no destination waits",
        )
        run.iot.delete_topic_rule_destination(arn=arn)


def in_status(run, arn, status):
    found = get(run, arn)
    return found if found["status"] == status else None


@story
def made_by_rules(run):
    """Where a rule sends to becomes a destination, which is asked to confirm."""
    iot = run.iot
    with receiver() as server:
        action = {
            "url": f"{server.url}/lamps/${{topic(2)}}",
            "confirmationUrl": f"{server.url}/lamps",
            "headers": [{"key": "room", "value": "${room}"}],
        }
        rule = payload(actions=[{"http": action}])
        iot.create_topic_rule(ruleName="sends", topicRulePayload=rule)
        run.equal("the action is told", iot.get_topic_rule(ruleName="sends")["rule"]["actions"], rule["actions"])
        [summary] = run.all("list_topic_rule_destinations", "destinationSummaries")
        run.equal("there is a destination", summary["httpUrlSummary"], {"confirmationUrl": f"{server.url}/lamps"})
        asked = message(run, server.next(), summary["arn"], "/lamps/")
        run.equal("it confirms", open_url(asked["enableUrl"]), 200)
        iot.create_topic_rule(ruleName="sends_too", topicRulePayload=rule)
        run.equal("another rule uses it", get(run, summary["arn"])["status"], "ENABLED")
        for name in ("sends", "sends_too"):
            iot.delete_topic_rule(ruleName=name)
        run.equal("it outlives its rules", get(run, summary["arn"])["status"], "ENABLED")
        run.true("it was asked once", server.requests.empty(), server.requests)
        iot.delete_topic_rule_destination(arn=summary["arn"])


@story
def wrong(run):
    iot = run.iot
    for name, url in (
        ("another protocol", "ftp://example.com"),
        ("no host", "/confirm"),
        ("a password", "https://user:secret@example.com"),
        ("a fragment", "https://example.com/#a"),
        ("a template", "https://example.com/${topic()}"),
        ("a space", "https://exa mple.com"),
        ("nothing", ""),
    ):
        run.refused(
            f"a URL with {name}", lambda url=url: create(run, url), "InvalidRequestException", "confirmationUrl"
        )
    run.invalid(
        "a URL that is too long",
        lambda: create(run, "https://example.com/" + "a" * 2000),
        "destinationConfiguration.httpUrlConfiguration.confirmationUrl",
    )
    run.refused(
        "no configuration",
        lambda: iot.create_topic_rule_destination(destinationConfiguration={}),
        "InvalidRequestException",
        "httpUrlConfiguration",
    )
    vpc = {"vpcConfiguration": {"subnetIds": ["subnet-1"], "vpcId": "vpc-1", "roleArn": "arn:aws:iam::1:role/r"}}
    run.refused(
        "a private network",
        lambda: iot.create_topic_rule_destination(destinationConfiguration=vpc),
        "NotImplementedException",
        "vpcConfiguration",
    )
    for name, arn in (("the ARN of a rule", run.arn("rule/r")), ("no ARN", "lamp")):
        run.refused(name, lambda arn=arn: get(run, arn), "InvalidRequestException", "arn")
    run.equal("nothing was made", run.all("list_topic_rule_destinations", "destinationSummaries"), [])


@story
def listed(run):
    with receiver() as server:
        urls = [f"{server.url}/{name}" for name in ("z", "a", "m")]
        made = [create(run, url) for url in urls]
        for _ in urls:
            server.next()
        arns = [each["arn"] for each in made]
        run.lists("destinations", "list_topic_rule_destinations", "destinationSummaries", arns, "arn")
        entry = run.all("list_topic_rule_destinations", "destinationSummaries")[1]
        expected = {key: value for key, value in made[1].items() if key != "httpUrlProperties"}
        run.fields("an entry has its members", entry, httpUrlSummary={"confirmationUrl": urls[1]}, **expected)
        for arn in arns:
            run.iot.delete_topic_rule_destination(arn=arn)
