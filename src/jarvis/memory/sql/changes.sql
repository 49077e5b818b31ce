-- name: last
SELECT coalesce (max (id), 0) FROM changes;

-- name: sign
UPDATE changes SET source = :source, changed_at = :now, undoes = :undoes WHERE id > :last;

-- name: get
SELECT id, noun, before, after, source, changed_at, undoes FROM changes WHERE id = ?;

-- name: list
SELECT id, noun, before, after, source, changed_at, undoes FROM changes
WHERE :noun IS NULL OR noun = :noun
ORDER BY id DESC LIMIT :limit;

-- name: of_row
SELECT id, noun, before, after, source, changed_at, undoes FROM changes
WHERE noun = :noun AND identity = :identity
ORDER BY id DESC LIMIT :limit;

-- name: last_of_source
SELECT id, noun, before, after, source, changed_at, undoes FROM changes
WHERE source = :source AND (:noun IS NULL OR noun = :noun)
ORDER BY id DESC LIMIT 1;

-- name: on_top
-- The last change of the same row; whether the row is still as the wanted one left it; and that one's two ends.
SELECT top.id, top.noun, top.before, top.after, top.source, top.changed_at, top.undoes,
       top.after IS wanted.after, wanted.before, wanted.after
FROM changes AS wanted JOIN changes AS top ON top.noun = wanted.noun AND top.identity = wanted.identity
WHERE wanted.id = ?
ORDER BY top.id DESC LIMIT 1;

-- name: prune
DELETE FROM changes WHERE changed_at < ?;

-- name: restore_fact
INSERT INTO facts (category, key, value, source, updated_at)
SELECT :row ->> 'category', :row ->> 'key', :row ->> 'value', :row ->> 'source', :row ->> 'updated_at'
WHERE TRUE
ON CONFLICT (category, key) DO UPDATE
SET value = excluded.value, source = excluded.source, updated_at = excluded.updated_at;

-- name: erase_fact
DELETE FROM facts WHERE category = :row ->> 'category' AND key = :row ->> 'key';

-- name: restore_delegation
INSERT INTO delegations (id, task, delegated_to, due_date, priority, status, notes, created_at, updated_at)
SELECT :row ->> 'id', :row ->> 'task', :row ->> 'delegated_to', :row ->> 'due_date', :row ->> 'priority',
       :row ->> 'status', :row ->> 'notes', :row ->> 'created_at', :row ->> 'updated_at'
WHERE TRUE
ON CONFLICT (id) DO UPDATE
SET task = excluded.task, delegated_to = excluded.delegated_to, due_date = excluded.due_date,
    priority = excluded.priority, status = excluded.status, notes = excluded.notes,
    created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: erase_delegation
DELETE FROM delegations WHERE id = :row ->> 'id';

-- name: restore_decision
INSERT INTO decisions (id, title, description, owner, status, follow_up_date, created_at, updated_at)
SELECT :row ->> 'id', :row ->> 'title', :row ->> 'description', :row ->> 'owner', :row ->> 'status',
       :row ->> 'follow_up_date', :row ->> 'created_at', :row ->> 'updated_at'
WHERE TRUE
ON CONFLICT (id) DO UPDATE
SET title = excluded.title, description = excluded.description, owner = excluded.owner, status = excluded.status,
    follow_up_date = excluded.follow_up_date, created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: erase_decision
DELETE FROM decisions WHERE id = :row ->> 'id';

-- name: restore_rule
INSERT INTO alert_rules (id, name, alert_type, condition, enabled, created_at, deliver, cool_down)
SELECT :row ->> 'id', :row ->> 'name', :row ->> 'alert_type', :row ->> 'condition', :row ->> 'enabled',
       :row ->> 'created_at', :row ->> 'deliver', :row ->> 'cool_down'
WHERE TRUE
ON CONFLICT (name) DO UPDATE
SET alert_type = excluded.alert_type, condition = excluded.condition, enabled = excluded.enabled,
    created_at = excluded.created_at, deliver = excluded.deliver, cool_down = excluded.cool_down;

-- name: erase_rule
DELETE FROM alert_rules WHERE name = :row ->> 'name';
