-- name: start
INSERT INTO incidents (rule, kind, alert_type, state, text, items, started_at, last_told_at, told_by, heard)
SELECT :rule, :kind, :alert_type, 'firing', :text, :items, :now, :now, :run, :heard
WHERE NOT EXISTS (SELECT 1 FROM incidents WHERE rule = :rule AND kind = :kind AND id > :last);

-- name: hear
UPDATE incidents SET heard = 1, last_told_at = :now, told_by = :run, text = :text, items = :items, fence = fence + 1
WHERE id = :id AND fence = :fence AND state = 'firing';

-- name: repeat
UPDATE incidents SET told = told + 1, last_told_at = :now, told_by = :run, text = :text, items = :items,
       fence = fence + 1
WHERE id = :id AND fence = :fence AND state = 'firing';

-- name: reword
UPDATE incidents SET text = :text, items = :items, fence = fence + 1
WHERE id = :id AND fence = :fence AND state <> 'resolved' AND (text <> :text OR items <> :items);

-- name: over
UPDATE incidents SET state = 'resolved', resolved_at = :now, reason = :reason, told_by = :run, fence = fence + 1
WHERE id = :id AND fence = :fence AND state <> 'resolved';

-- name: acknowledge
UPDATE incidents SET state = 'acknowledged', acknowledged_at = :now, acknowledged_by = :who, fence = fence + 1
WHERE id = :id AND state = 'firing';

-- name: rule_told
UPDATE alert_rules SET last_triggered_at = :now WHERE name = :rule;

-- name: last_ids
SELECT rule, kind, MAX(id) FROM incidents GROUP BY rule, kind;

-- name: get
SELECT id, rule, kind, alert_type, state, text, items, started_at, told, last_told_at, told_by, heard, acknowledged_at,
       acknowledged_by, resolved_at, reason, fence
FROM incidents WHERE id = ?;

-- name: open
SELECT id, rule, kind, alert_type, state, text, items, started_at, told, last_told_at, told_by, heard, acknowledged_at,
       acknowledged_by, resolved_at, reason, fence
FROM incidents WHERE state <> 'resolved' ORDER BY rule, kind;

-- name: told_by
SELECT id, rule, kind, alert_type, state, text, items, started_at, told, last_told_at, told_by, heard, acknowledged_at,
       acknowledged_by, resolved_at, reason, fence
FROM incidents WHERE told_by = ? ORDER BY rule, kind, id;

-- name: newest
SELECT id, rule, kind, alert_type, state, text, items, started_at, told, last_told_at, told_by, heard, acknowledged_at,
       acknowledged_by, resolved_at, reason, fence
FROM incidents
WHERE (:rule IS NULL OR rule = :rule) AND (:state IS NULL OR state = :state)
ORDER BY id DESC
LIMIT :limit;
