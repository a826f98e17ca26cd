-- What the control plane keeps: ids, versions, groups, policy versions, tags, event configurations and logging options.
--
-- For PostgreSQL as said in 0001. No database there is older than this file, so that the UPDATEs, of which one needs the
-- RANDOMBLOB of SQLite, are left out, and the columns have no defaults. Texts are compared by their bytes (COLLATE "C").

-- version: how often it was changed, from 1; changes of before are not counted. mode: a code of ca_certificates.
ALTER TABLE ca_certificates ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE certificates ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE certificates ADD COLUMN mode INTEGER NOT NULL DEFAULT 1;
UPDATE certificates SET mode = 2 WHERE ca IS NULL;

-- type_id: 16 bytes. propagating: a JSON array of [key, kind of source, source]. deprecated: when, if it is.
ALTER TABLE thing_types ADD COLUMN type_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE thing_types ADD COLUMN description TEXT;
ALTER TABLE thing_types ADD COLUMN propagating TEXT NOT NULL DEFAULT '[]';
ALTER TABLE thing_types ADD COLUMN deprecated INTEGER;
UPDATE thing_types SET type_id = RANDOMBLOB(16);

-- thing_id: 16 bytes. billing_group: a row of billing_groups. When that is deleted it stays here, and stands for none: a
-- row id is never given again, and the group may have very many things.
ALTER TABLE things ADD COLUMN thing_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE things ADD COLUMN billing_group INTEGER;
UPDATE things SET thing_id = RANDOMBLOB(16);
CREATE INDEX things_billing_group ON things (billing_group) WHERE billing_group IS NOT NULL;

-- exclusive: 1 if the certificate is attached to this thing alone, else 0.
ALTER TABLE thing_principal ADD COLUMN exclusive INTEGER NOT NULL DEFAULT 0;

-- version, doc, version_created: the default version. next_version: the number of the next one.
ALTER TABLE policies ADD COLUMN version_created INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policies ADD COLUMN next_version INTEGER NOT NULL DEFAULT 0;
UPDATE policies SET version_created = created, next_version = version + 1;

-- The versions of policies beside the default ones.
CREATE TABLE policy_versions (
    policy INTEGER NOT NULL,
    version INTEGER NOT NULL,
    doc TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
) STRICT, WITHOUT ROWID;

-- The target of policy_attach is from now on a row of certificates or of thing_groups.
CREATE INDEX policy_attach_policy ON policy_attach (policy);

-- group_id: 16 bytes. parent: a row of thing_groups, which never changes. attrs: a JSON object.
CREATE TABLE thing_groups (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    group_id BLOB NOT NULL,
    parent INTEGER,
    description TEXT,
    attrs TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX thing_groups_parent ON thing_groups (parent);

-- Each group that is in another, directly or not.
CREATE TABLE thing_group_below (
    above INTEGER NOT NULL,
    below INTEGER NOT NULL,
    PRIMARY KEY (above, below)
) STRICT, WITHOUT ROWID;

-- A thing that was added to the group member_of is in that and in all that it is in: each is a row, so that every listing
-- has an index. A thing is in one group of a hierarchy, so that grp and thing are a key.
CREATE TABLE group_member (
    grp INTEGER NOT NULL,
    thing INTEGER NOT NULL,
    member_of INTEGER NOT NULL,
    PRIMARY KEY (grp, thing)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_thing ON group_member (thing);
CREATE INDEX group_member_member_of ON group_member (member_of, thing);

-- group_id: 16 bytes.
CREATE TABLE billing_groups (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    group_id BLOB NOT NULL,
    description TEXT,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;

-- resource: a row of any table whose rows have tags.
CREATE TABLE tags (
    resource INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (resource, name)
) STRICT, WITHOUT ROWID;

-- enabled: a JSON array of event types.
CREATE TABLE event_configurations (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    enabled TEXT NOT NULL,
    created INTEGER,
    modified INTEGER
) STRICT;

CREATE TABLE logging_options (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    role TEXT NOT NULL,
    level TEXT NOT NULL
) STRICT;

-- event_configurations: a JSON array of [event type, level or null, destination or null].
CREATE TABLE v2_logging_options (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    role TEXT,
    default_level TEXT NOT NULL,
    all_disabled INTEGER NOT NULL,
    event_configurations TEXT NOT NULL
) STRICT;

CREATE TABLE v2_logging_levels (
    rid INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT;
