-- Greengrass groups and the definitions that they are made of, with their versions.
--
-- For PostgreSQL as said in 0001.

-- A registration makes three of them, whose ids differ in the last byte alone: they stand side by side in the one index of
-- ids. The newest version is in the row itself, so that most have no other.
--
-- kind: of the code of src/greengrass.rs. resource_id, version_id: 16 bytes. tags: a JSON array of [key, value], null if there
-- are none. versions: how many it has had. version_id, version_created, content: of its newest version, null if it has none.
-- content: a JSON array, by kind.
CREATE TABLE greengrass (
    rid INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    resource_id BLOB NOT NULL UNIQUE,
    name TEXT,
    tags TEXT,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    versions INTEGER NOT NULL,
    version_id BLOB,
    version_created INTEGER,
    content TEXT
) STRICT;
CREATE INDEX greengrass_kind ON greengrass (kind);

-- The versions before the newest. resource: a row of greengrass. number: from 1, in the order of their creation.
CREATE TABLE greengrass_versions (
    resource INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version_id BLOB NOT NULL,
    created INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (resource, number)
) STRICT, WITHOUT ROWID;

-- The role of the account.
CREATE TABLE greengrass_service_role (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    role TEXT NOT NULL,
    associated INTEGER NOT NULL
) STRICT;
