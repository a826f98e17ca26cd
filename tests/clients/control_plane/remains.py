"""What the other stories leave: nothing."""

from control_plane.harness import story

LISTS = (
    ("list_things", "things"),
    ("list_thing_types", "thingTypes"),
    ("list_thing_groups", "thingGroups"),
    ("list_billing_groups", "billingGroups"),
    ("list_policies", "policies"),
    ("list_certificates", "certificates"),
    ("list_ca_certificates", "certificates"),
    ("list_topic_rules", "rules"),
    ("list_topic_rule_destinations", "destinationSummaries"),
    ("list_functions", "Functions"),
    ("list_layers", "Layers"),
    ("list_event_source_mappings", "EventSourceMappings"),
    ("list_groups", "Groups"),
    ("list_core_definitions", "Definitions"),
    ("list_logger_definitions", "Definitions"),
)


@story
def nothing(run):
    for call, member in LISTS:
        run.equal(f"{call} is empty", run.all(call, member), [])
