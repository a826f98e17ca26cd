-- How far each log sink has come in the registration log.
--
-- For PostgreSQL as said in 0001.

-- position: a row of registrations, the last that the sink is done with; or one before them all.
CREATE TABLE log_sinks (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
