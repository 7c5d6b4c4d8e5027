-- name: EventInsert :copyfrom
INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
VALUES (@treasury_id, @event_id, @type, @subject, @update_no, @payload, @created_at);
