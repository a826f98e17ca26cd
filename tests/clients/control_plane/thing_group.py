"""Static thing groups and their things."""

from control_plane.harness import UUID, story


def remove(run, *groups):
    """Deletes groups, children first."""
    for group in groups:
        run.iot.delete_thing_group(thingGroupName=group)


@story
def create(run):
    iot = run.iot
    properties = {"thingGroupDescription": "all lamps", "attributePayload": {"attributes": {"colour": "red"}}}
    made = iot.create_thing_group(thingGroupName="lamps", thingGroupProperties=properties)
    arn = run.arn("thinggroup/lamps")
    run.fields("answers name, ARN and id", made, thingGroupName="lamps", thingGroupArn=arn, thingGroupId=...)
    run.form("the id is a UUID", made["thingGroupId"], UUID)
    described = iot.describe_thing_group(thingGroupName="lamps")
    run.fields(
        "is described",
        described,
        thingGroupName="lamps",
        thingGroupArn=arn,
        thingGroupId=made["thingGroupId"],
        version=1,
        thingGroupProperties=...,
        thingGroupMetadata=...,
    )
    found = described["thingGroupProperties"]
    run.equal("its description", found.get("thingGroupDescription"), "all lamps")
    run.equal("its attributes", found.get("attributePayload", {}).get("attributes"), {"colour": "red"})
    run.true("a root has no parent", not described["thingGroupMetadata"].get("parentGroupName"), described)
    run.recent("was created now", described["thingGroupMetadata"]["creationDate"])
    again = iot.create_thing_group(thingGroupName="lamps", thingGroupProperties=properties)
    run.equal("the same again is the same group", again["thingGroupId"], made["thingGroupId"])
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_thing_group(thingGroupName="lamps"),
        "ResourceAlreadyExistsException",
        "lamps",
        resourceArn=arn,
        resourceId=("lamps", made["thingGroupId"]),
    )
    run.refused(
        "one that does not exist",
        lambda: iot.describe_thing_group(thingGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.invalid("a name with a space", lambda: iot.create_thing_group(thingGroupName="a b"), "thingGroupName")
    too_many = {"attributePayload": {"attributes": {f"a{number}": "1" for number in range(51)}}}
    run.refused(
        "51 attributes",
        lambda: iot.create_thing_group(thingGroupName="many", thingGroupProperties=too_many),
        "InvalidRequestException",
        "attribute",
    )
    remove(run, "lamps")


@story
def hierarchy(run):
    iot = run.iot
    iot.create_thing_group(thingGroupName="level-1")
    for level in range(2, 8):
        iot.create_thing_group(thingGroupName=f"level-{level}", parentGroupName=f"level-{level - 1}")
    found = iot.describe_thing_group(thingGroupName="level-3")["thingGroupMetadata"]
    run.equal("a child names its parent", found.get("parentGroupName"), "level-2")
    expected = [{"groupName": f"level-{level}", "groupArn": run.arn(f"thinggroup/level-{level}")} for level in (1, 2)]
    run.equal("and all parents from the root on", found.get("rootToParentThingGroups"), expected)
    run.refused(
        "there are seven levels",
        lambda: iot.create_thing_group(thingGroupName="level-8", parentGroupName="level-7"),
        "InvalidRequestException",
        "level",
    )
    run.refused(
        "a group of another parent is another one",
        lambda: iot.create_thing_group(thingGroupName="level-3", parentGroupName="level-1"),
        "ResourceAlreadyExistsException",
        "level-3",
        resourceArn=run.arn("thinggroup/level-3"),
    )
    run.refused(
        "a parent that does not exist",
        lambda: iot.create_thing_group(thingGroupName="orphan", parentGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
        modelled=False,
    )
    run.refused(
        "a group with children is not deleted",
        lambda: iot.delete_thing_group(thingGroupName="level-6"),
        "InvalidRequestException",
        "group",
    )
    remove(run, *(f"level-{level}" for level in range(7, 0, -1)))


@story
def update(run):
    iot = run.iot
    iot.create_thing_group(
        thingGroupName="group", thingGroupProperties={"attributePayload": {"attributes": {"a": "1", "b": "2"}}}
    )

    def change(attributes=None, merge=None, **others):
        properties = {key: others.pop(key) for key in ("thingGroupDescription",) if key in others}
        if attributes is not None:
            properties["attributePayload"] = {"attributes": attributes}
            if merge is not None:
                properties["attributePayload"]["merge"] = merge
        return iot.update_thing_group(thingGroupName="group", thingGroupProperties=properties, **others)

    def expect(name, version, description, attributes):
        found = iot.describe_thing_group(thingGroupName="group")
        properties = found["thingGroupProperties"]
        state = (
            found["version"],
            properties.get("thingGroupDescription"),
            properties.get("attributePayload", {}).get("attributes", {}),
        )
        run.equal(name, state, (version, description, attributes))

    run.fields("answers its new version", change({"b": "", "c": "3"}, merge=True), version=2)
    expect("merges", 2, None, {"a": "1", "c": "3"})
    run.fields(
        "sets a description at the expected version", change(thingGroupDescription="new", expectedVersion=2), version=3
    )
    expect("and leaves the attributes", 3, "new", {"a": "1", "c": "3"})
    run.fields("replaces attributes", change({"d": "4"}), version=4)
    expect("all of them", 4, "new", {"d": "4"})
    run.refused(
        "another version is a conflict",
        lambda: change({"e": "5"}, expectedVersion=3),
        "VersionConflictException",
        "version",
    )
    expect("which changes nothing", 4, "new", {"d": "4"})
    run.refused(
        "one that does not exist",
        lambda: iot.update_thing_group(thingGroupName="no-such-group", thingGroupProperties={}),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.refused(
        "another version is not deleted",
        lambda: iot.delete_thing_group(thingGroupName="group", expectedVersion=1),
        "VersionConflictException",
        "version",
    )
    run.fields("is deleted at the expected version", iot.delete_thing_group(thingGroupName="group", expectedVersion=4))
    run.refused(
        "then there is none",
        lambda: iot.describe_thing_group(thingGroupName="group"),
        "ResourceNotFoundException",
        "group",
    )
    run.fields("deleting it again succeeds", iot.delete_thing_group(thingGroupName="group"))


@story
def listed(run):
    iot = run.iot
    parents = {
        "list-root": None,
        "list-b": "list-root",
        "list-a": "list-root",
        "list-leaf": "list-b",
        "list-other": None,
    }
    for name, parent in parents.items():
        iot.create_thing_group(thingGroupName=name, **({"parentGroupName": parent} if parent else {}))
    names = list(parents)
    run.lists("all groups", "list_thing_groups", "thingGroups", names, "groupName", recursive=True)
    entry = next(
        entry
        for entry in run.all("list_thing_groups", "thingGroups", recursive=True)
        if entry["groupName"] == "list-leaf"
    )
    run.fields("an entry has its members", entry, groupName="list-leaf", groupArn=run.arn("thinggroup/list-leaf"))
    run.lists(
        "groups of a prefix",
        "list_thing_groups",
        "thingGroups",
        names[:4],
        "groupName",
        namePrefixFilter="list-",
        recursive=True,
    )

    def found(**arguments):
        return run.all("list_thing_groups", "thingGroups", "groupName", **arguments)

    run.equal("a prefix leaves others out", found(namePrefixFilter="list-o", recursive=True), ["list-other"])
    run.equal("children", found(parentGroup="list-root", recursive=False), ["list-b", "list-a"])
    run.equal("all below", found(parentGroup="list-root", recursive=True), ["list-b", "list-a", "list-leaf"])
    run.equal("below a leaf is nothing", found(parentGroup="list-leaf", recursive=True), [])
    run.refused(
        "a parent that does not exist",
        lambda: iot.list_thing_groups(parentGroup="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    remove(run, "list-leaf", "list-a", "list-b", "list-root", "list-other")


@story
def things(run):
    iot = run.iot
    iot.create_thing_group(thingGroupName="root")
    iot.create_thing_group(thingGroupName="child", parentGroupName="root")
    iot.create_thing_group(thingGroupName="other")
    names = ["group-c", "group-a", "group-b"]
    for name in names:
        iot.create_thing(thingName=name)
    run.fields("a thing is added", iot.add_thing_to_thing_group(thingGroupName="child", thingName="group-c"))
    run.fields("once more changes nothing", iot.add_thing_to_thing_group(thingGroupName="child", thingName="group-c"))
    iot.add_thing_to_thing_group(thingGroupArn=run.arn("thinggroup/child"), thingArn=run.arn("thing/group-a"))
    iot.add_thing_to_thing_group(thingGroupName="root", thingName="group-b")
    iot.add_thing_to_thing_group(thingGroupName="other", thingName="group-c")
    run.refused(
        "not two groups of one root",
        lambda: iot.add_thing_to_thing_group(thingGroupName="root", thingName="group-a"),
        "InvalidRequestException",
        "group-a|child|hierarchy|root",
    )
    run.refused(
        "a group that does not exist",
        lambda: iot.add_thing_to_thing_group(thingGroupName="no-such-group", thingName="group-a"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.refused(
        "a thing that does not exist",
        lambda: iot.add_thing_to_thing_group(thingGroupName="root", thingName="no-such-thing"),
        "ResourceNotFoundException",
        "no-such-thing",
    )
    run.refused(
        "neither name nor ARN of a thing",
        lambda: iot.add_thing_to_thing_group(thingGroupName="root"),
        "InvalidRequestException",
        "thing",
    )
    run.refused(
        "name and ARN of two things",
        lambda: iot.add_thing_to_thing_group(
            thingGroupName="other", thingName="group-a", thingArn=run.arn("thing/group-b")
        ),
        "InvalidRequestException",
        "thing",
    )

    run.lists(
        "things of a group", "list_things_in_thing_group", "things", ["group-c", "group-a"], thingGroupName="child"
    )
    run.lists(
        "things of a group and those below",
        "list_things_in_thing_group",
        "things",
        names,
        in_order=False,
        thingGroupName="root",
        recursive=True,
    )
    run.equal(
        "without those below",
        run.all("list_things_in_thing_group", "things", thingGroupName="root", recursive=False),
        ["group-b"],
    )
    run.refused(
        "things of no group",
        lambda: iot.list_things_in_thing_group(thingGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.lists(
        "groups of a thing",
        "list_thing_groups_for_thing",
        "thingGroups",
        ["child", "other"],
        "groupName",
        thingName="group-c",
    )
    entry = iot.list_thing_groups_for_thing(thingName="group-a")["thingGroups"]
    run.equal("an entry has its members", entry, [{"groupName": "child", "groupArn": run.arn("thinggroup/child")}])
    run.refused(
        "groups of no thing",
        lambda: iot.list_thing_groups_for_thing(thingName="no-such-thing"),
        "ResourceNotFoundException",
        "no-such-thing",
    )

    run.fields(
        "groups are exchanged at once",
        iot.update_thing_groups_for_thing(
            thingName="group-c", thingGroupsToAdd=["root"], thingGroupsToRemove=["child", "other"]
        ),
    )
    run.equal(
        "and are those",
        run.all("list_thing_groups_for_thing", "thingGroups", "groupName", thingName="group-c"),
        ["root"],
    )
    run.refused(
        "all or nothing of them",
        lambda: iot.update_thing_groups_for_thing(
            thingName="group-c", thingGroupsToAdd=["no-such-group"], thingGroupsToRemove=["root"]
        ),
        "ResourceNotFoundException",
        "no-such-group",
    )
    run.equal(
        "so that they stay",
        run.all("list_thing_groups_for_thing", "thingGroups", "groupName", thingName="group-c"),
        ["root"],
    )
    run.fields("a thing is removed", iot.remove_thing_from_thing_group(thingGroupName="root", thingName="group-c"))
    run.equal("and is in none", iot.list_thing_groups_for_thing(thingName="group-c")["thingGroups"], [])
    run.refused(
        "from a group that does not exist",
        lambda: iot.remove_thing_from_thing_group(thingGroupName="no-such-group", thingName="group-c"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    iot.remove_thing_from_thing_group(thingGroupArn=run.arn("thinggroup/child"), thingArn=run.arn("thing/group-a"))
    run.equal("by ARNs too", iot.list_thing_groups_for_thing(thingName="group-a")["thingGroups"], [])
    iot.delete_thing(thingName="group-b")
    run.equal("a deleted thing leaves its group", iot.list_things_in_thing_group(thingGroupName="root")["things"], [])
    iot.create_thing(thingName="group-b")
    run.equal("for ever", iot.list_thing_groups_for_thing(thingName="group-b")["thingGroups"], [])
    for name in names:
        iot.delete_thing(thingName=name)
    remove(run, "child", "root", "other")


@story
def ten_groups(run):
    iot = run.iot
    iot.create_thing(thingName="in-many")
    for number in range(11):
        iot.create_thing_group(thingGroupName=f"many-{number}")
    for number in range(10):
        iot.add_thing_to_thing_group(thingGroupName=f"many-{number}", thingName="in-many")
    run.refused(
        "a thing is in ten groups at most",
        lambda: iot.add_thing_to_thing_group(thingGroupName="many-10", thingName="in-many"),
        "InvalidRequestException",
        "10|group",
    )
    run.lists(
        "its groups",
        "list_thing_groups_for_thing",
        "thingGroups",
        [f"many-{number}" for number in range(10)],
        "groupName",
        thingName="in-many",
    )
    iot.delete_thing(thingName="in-many")
    remove(run, *(f"many-{number}" for number in range(11)))
