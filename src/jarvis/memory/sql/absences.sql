-- name: insert
INSERT INTO absences (kind, since, until, detail) VALUES (:kind, :since, :until, :detail);

-- name: between
SELECT kind, since, until, detail FROM absences WHERE until >= :since AND since <= :until ORDER BY since;
