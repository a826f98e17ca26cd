"""The logging options, in both forms."""

from control_plane.harness import story

ROLE = "arn:aws:iam::000000000000:role/logs"


@story
def first_form(run):
    iot = run.iot
    run.fields("is set", iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "WARN"}))
    run.fields("is told", iot.get_logging_options(), roleArn=ROLE, logLevel="WARN")
    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "DISABLED"})
    run.fields("is set anew", iot.get_logging_options(), roleArn=ROLE, logLevel="DISABLED")
    run.invalid(
        "a level there is not",
        lambda: iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "LOUD"}),
        "loggingOptionsPayload.logLevel",
    )


@story
def second_form(run):
    iot = run.iot
    run.refused("there is none before it is set", iot.get_v2_logging_options, "NotConfiguredException")
    run.refused(
        "and no level before",
        lambda: iot.set_v2_logging_level(
            logTarget={"targetType": "THING_GROUP", "targetName": "lamps"}, logLevel="INFO"
        ),
        "NotConfiguredException",
    )
    run.refused("and no list", iot.list_v2_logging_levels, "NotConfiguredException")
    run.fields("is set", iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO"))
    found = iot.get_v2_logging_options()
    run.equal(
        "is told",
        {key: found.get(key) for key in ("roleArn", "defaultLogLevel", "disableAllLogs")},
        {"roleArn": ROLE, "defaultLogLevel": "INFO", "disableAllLogs": False},
    )
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="ERROR", disableAllLogs=True)
    found = iot.get_v2_logging_options()
    run.equal("is set anew", (found["defaultLogLevel"], found["disableAllLogs"]), ("ERROR", True))
    run.invalid(
        "a level there is not",
        lambda: iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="LOUD"),
        "defaultLogLevel",
    )
    events = [{"eventType": "Connect", "logLevel": "DEBUG", "logDestination": "connects"}]
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="ERROR", eventConfigurations=events)
    run.equal("has levels of event types", iot.get_v2_logging_options(verbose=True).get("eventConfigurations"), events)


@story
def second_form_levels(run):
    iot = run.iot
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    targets = [
        ("THING_GROUP", "lamps", "DEBUG"),
        ("CLIENT_ID", "lamp-1", "ERROR"),
        ("SOURCE_IP", "127.0.0.1", "WARN"),
        ("THING_GROUP", "doors", "DISABLED"),
    ]
    for kind, name, level in targets:
        run.fields(
            f"{kind} {name} is set",
            iot.set_v2_logging_level(logTarget={"targetType": kind, "targetName": name}, logLevel=level),
        )
    entries = [
        {"logTarget": {"targetType": kind, "targetName": name}, "logLevel": level} for kind, name, level in targets
    ]
    run.lists("levels", "list_v2_logging_levels", "logTargetConfigurations", entries)
    found = run.all("list_v2_logging_levels", "logTargetConfigurations", targetType="THING_GROUP")
    run.equal("levels of a kind", found, [entries[0], entries[3]])
    iot.set_v2_logging_level(logTarget={"targetType": "THING_GROUP", "targetName": "lamps"}, logLevel="ERROR")
    found = run.all("list_v2_logging_levels", "logTargetConfigurations", "logLevel", targetType="THING_GROUP")
    run.equal("a level is set anew", found, ["ERROR", "DISABLED"])
    run.invalid(
        "a kind there is not",
        lambda: iot.set_v2_logging_level(logTarget={"targetType": "LAMP", "targetName": "a"}, logLevel="INFO"),
        "logTarget.targetType",
    )
    for kind, name, _ in targets:
        run.fields(f"{kind} {name} is deleted", iot.delete_v2_logging_level(targetType=kind, targetName=name))
    run.equal("none is left", run.mine(entries, run.all("list_v2_logging_levels", "logTargetConfigurations")), [])
