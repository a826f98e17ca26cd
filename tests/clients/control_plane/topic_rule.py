"""Topic rules. What they do with messages is tested with devices."""

from control_plane.harness import story
from control_plane.sample import sample

ROLE = "arn:aws:iam::123456789012:role/rules"

# The rule of the first seed.
JITR = "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\""

# The actions that are built; every other one that the model knows is refused by its name.
ACTIONS = (
    {"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:jitr"}},
    {
        "republish": {
            "roleArn": ROLE,
            "topic": "$$aws/things/${topic(2)}/shadow/update",
            "qos": 1,
            "headers": {
                "payloadFormatIndicator": "UTF8_DATA",
                "contentType": "application/json",
                "responseTopic": "answers/${clientid()}",
                "correlationData": "${newuuid()}",
                "messageExpiry": "60",
                "userProperties": [{"key": "room", "value": "${room}"}],
            },
        }
    },
    {"sqs": {"roleArn": ROLE, "queueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "useBase64": True}},
    {
        "dynamoDB": {
            "tableName": "lamps",
            "roleArn": ROLE,
            "operation": "INSERT",
            "hashKeyField": "id",
            "hashKeyValue": "${topic(2)}",
            "hashKeyType": "STRING",
            "rangeKeyField": "at",
            "rangeKeyValue": "${timestamp()}",
            "rangeKeyType": "NUMBER",
            "payloadField": "message",
        }
    },
    {"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "lamps"}}},
    {
        "cloudwatchMetric": {
            "roleArn": ROLE,
            "metricNamespace": "Lamps",
            "metricName": "${topic(2)}",
            "metricValue": "${wattage}",
            "metricUnit": "None",
            "metricTimestamp": "${timestamp() / 1000}",
        }
    },
)

# What a sample of the other actions needs to be one that AWS would take.
SAMPLES = {
    "elasticsearch": {"endpoint": "https://example.com"},
    "openSearch": {"endpoint": "https://example.com"},
    "influxDB": {"databaseName": "lamps"},
    "salesforce": {
        "token": "x" * 40,
        "url": "https://ingestion-1.a.sfdcnow.com/streams/a/b/event",
    },
}


def payload(sql="SELECT * FROM 'lamps/+'", **members):
    """What a rule says: here, that it sends messages on."""
    republish = {"republish": {"roleArn": ROLE, "topic": "lamp", "qos": 0}}
    return {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [republish], **members}


def denied(run, name, call):
    """AWS does not tell whether there is such a rule."""
    run.refused(name, call, "UnauthorizedException", "rule 'no_such_rule'")


@story
def create(run):
    iot = run.iot
    error_action = {"republish": {"roleArn": ROLE, "topic": "errors", "qos": 0}}
    rule = {
        "sql": JITR,
        "description": "été",
        "actions": list(ACTIONS),
        "ruleDisabled": True,
        "awsIotSqlVersion": "2016-03-23",
        "errorAction": error_action,
    }
    run.fields("answers nothing", iot.create_topic_rule(ruleName="create_1", topicRulePayload=rule))
    found = iot.get_topic_rule(ruleName="create_1")
    arn = run.arn("rule/create_1")
    run.fields("is told", found, ruleArn=arn, rule=...)
    run.fields("as it was created", found["rule"], ruleName="create_1", createdAt=..., **rule)
    run.recent("was created now", found["rule"]["createdAt"])
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_topic_rule(ruleName="create_1", topicRulePayload=payload()),
        "ResourceAlreadyExistsException",
        "create_1",
        resourceId="create_1",
        resourceArn=arn,
    )
    run.equal("and changes nothing", iot.get_topic_rule(ruleName="create_1")["rule"], found["rule"])
    run.fields("is deleted", iot.delete_topic_rule(ruleName="create_1"))
    denied(run, "there is none", lambda: iot.get_topic_rule(ruleName="no_such_rule"))


@story
def create_with_little(run):
    """As the first seed writes it: without a version of the SQL."""
    iot = run.iot
    rule = {"sql": JITR, "actions": [ACTIONS[0]]}
    iot.create_topic_rule(ruleName="JITRRule", topicRulePayload=rule)
    found = iot.get_topic_rule(ruleName="JITRRule")["rule"]
    run.fields(
        "has the oldest version of the SQL, as at AWS",
        found,
        ruleName="JITRRule",
        createdAt=...,
        ruleDisabled=False,
        awsIotSqlVersion="2015-10-08",
        **rule,
    )
    iot.create_topic_rule(ruleName="no_actions", topicRulePayload=payload(actions=[]))
    run.equal("needs no action", iot.get_topic_rule(ruleName="no_actions")["rule"].get("actions"), [])
    for name in ("JITRRule", "no_actions"):
        iot.delete_topic_rule(ruleName=name)


def each_way(run, name, rule, check):
    """That a rule is refused when it is made, and as the replacement of another."""
    iot = run.iot
    iot.create_topic_rule(ruleName="replaced", topicRulePayload=payload())
    check(f"{name}: created", lambda: iot.create_topic_rule(ruleName="new", topicRulePayload=rule))
    check(f"{name}: as a replacement", lambda: iot.replace_topic_rule(ruleName="replaced", topicRulePayload=rule))
    run.equal(f"{name}: changes nothing", run.all("list_topic_rules", "rules", "ruleName"), ["replaced"])
    run.equal(f"{name}: nor the other", iot.get_topic_rule(ruleName="replaced")["rule"]["sql"], payload()["sql"])
    iot.delete_topic_rule(ruleName="replaced")


@story
def sql(run):
    for name, text, place in (
        ("nothing", "", r"line 1, column 1\b"),
        ("half a statement", "SELECT", r"line 1, column 7\b"),
        ("no filter", "SELECT * FROM 'a/#/b'", r"line 1, column \d+"),
        ("a function that there is not", "SELECT *\nFROM 'a' WHERE nosuch(1)", r"line 2, column 16\b.*nosuch"),
        ("two statements", "SELECT * FROM 'a'; DROP TABLE rules", r"line 1, column 18\b"),
    ):
        each_way(
            run,
            name,
            payload(text),
            lambda name, call, place=place: run.refused(name, call, "SqlParseException", place),
        )
    template = payload(actions=[{"republish": {"roleArn": ROLE, "topic": "a/${topic(}"}}])
    each_way(
        run,
        "a template",
        template,
        lambda name, call: run.refused(name, call, "SqlParseException", r"actions\[0\]\.republish\.topic"),
    )


@story
def wrong(run):
    iot = run.iot
    republish = payload()["actions"][0]
    for name, rule, message in (
        ("an action without an action", payload(actions=[republish, {}]), r"^actions\[1\] "),
        ("two actions in one", payload(actions=[{**republish, **ACTIONS[0]}]), r"^actions\[0\] .*lambda"),
        ("an error action without an action", payload(errorAction={}), "^errorAction "),
        ("a version of the SQL that there is not", payload(awsIotSqlVersion="2020-01-01"), "awsIotSqlVersion.*2020"),
        (
            "a function that can be none",
            payload(actions=[{"lambda": {"functionArn": "a lamp"}}]),
            r"actions\[0\]\.lambda\.functionArn",
        ),
    ):
        each_way(
            run,
            name,
            rule,
            lambda name, call, message=message: run.refused(name, call, "InvalidRequestException", message),
        )
    for name, rule, member in (
        ("eleven actions", payload(actions=[republish] * 11), "topicRulePayload.actions"),
        ("no actions at all", {"sql": "SELECT * FROM 'a'"}, "topicRulePayload.actions"),
        ("no SQL", {"actions": []}, "topicRulePayload.sql"),
        (
            "quality of service 2",
            payload(actions=[{"republish": {"roleArn": ROLE, "topic": "a", "qos": 2}}]),
            "topicRulePayload.actions.1.member.republish.qos",
        ),
    ):
        each_way(run, name, rule, lambda name, call, member=member: run.invalid(name, call, member))
    for name in ("a-b", "a b", "x" * 129):
        run.invalid(
            f"the name {name[:9]}",
            lambda name=name: iot.create_topic_rule(ruleName=name, topicRulePayload=payload()),
            "ruleName",
        )
    iot.create_topic_rule(ruleName="x" * 128, topicRulePayload=payload())
    run.fields("the longest name is deleted", iot.delete_topic_rule(ruleName="x" * 128))


@story
def not_built(run):
    """Every other action of AWS is refused by its name when the rule is made."""
    built = {name for action in ACTIONS for name in action} | {"http"}
    actions = run.iot.meta.service_model.shape_for("Action").members
    run.equal("every action that is built is one of AWS", built - actions.keys(), set())
    for name in sorted(actions.keys() - built):
        rule = payload(actions=[{name: {**sample(actions[name]), **SAMPLES.get(name, {})}}])
        run.refused(
            name,
            lambda rule=rule: run.iot.create_topic_rule(ruleName="not_built", topicRulePayload=rule),
            "InvalidRequestException",
            rf"^actions\[0\]: the action {name} is not built; there are ",
        )


@story
def replace(run):
    iot = run.iot
    iot.create_topic_rule(ruleName="replace", topicRulePayload=payload(description="old", ruleDisabled=True))
    before = iot.get_topic_rule(ruleName="replace")["rule"]
    other = {"sql": "SELECT color FROM 'doors/#' WHERE open", "actions": [ACTIONS[0]]}
    run.fields("answers nothing", iot.replace_topic_rule(ruleName="replace", topicRulePayload=other))
    run.fields(
        "says what it is told and nothing of before",
        iot.get_topic_rule(ruleName="replace")["rule"],
        ruleName="replace",
        createdAt=before["createdAt"],
        ruleDisabled=False,
        awsIotSqlVersion="2015-10-08",
        **other,
    )
    denied(
        run,
        "one that does not exist",
        lambda: iot.replace_topic_rule(ruleName="no_such_rule", topicRulePayload=payload()),
    )
    iot.delete_topic_rule(ruleName="replace")


@story
def disable_and_enable(run):
    iot = run.iot
    iot.create_topic_rule(ruleName="toggled", topicRulePayload=payload())
    before = iot.get_topic_rule(ruleName="toggled")["rule"]
    for name, call, expected in (
        ("disabled", iot.disable_topic_rule, True),
        ("disabled again", iot.disable_topic_rule, True),
        ("enabled", iot.enable_topic_rule, False),
        ("enabled again", iot.enable_topic_rule, False),
    ):
        run.fields(f"is {name}", call(ruleName="toggled"))
        found = iot.get_topic_rule(ruleName="toggled")["rule"]
        run.equal(f"says that it is {name}, and nothing else", found, {**before, "ruleDisabled": expected})
    for name, call in (("disable", iot.disable_topic_rule), ("enable", iot.enable_topic_rule)):
        denied(run, f"{name}: one that does not exist", lambda call=call: call(ruleName="no_such_rule"))
        run.invalid(f"{name}: no name", lambda call=call: call(ruleName="a-b"), "ruleName")
    iot.delete_topic_rule(ruleName="toggled")


@story
def delete(run):
    iot = run.iot
    iot.create_topic_rule(ruleName="gone", topicRulePayload=payload())
    for name in ("is deleted", "to delete it again succeeds, as at AWS"):
        run.fields(name, iot.delete_topic_rule(ruleName="gone"))
    run.equal("is not listed", run.all("list_topic_rules", "rules"), [])
    iot.create_topic_rule(ruleName="gone", topicRulePayload=payload())
    run.fields("its name can be used again", iot.delete_topic_rule(ruleName="gone"))


@story
def listed(run):
    iot = run.iot
    rules = (
        ("list_z", "SELECT * FROM 'a/b'", False),
        ("list_a", "SELECT * FROM 'a/+'", True),
        ("list_m", "SELECT * FROM 'a/#' WHERE b = 1", False),
        ("list_k", "SELECT * FROM '$aws/events/#'", False),
    )
    for name, text, disabled in rules:
        iot.create_topic_rule(ruleName=name, topicRulePayload=payload(text, ruleDisabled=disabled))
    names = [name for name, _, _ in rules]
    run.lists("topic rules", "list_topic_rules", "rules", names, "ruleName")
    for name, arguments, expected in (
        ("those of a topic", {"topic": "a/b"}, ["list_z", "list_a", "list_m"]),
        ("those of a deeper topic", {"topic": "a/b/c"}, ["list_m"]),
        ("those of a topic of events", {"topic": "$aws/events/thing/x"}, ["list_k"]),
        ("that of just this filter", {"topic": "a/+"}, ["list_a"]),
        ("those that are disabled", {"ruleDisabled": True}, ["list_a"]),
        ("those that are not", {"ruleDisabled": False}, ["list_z", "list_m", "list_k"]),
        ("those of a topic that are not", {"topic": "a/b", "ruleDisabled": False}, ["list_z", "list_m"]),
    ):
        run.lists(name, "list_topic_rules", "rules", expected, "ruleName", **arguments)
    run.equal("none of a topic without rules", run.all("list_topic_rules", "rules", topic="z"), [])
    entries = {entry["ruleName"]: entry for entry in run.all("list_topic_rules", "rules")}
    run.fields(
        "an entry has its members",
        entries["list_a"],
        ruleName="list_a",
        ruleArn=run.arn("rule/list_a"),
        topicPattern="a/+",
        createdAt=...,
        ruleDisabled=True,
    )
    run.recent("its date", entries["list_a"]["createdAt"])
    run.refused("a topic that is none", lambda: iot.list_topic_rules(topic="a/#/b"), "InvalidRequestException", "topic")
    for name in names:
        iot.delete_topic_rule(ruleName=name)
