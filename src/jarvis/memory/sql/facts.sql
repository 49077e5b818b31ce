-- name: put
INSERT INTO facts (category, key, value, source, updated_at) VALUES (:category, :key, :value, :source, :now)
ON CONFLICT (category, key) DO UPDATE
SET value = excluded.value, source = excluded.source, updated_at = excluded.updated_at
RETURNING category, key, value, source, updated_at;

-- name: get
SELECT category, key, value, source, updated_at FROM facts WHERE category = ? AND key = ?;

-- name: delete
DELETE FROM facts WHERE category = ? AND key = ?;

-- name: list
SELECT category, key, value, source, updated_at FROM facts
WHERE :category IS NULL OR category = :category
ORDER BY category, key;

-- name: search
-- A word of the key counts more than one of the category, and that more than any number of them in the value.
SELECT facts.category, facts.key, facts.value, facts.source, facts.updated_at,
       snippet (facts_words, 2, '[', ']', '...', 16)
FROM facts_words (:query) JOIN facts ON facts.id = facts_words.rowid
ORDER BY bm25 (facts_words, 20.0, 100.0, 1.0), facts.category, facts.key LIMIT :limit;

-- name: contain
-- What no index knows: a part of a word, an emoji. Newest first.
SELECT facts.category, facts.key, facts.value, facts.source, facts.updated_at, words.value
FROM facts_words AS words JOIN facts ON facts.id = words.rowid
WHERE NOT EXISTS (
    SELECT 1 FROM json_each (:parts) AS part
    WHERE instr (lower (words.category || ' ' || words.key || ' ' || words.value), lower (part.value)) = 0
)
ORDER BY facts.updated_at DESC, facts.category, facts.key LIMIT :limit;
