-- Topic rules, their destinations, and what their actions have to do.
--
-- For PostgreSQL as said in 0001.

-- doc: the JSON text of the rule. disabled: 1 if it takes no messages, else 0.
CREATE TABLE topic_rules (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    doc TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL
) STRICT;

-- destination_id: 16 bytes. secret: the random bytes of the confirmation token, if it has one.
CREATE TABLE destinations (
    rid INTEGER PRIMARY KEY,
    destination_id BLOB NOT NULL UNIQUE,
    url TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    reason TEXT,
    secret BLOB,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL
) STRICT;

-- delivery_id: 16 bytes. rule: a name, as the delivery stays when the rule is deleted. action: the index of the action, from
-- 0, or null for the error action. request, error_request: JSON texts. cert_id: the id of a certificate, which need not be
-- registered. attempts: a JSON array of [time, microseconds, problem]. state_at: when it is tried
-- again, or when it ended.
CREATE TABLE deliveries (
    rid INTEGER PRIMARY KEY,
    delivery_id BLOB NOT NULL UNIQUE,
    rule TEXT NOT NULL,
    action INTEGER,
    topic TEXT NOT NULL,
    request TEXT NOT NULL,
    error_request TEXT,
    cert_id BLOB,
    created INTEGER NOT NULL,
    attempts_failed INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    status INTEGER NOT NULL,
    state_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_status ON deliveries (status);
CREATE INDEX deliveries_rule ON deliveries (rule);
CREATE INDEX deliveries_rule_status ON deliveries (rule, status);
CREATE INDEX deliveries_cert_id ON deliveries (cert_id) WHERE cert_id IS NOT NULL;
