-- What PostgreSQL alone takes: the rows of a send (head, log, dedup), written by
-- one writer in committed batches of 256 for five seconds. Runs in the server's
-- own database, on its own tables, with conversations of its own.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS bench_floor (conversation uuid PRIMARY KEY);
TRUNCATE bench_floor;
INSERT INTO bench_floor SELECT gen_random_uuid() FROM generate_series(1, 64);
INSERT INTO conversations (id, kind, changed_xid) SELECT conversation, 1, 0 FROM bench_floor;

CREATE OR REPLACE PROCEDURE bench_floor_write(seconds float, OUT rows_per_s float)
LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz := clock_timestamp();
    device uuid := gen_random_uuid();
    written bigint := 0;
BEGIN
    WHILE clock_timestamp() < begun + make_interval(secs => seconds) LOOP
        WITH picked AS (
            SELECT conversation, row_number() OVER () AS pair, generate_series(1, 4) AS nth
            FROM bench_floor
        ), heads AS (
            UPDATE conversations c
            SET head_seq = c.head_seq + 4, changed_xid = (pg_current_xact_id()::text)::bigint
            FROM bench_floor b WHERE c.id = b.conversation
            RETURNING c.id, c.head_seq - 4 AS base
        ), rows AS (
            SELECT h.id, h.base + p.nth AS seq, gen_random_uuid() AS message_id,
                   (extract(epoch FROM now()) * 1000)::bigint AS at_ms
            FROM heads h JOIN picked p ON p.conversation = h.id
        ), logged AS (
            INSERT INTO conversation_log
                (conversation, seq, at_ms, sender, sender_device, message_id, kind, body, envelopes)
            SELECT id, seq, at_ms, device, device, message_id, 1,
                   decode(repeat('01', 200), 'hex'), decode(repeat('02', 150), 'hex')
            FROM rows
        )
        INSERT INTO send_dedup (device, message_id, at_ms, seq)
        SELECT device, message_id, at_ms, seq FROM rows;
        COMMIT;
        written := written + 256;
    END LOOP;
    rows_per_s := written / extract(epoch FROM clock_timestamp() - begun);
END $$;

CALL bench_floor_write(5, NULL);
