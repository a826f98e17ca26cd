"""Billing groups and their things."""

from control_plane.harness import UUID, story


@story
def create(run):
    iot = run.iot
    properties = {"billingGroupDescription": "paid by sales"}
    made = iot.create_billing_group(billingGroupName="sales", billingGroupProperties=properties)
    arn = run.arn("billinggroup/sales")
    run.fields("answers name, ARN and id", made, billingGroupName="sales", billingGroupArn=arn, billingGroupId=...)
    run.form("the id is a UUID", made["billingGroupId"], UUID)
    described = iot.describe_billing_group(billingGroupName="sales")
    run.fields(
        "is described",
        described,
        billingGroupName="sales",
        billingGroupArn=arn,
        billingGroupId=made["billingGroupId"],
        version=1,
        billingGroupProperties=properties,
        billingGroupMetadata=...,
    )
    run.recent("was created now", described["billingGroupMetadata"]["creationDate"])
    again = iot.create_billing_group(billingGroupName="sales", billingGroupProperties=properties)
    run.equal("the same again is the same group", again["billingGroupId"], made["billingGroupId"])
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_billing_group(billingGroupName="sales"),
        "ResourceAlreadyExistsException",
        "sales",
        resourceArn=arn,
        resourceId=("sales", made["billingGroupId"]),
    )
    run.refused(
        "one that does not exist",
        lambda: iot.describe_billing_group(billingGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.invalid("a name with a space", lambda: iot.create_billing_group(billingGroupName="a b"), "billingGroupName")
    iot.delete_billing_group(billingGroupName="sales")


@story
def update_and_delete(run):
    iot = run.iot
    iot.create_billing_group(billingGroupName="sales")

    def change(description, **others):
        properties = {"billingGroupDescription": description}
        return iot.update_billing_group(billingGroupName="sales", billingGroupProperties=properties, **others)

    run.fields("answers its new version", change("one"), version=2)
    run.fields("at the expected version", change("two", expectedVersion=2), version=3)
    run.refused(
        "another version is a conflict",
        lambda: change("three", expectedVersion=2),
        "VersionConflictException",
        "version",
    )
    found = iot.describe_billing_group(billingGroupName="sales")
    run.equal("has the last description", found["billingGroupProperties"].get("billingGroupDescription"), "two")
    run.equal("and version", found["version"], 3)
    run.refused(
        "one that does not exist",
        lambda: iot.update_billing_group(billingGroupName="no-such-group", billingGroupProperties={}),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.refused(
        "another version is not deleted",
        lambda: iot.delete_billing_group(billingGroupName="sales", expectedVersion=1),
        "VersionConflictException",
        "version",
    )
    run.fields(
        "is deleted at the expected version", iot.delete_billing_group(billingGroupName="sales", expectedVersion=3)
    )
    run.fields("deleting it again succeeds", iot.delete_billing_group(billingGroupName="sales"))


@story
def things(run):
    iot = run.iot
    for group in ("sales", "lab"):
        iot.create_billing_group(billingGroupName=group)
    names = ["billed-c", "billed-a", "billed-b"]
    iot.create_thing(thingName="billed-c", billingGroupName="sales")
    run.equal("a thing is created in one", iot.describe_thing(thingName="billed-c").get("billingGroupName"), "sales")
    iot.create_thing(thingName="billed-a")
    iot.create_thing(thingName="billed-b")
    run.fields("a thing is added", iot.add_thing_to_billing_group(billingGroupName="sales", thingName="billed-a"))
    run.fields(
        "once more changes nothing", iot.add_thing_to_billing_group(billingGroupName="sales", thingName="billed-a")
    )
    iot.add_thing_to_billing_group(billingGroupArn=run.arn("billinggroup/sales"), thingArn=run.arn("thing/billed-b"))
    run.lists(
        "things of a group", "list_things_in_billing_group", "things", names, in_order=False, billingGroupName="sales"
    )
    run.equal("the thing's version is not touched", iot.describe_thing(thingName="billed-a")["version"], 1)
    iot.add_thing_to_billing_group(billingGroupName="lab", thingName="billed-b")
    run.equal("a thing moves to another", iot.describe_thing(thingName="billed-b").get("billingGroupName"), "lab")
    run.equal("and is there", run.all("list_things_in_billing_group", "things", billingGroupName="lab"), ["billed-b"])
    run.equal(
        "and not here",
        sorted(run.all("list_things_in_billing_group", "things", billingGroupName="sales")),
        ["billed-a", "billed-c"],
    )
    run.fields(
        "a thing is removed", iot.remove_thing_from_billing_group(billingGroupName="sales", thingName="billed-a")
    )
    run.true("and is in none", "billingGroupName" not in iot.describe_thing(thingName="billed-a"), "it is in one")
    for name, call in (
        ("add to", iot.add_thing_to_billing_group),
        ("remove from", iot.remove_thing_from_billing_group),
    ):
        run.refused(
            f"{name} a group that does not exist",
            lambda call=call: call(billingGroupName="no-such-group", thingName="billed-a"),
            "ResourceNotFoundException",
            "no-such-group",
        )
        run.refused(
            f"{name} one a thing that does not exist",
            lambda call=call: call(billingGroupName="lab", thingName="no-such-thing"),
            "ResourceNotFoundException",
            "no-such-thing",
        )
    run.refused(
        "things of no group",
        lambda: iot.list_things_in_billing_group(billingGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    iot.delete_billing_group(billingGroupName="lab")
    run.true(
        "things leave a deleted group",
        "billingGroupName" not in iot.describe_thing(thingName="billed-b"),
        "it is in one",
    )
    for name in names:
        iot.delete_thing(thingName=name)
    run.equal(
        "and deleted things their group", iot.list_things_in_billing_group(billingGroupName="sales")["things"], []
    )
    iot.delete_billing_group(billingGroupName="sales")


@story
def listed(run):
    iot = run.iot
    names = ["bill-z", "bill-a", "bill-m", "other"]
    for name in names:
        iot.create_billing_group(billingGroupName=name)
    run.lists("billing groups", "list_billing_groups", "billingGroups", names, "groupName")
    found = run.all("list_billing_groups", "billingGroups", namePrefixFilter="bill-")
    expected = [{"groupName": name, "groupArn": run.arn(f"billinggroup/{name}")} for name in names[:3]]
    run.equal("those of a prefix", found, expected)
    for name in names:
        iot.delete_billing_group(billingGroupName=name)
