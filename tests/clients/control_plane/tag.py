"""Tags of everything that can have them."""

from urllib.parse import urlencode

from control_plane.ca_certificate import register, unregister
from control_plane.certificate import delete
from control_plane.harness import story
from control_plane.pki import Pki
from control_plane.policy import document
from control_plane.principal import certificate
from control_plane.topic_rule import payload

FIRST = [{"Key": "cost centre", "Value": "4711"}, {"Key": "stage", "Value": "été"}]


def tags(run, arn):
    """The tags of a resource, over all pages."""
    return {tag["Key"]: tag.get("Value") for tag in run.all("list_tags_for_resource", "tags", resourceArn=arn)}


def check(run, name, arn):
    """A resource that was created with FIRST."""
    iot = run.iot
    run.equal(f"{name}: is created with tags", tags(run, arn), {"cost centre": "4711", "stage": "été"})
    run.fields(
        f"{name}: is tagged",
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "stage", "Value": "test"}, {"Key": "empty", "Value": ""}]),
    )
    run.equal(f"{name}: a key has one value", tags(run, arn), {"cost centre": "4711", "stage": "test", "empty": ""})
    run.fields(f"{name}: is untagged", iot.untag_resource(resourceArn=arn, tagKeys=["cost centre", "no such key"]))
    run.equal(f"{name}: of some", tags(run, arn), {"stage": "test", "empty": ""})


@story
def thing_type(run):
    run.iot.create_thing_type(thingTypeName="tagged", tags=FIRST)
    check(run, "a thing type", run.arn("thingtype/tagged"))
    run.iot.deprecate_thing_type(thingTypeName="tagged")
    run.iot.delete_thing_type(thingTypeName="tagged")


@story
def groups(run):
    run.iot.create_thing_group(thingGroupName="tagged", tags=FIRST)
    check(run, "a thing group", run.arn("thinggroup/tagged"))
    run.iot.delete_thing_group(thingGroupName="tagged")
    run.iot.create_billing_group(billingGroupName="tagged", tags=FIRST)
    check(run, "a billing group", run.arn("billinggroup/tagged"))
    run.iot.delete_billing_group(billingGroupName="tagged")


@story
def policy(run):
    run.iot.create_policy(policyName="tagged", policyDocument=document(), tags=FIRST)
    check(run, "a policy", run.arn("policy/tagged"))
    run.iot.delete_policy(policyName="tagged")


@story
def topic_rule(run):
    """Its tags are a text of their own form when it is created."""
    iot = run.iot
    text = urlencode({tag["Key"]: tag["Value"] for tag in FIRST})
    iot.create_topic_rule(ruleName="tagged", topicRulePayload=payload(), tags=text)
    check(run, "a topic rule", run.arn("rule/tagged"))
    iot.replace_topic_rule(ruleName="tagged", topicRulePayload=payload("SELECT * FROM 'other'"))
    run.equal("a topic rule: keeps them", tags(run, run.arn("rule/tagged")), {"stage": "test", "empty": ""})
    iot.delete_topic_rule(ruleName="tagged")
    for name, text, message in (
        ("what is no UTF-8", "a=%ff", "tags"),
        ("the keys of AWS", "aws%3Ax=", "aws:"),
        ("a key twice", "a=b&a=c", "key|tag"),
    ):
        run.refused(
            f"a topic rule: {name}",
            lambda text=text: iot.create_topic_rule(ruleName="untagged", topicRulePayload=payload(), tags=text),
            "InvalidRequestException",
            message,
        )
    many = urlencode({f"key {number}": "" for number in range(51)})
    run.refused(
        "a topic rule: 51 tags",
        lambda: iot.create_topic_rule(ruleName="untagged", topicRulePayload=payload(), tags=many),
        "LimitExceededException",
        "50 tags",
        modelled=False,
    )
    run.equal("a topic rule: nothing was made", run.all("list_topic_rules", "rules"), [])


@story
def ca_certificate(run):
    identity = register(run, Pki(run.directory).ca("tagged ca"), tags=FIRST)
    check(run, "a CA certificate", run.arn(f"cacert/{identity}"))
    unregister(run, identity)


@story
def limits(run):
    iot = run.iot
    iot.create_billing_group(billingGroupName="tagged")
    arn = run.arn("billinggroup/tagged")
    for start in (0, 25):
        iot.tag_resource(
            resourceArn=arn,
            tags=[{"Key": f"key {number}", "Value": str(number)} for number in range(start, start + 25)],
        )
    run.equal(
        "a resource has 50 tags, on as many pages as it takes",
        tags(run, arn),
        {f"key {number}": str(number) for number in range(50)},
    )
    run.refused(
        "but not 51",
        lambda: iot.tag_resource(resourceArn=arn, tags=[{"Key": "one more", "Value": ""}]),
        "LimitExceededException",
        "tag",
    )
    run.fields(
        "a key that is there already is no new one",
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "key 0", "Value": "new"}]),
    )
    run.refused(
        "the keys of AWS are its own",
        lambda: iot.tag_resource(resourceArn=arn, tags=[{"Key": "aws:x", "Value": ""}]),
        "InvalidRequestException",
        "aws:",
    )
    run.refused(
        "a key twice",
        lambda: iot.tag_resource(
            resourceArn=arn, tags=[{"Key": "key 1", "Value": "a"}, {"Key": "key 1", "Value": "b"}]
        ),
        "InvalidRequestException",
        "key|tag",
    )
    iot.delete_billing_group(billingGroupName="tagged")
    for name, call in (
        ("tag", lambda: iot.tag_resource(resourceArn=arn, tags=FIRST)),
        ("list", lambda: iot.list_tags_for_resource(resourceArn=arn)),
        ("untag", lambda: iot.untag_resource(resourceArn=arn, tagKeys=["a"])),
    ):
        run.refused(f"{name}: a resource that does not exist", call, "ResourceNotFoundException", "tagged")
    iot.create_billing_group(billingGroupName="tagged")
    run.equal("tags go with their resource", tags(run, arn), {})
    iot.delete_billing_group(billingGroupName="tagged")


@story
def without_tags(run):
    """Certificates of devices and things have none at AWS."""
    iot = run.iot
    identity, certificate_arn = certificate(run)
    iot.create_thing(thingName="untagged")
    for arn in (certificate_arn, run.arn("thing/untagged"), "lamp", "arn:aws:s3:::bucket"):
        for name, call in (
            ("tag", lambda arn=arn: iot.tag_resource(resourceArn=arn, tags=FIRST)),
            ("list", lambda arn=arn: iot.list_tags_for_resource(resourceArn=arn)),
            ("untag", lambda arn=arn: iot.untag_resource(resourceArn=arn, tagKeys=["a"])),
        ):
            run.refused(f"{name} of {arn[:40]}", call, "InvalidRequestException", "arn|resource|tag")
    iot.delete_thing(thingName="untagged")
    delete(run, identity)
