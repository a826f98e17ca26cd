-- The deleted thing groups whose rows of group_member are not all removed yet. A group may have very many things, so that the
-- writer removes these rows bit by bit. Until then they stand for nothing: a row id is never given again, and whoever reads
-- group_member looks for member_of in thing_groups.
CREATE TABLE deleted_thing_groups (
    rid INTEGER PRIMARY KEY
) STRICT;
