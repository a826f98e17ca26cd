-- Row ids (rid) are 64-bit integers made by the program, in ascending order across all tables: see src/row_id.rs.
-- Times are milliseconds since 1970-01-01T00:00:00Z. Status, mode and kind codes are those of the file of the noun.
--
-- References are not declared as foreign keys: the one writer makes each from a row id that it has just read in the same
-- transaction, and checking again would cost a look-up for each.
--
-- For PostgreSQL: INTEGER becomes BIGINT, BLOB becomes BYTEA, STRICT and WITHOUT ROWID are left out, and an index ends in
-- the row id, which SQLite appends by itself.

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A row id that no other is below, written whenever rows are deleted: those that are left may not know of it any more.
CREATE TABLE row_ids (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO row_ids (id, last) VALUES (1, 0);

-- The ids of CA certificates by which others refer to them, kept when a CA certificate is deleted.
CREATE TABLE issuers (
    rid INTEGER PRIMARY KEY,
    ca_id BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE ca_certificates (
    rid INTEGER PRIMARY KEY,
    ca_id BLOB NOT NULL UNIQUE,
    status INTEGER NOT NULL,
    auto_registration INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    der BLOB NOT NULL
) STRICT;

-- signed_part: the SHA-256 of what the issuer signed, which another signature of the same certificate shares.
-- ca: a row of issuers. creation: the creation id of a pending certificate, 16 bytes.
CREATE TABLE certificates (
    rid INTEGER PRIMARY KEY,
    cert_id BLOB NOT NULL UNIQUE,
    signed_part BLOB NOT NULL UNIQUE,
    ca INTEGER,
    status INTEGER NOT NULL,
    creation BLOB,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    der BLOB NOT NULL
) STRICT;
CREATE INDEX certificates_ca ON certificates (ca);

-- searchable: a JSON array of attribute names.
CREATE TABLE thing_types (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    searchable TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

-- thing_type: a row of thing_types. attrs: a JSON object. made_by: a row of issuers.
CREATE TABLE things (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    thing_type INTEGER,
    attrs TEXT NOT NULL,
    version INTEGER NOT NULL,
    made_by INTEGER,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX things_thing_type ON things (thing_type);

-- The searchable attributes of things alone.
CREATE TABLE thing_attr (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    thing INTEGER NOT NULL,
    PRIMARY KEY (name, value, thing)
) STRICT, WITHOUT ROWID;

CREATE TABLE thing_principal (
    cert INTEGER NOT NULL,
    thing INTEGER NOT NULL,
    PRIMARY KEY (cert, thing)
) STRICT, WITHOUT ROWID;
CREATE INDEX thing_principal_thing ON thing_principal (thing);

CREATE TABLE policies (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    doc TEXT NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL
) STRICT;

-- target: a row of certificates.
CREATE TABLE policy_attach (
    target INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    PRIMARY KEY (target, policy)
) STRICT, WITHOUT ROWID;

-- The events that wait for delivery. entity: whom the event is about, as bytes. body: a JSON object of the other fields.
CREATE TABLE events (
    rid INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    entity BLOB NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- The registration log. cert: the row of certificates when the certificate is registered, else cert_id has its id: the row
-- id is shorter, and ascends, so that the index grows at its end.
CREATE TABLE registrations (
    rid INTEGER PRIMARY KEY,
    cert INTEGER,
    cert_id BLOB,
    ca INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    serial_number TEXT,
    product_id TEXT,
    outcome INTEGER NOT NULL,
    thing TEXT,
    code TEXT,
    message TEXT
) STRICT;
CREATE INDEX registrations_cert ON registrations (cert) WHERE cert IS NOT NULL;
CREATE INDEX registrations_cert_id ON registrations (cert_id) WHERE cert_id IS NOT NULL;
