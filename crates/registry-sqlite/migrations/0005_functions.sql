-- Functions, the layers under them, and the queues whose messages they get.
--
-- For PostgreSQL as said in 0001.

-- environment: a JSON object. layers: a JSON array of [name, version]. code: a SHA-256. revision: 16 bytes.
-- permissions: a JSON array of [statement id, JSON text]. dead_letters: the ARN of a queue.
CREATE TABLE functions (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    runtime TEXT NOT NULL,
    handler TEXT NOT NULL,
    role TEXT NOT NULL,
    timeout_s INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL,
    environment TEXT NOT NULL,
    layers TEXT NOT NULL,
    code BLOB NOT NULL,
    code_size INTEGER NOT NULL,
    revision BLOB NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    reserved_concurrency INTEGER,
    permissions TEXT NOT NULL,
    dead_letters TEXT
) STRICT;

-- last_version: the number of the last version that was ever published. A layer stays when its last version is deleted, so
-- that no number is given twice.
CREATE TABLE layers (
    rid INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_version INTEGER NOT NULL
) STRICT;

-- layer: a row of layers. code: a SHA-256. runtimes: a JSON array of names. deleted: 1 if it was deleted, else 0: it stays for
-- the functions that have it.
CREATE TABLE layer_versions (
    layer INTEGER NOT NULL,
    version INTEGER NOT NULL,
    description TEXT NOT NULL,
    code BLOB NOT NULL,
    code_size INTEGER NOT NULL,
    runtimes TEXT NOT NULL,
    license TEXT,
    created INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    PRIMARY KEY (layer, version)
) STRICT, WITHOUT ROWID;

-- mapping_id: 16 bytes. function: a name, as the mapping stays when the function is deleted. queue: an ARN. enabled,
-- item_failures: 1 or 0.
CREATE TABLE event_source_mappings (
    rid INTEGER PRIMARY KEY,
    mapping_id BLOB NOT NULL UNIQUE,
    function TEXT NOT NULL,
    queue TEXT NOT NULL,
    batch_size INTEGER NOT NULL,
    batching_window_s INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    item_failures INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    last_result TEXT
) STRICT;
CREATE UNIQUE INDEX event_source_mappings_queue ON event_source_mappings (queue, function);
