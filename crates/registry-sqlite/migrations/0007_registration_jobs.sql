-- Registrations that wait for their interceptors, and the failures of the registration log.
--
-- For PostgreSQL as said in 0001.

-- cert: a row of certificates. ca: a row of issuers. creation: the creation id, 16 bytes. attempts: a JSON array of
-- [time, microseconds, interceptor or null, problem]. state_at: when it is tried again, or when it ended. until: until when a
-- dead letter is kept.
CREATE TABLE registration_jobs (
    rid INTEGER PRIMARY KEY,
    cert INTEGER NOT NULL UNIQUE,
    ca INTEGER NOT NULL,
    creation BLOB NOT NULL,
    created INTEGER NOT NULL,
    attempts_failed INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    status INTEGER NOT NULL,
    state_at INTEGER NOT NULL,
    until INTEGER
) STRICT;
CREATE INDEX registration_jobs_status ON registration_jobs (status);
CREATE INDEX registration_jobs_until ON registration_jobs (until) WHERE until IS NOT NULL;

-- What is listed by its code, or as a failure: nothing that a device costs that is registered.
CREATE INDEX registrations_failed ON registrations (rid) WHERE outcome = 0;
CREATE INDEX registrations_code ON registrations (code) WHERE code IS NOT NULL;
