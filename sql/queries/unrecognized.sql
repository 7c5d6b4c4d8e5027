-- name: UnrecognizedInsert :copyfrom
INSERT INTO unrecognized (treasury_id, update_no, node_id, ordinal, problem, detail, event)
VALUES (@treasury_id, @update_no, @node_id, @ordinal, @problem, @detail, @event);

-- name: UnrecognizedCount :one
SELECT count(*) FROM unrecognized WHERE treasury_id = @treasury_id;
