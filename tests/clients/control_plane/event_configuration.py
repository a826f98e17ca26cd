"""Which events of the registry are told. That they are is tested with subscribers."""

from control_plane.harness import story

TYPES = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
    "JOB",
    "JOB_EXECUTION",
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
)


@story
def configure(run):
    iot = run.iot
    before = iot.describe_event_configurations()["eventConfigurations"]
    run.equal("none is told at first", before, {name: {"Enabled": False} for name in TYPES})
    change = {"THING": {"Enabled": True}, "THING_TYPE": {"Enabled": True}, "JOB": {"Enabled": False}}
    run.fields("is updated", iot.update_event_configurations(eventConfigurations=change))
    answer = iot.describe_event_configurations()
    run.equal("what is named changes, the rest stays", answer["eventConfigurations"], {**before, **change})
    run.recent("was configured now", answer.get("creationDate"))
    run.recent("was changed since", answer.get("lastModifiedDate"), since=answer.get("creationDate"))
    iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": False}})
    later = iot.describe_event_configurations()
    run.equal("one is switched off again", later["eventConfigurations"], {**before, "THING_TYPE": {"Enabled": True}})
    run.equal("the first date stays", later.get("creationDate"), answer.get("creationDate"))
    run.recent("the last one moves", later.get("lastModifiedDate"), since=answer.get("lastModifiedDate"))
    run.invalid(
        "a type there is not",
        lambda: iot.update_event_configurations(eventConfigurations={"LAMP": {"Enabled": True}}),
        "eventConfigurations",
    )
    iot.update_event_configurations(eventConfigurations={"THING_TYPE": {"Enabled": False}})
