-- SPDX-License-Identifier: Apache-2.0
-- The store: what is committed, what waits, who asks, what was answered, who leads.
--
-- Runs in one transaction with search_path = <schema>, pg_temp. Names are unqualified; functions keep that path.
-- Lock order everywhere: queue rows, then the watermark, then rows of clients.

-- The present, one row a key. Room is left in each page so that an update of a value can stay HOT.
-- That there is one row a key is kept by the one who writes, behind the fence. A unique index would walk over all old versions of
-- a key at each new one, and an old snapshot keeps them all; entries that are not merged are found newest first.
CREATE TABLE kv (
  key   bytea NOT NULL CHECK (octet_length(key) <= 2600),
  value bytea NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX kv_key ON kv (key) WITH (deduplicate_items = off);

-- The queue. Unlogged: a submit then waits for no flush; what a crash of PostgreSQL loses here is resent.
-- A row is deleted by the transaction that applies it, so a rollback puts it back.
CREATE UNLOGGED TABLE commit_requests (
  client       uuid   NOT NULL,
  sequence     bigint NOT NULL CHECK (sequence > 0),
  generation   bigint NOT NULL,
  acknowledged bigint NOT NULL CHECK (acknowledged >= 0 AND acknowledged < sequence),
  token        bigint NOT NULL,
  payload      bytea  NOT NULL CHECK (octet_length(payload) BETWEEN 1 AND 16000000),
  arrival      bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (client, sequence)
);
ALTER TABLE commit_requests ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX commit_requests_arrival ON commit_requests (arrival);

-- Registrations. The client id is the follower's secret; the generation is drawn here, so that registering
-- again never revives an old identity. Every sequence number up to low_water was decided and told.
CREATE TABLE clients (
  client        uuid        PRIMARY KEY,
  generation    bigint      NOT NULL,
  reply         bigint      NOT NULL,
  low_water     bigint      NOT NULL DEFAULT 0,
  registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- The durable verdicts: one row for each client of a batch, only ever inserted and deleted, so that nothing
-- is overwritten from a leader's memory. entries holds 16 bytes a verdict, big-endian:
--   sequence - first (4) | code (2) | order in the batch (2) | digest of the content (8)
-- code is 0 for committed, else the error number; with a conflict, order says how many read ranges lost beyond the first.
-- details holds 16 bytes for each read range that lost, those of a request behind each other:
--   sequence - first (4) | index of the read range (4) | version that it lost to (8)
-- and for each counter of a commit with sequenced keys, in the order in which the request names them first:
--   sequence - first (4) | index of the counter (4) | its first number (8)
-- notes maps a sequence number to the message of an SQL error.
CREATE TABLE outcomes (
  client  uuid   NOT NULL,
  first   bigint NOT NULL,
  last    bigint NOT NULL,
  version bigint NOT NULL,
  entries bytea  NOT NULL,
  details bytea,
  notes   jsonb
);
ALTER TABLE outcomes ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE INDEX outcomes_client ON outcomes (client, last);

-- Requests that were given up before they were decided: certainly never applied.
CREATE TABLE tombstones (
  client   uuid   NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (client, sequence)
);

-- The version of the newest applied batch, moved in the transaction that applies it. A move inserts the new
-- row and deletes the old one: a row updated in place grows a chain that each reader under an old snapshot walks.
CREATE TABLE watermark (
  version bigint PRIMARY KEY,
  term    uuid   NOT NULL
);
INSERT INTO watermark VALUES (1000000000, '00000000-0000-0000-0000-000000000000');

-- The line in front of the watermark's row, which whoever locks that row stands in first. Sharers of a row are let in past a
-- writer who waits, for as long as they overlap; of a table they are not. No rows, and nobody but the functions has a right to it.
CREATE TABLE gate ();

-- Who may lead, until when (by this database's clock). One row.
CREATE TABLE lease (
  one               boolean     PRIMARY KEY DEFAULT true CHECK (one),
  epoch             bigint      NOT NULL DEFAULT 0,
  term              uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  node              text        NOT NULL DEFAULT '',
  released          boolean     NOT NULL DEFAULT true,
  renewals          bigint      NOT NULL DEFAULT 0,
  taken_at          timestamptz NOT NULL DEFAULT '-infinity',
  expires_at        timestamptz NOT NULL DEFAULT '-infinity',
  -- every backend of the leader, the keeper's first: (pid, start)
  pids              integer[]     NOT NULL DEFAULT '{}',
  starts            timestamptz[] NOT NULL DEFAULT '{}',
  -- which server wrote the versions: a difference at a takeover makes the version jump
  system_identifier bigint      NOT NULL DEFAULT 0,
  timeline          integer     NOT NULL DEFAULT 0,
  database          oid         NOT NULL DEFAULT 0,
  jump_version      bigint      NOT NULL DEFAULT 0,
  -- what this term has done, written with each renewal, for the status
  batches           bigint      NOT NULL DEFAULT 0,
  committed         bigint      NOT NULL DEFAULT 0,
  conflicts         bigint      NOT NULL DEFAULT 0,
  too_old           bigint      NOT NULL DEFAULT 0,
  rejected          bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO lease DEFAULT VALUES;

-- 64 random bits from the server (the fixed bits of a version-4 uuid are left out).
CREATE FUNCTION random_bigint() RETURNS bigint LANGUAGE sql VOLATILE
SET search_path FROM CURRENT AS $$
  SELECT ('x' || left(u, 8) || right(u, 8))::bit(64)::bigint FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS u) s
$$;

-- Makes the end of this transaction as durable as the server can make it, whatever the session has set.
CREATE FUNCTION insist_on_durability() RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT AS $$
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $$;

-- For functions that a follower calls and that lock rows: nobody keeps such a lock by leaving a transaction open (they are
-- called outside any). The session is ended then. Who undoes this, or sleeps in the same statement, meets end_holders.
CREATE FUNCTION insist_on_an_end() RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM set_config('idle_in_transaction_session_timeout', '1s', true);
END $$;

-- For answers that only read: with synchronous standbys, what is reported must be replicated before it is told.
-- A record in the log makes this transaction's own commit wait for all that went before it.
CREATE FUNCTION wait_for_standbys() RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT AS $$
BEGIN
  IF current_setting('synchronous_standby_names') <> '' THEN
    PERFORM insist_on_durability();
    PERFORM pg_logical_emit_message(true, 'verdict', '');
  END IF;
END $$;

CREATE FUNCTION register(p_client uuid, p_reply bigint, OUT generation bigint, OUT term uuid, OUT version bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM insist_on_durability();
  generation := random_bigint();
  INSERT INTO clients (client, generation, reply) VALUES (p_client, generation, p_reply);
  SELECT w.term, w.version INTO term, version FROM watermark w ORDER BY w.version DESC LIMIT 1;
END $$;

-- What became of one request. state: 0 neither queued nor decided, 1 queued, 2 decided, 3 told long ago (at or
-- below the low-water), 4 the client is not registered (with this generation).
CREATE TYPE answer AS (
  sequence       bigint,
  state          smallint,
  code           integer,
  version        bigint,
  place          integer,
  detail_range   bigint,
  detail_version bigint,
  note           text,
  further        bytea -- the read ranges that lost, or the counters, beyond the first: 12 bytes each, index (4) and
                       -- version or first number (8)
);

-- One statement, so one snapshot: a request is seen either queued or decided, never neither because it moved.
-- Each batch's entries are fetched and taken apart once, however many of them are asked for.
CREATE FUNCTION answers(p_client uuid, p_generation bigint, p_sequences bigint[]) RETURNS SETOF answer
LANGUAGE sql VOLATILE SET search_path FROM CURRENT SET jit = off AS $$
  WITH asked AS MATERIALIZED (SELECT s.sequence FROM unnest(p_sequences) AS s(sequence)),
  batches AS MATERIALIZED (
    SELECT r.first, r.version, r.notes, r.entries || ''::bytea AS entries, r.details || ''::bytea AS details
      FROM clients c JOIN outcomes r ON r.client = c.client
     WHERE c.client = p_client AND c.generation = p_generation
       AND r.last >= (SELECT min(sequence) FROM asked) AND r.first <= (SELECT max(sequence) FROM asked)),
  decided AS MATERIALIZED (
    SELECT b.first + ('x' || substr(e.hex, 1, 8))::bit(32)::bigint AS sequence, b.version, b.notes,
           ('x' || substr(e.hex, 9, 4))::bit(16)::integer AS code,
           ('x' || substr(e.hex, 13, 4))::bit(16)::integer AS place
      FROM batches b, generate_series(0, octet_length(b.entries) - 16, 16) a,
           LATERAL (SELECT encode(substring(b.entries FROM a + 1 FOR 8), 'hex') AS hex) e),
  details AS MATERIALIZED (
    SELECT d.sequence, string_agg(d.lost, ''::bytea ORDER BY d.at) AS lost
      FROM (SELECT b.first + ('x' || encode(substring(b.details FROM a + 1 FOR 4), 'hex'))::bit(32)::bigint AS sequence,
                   a AS at, substring(b.details FROM a + 5 FOR 12) AS lost
              FROM batches b, generate_series(0, octet_length(b.details) - 16, 16) a) d
     GROUP BY d.sequence)
  SELECT s.sequence,
         (CASE WHEN c.client IS NULL THEN 4
               WHEN s.sequence <= c.low_water THEN 3
               WHEN o.sequence IS NOT NULL OR t.client IS NOT NULL THEN 2
               WHEN q.client IS NOT NULL THEN 1
               ELSE 0 END)::smallint,
         CASE WHEN t.client IS NOT NULL THEN 1025 ELSE o.code END,
         o.version, o.place, ('x' || encode(substring(d.lost FOR 4), 'hex'))::bit(32)::bigint,
         ('x' || encode(substring(d.lost FROM 5 FOR 8), 'hex'))::bit(64)::bigint, o.notes ->> s.sequence::text,
         substring(d.lost FROM 13)
    FROM asked s
    LEFT JOIN clients c ON c.client = p_client AND c.generation = p_generation
    LEFT JOIN tombstones t ON t.client = c.client AND t.sequence = s.sequence
    LEFT JOIN decided o ON o.sequence = s.sequence
    LEFT JOIN details d ON d.sequence = s.sequence
    LEFT JOIN commit_requests q ON q.client = p_client AND q.sequence = s.sequence AND q.generation = p_generation
$$;

-- A follower's look at its own requests: the backstop for replies that were lost.
CREATE FUNCTION look(p_client uuid, p_generation bigint, p_sequences bigint[]) RETURNS SETOF answer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM insist_on_an_end();
  RETURN QUERY SELECT * FROM answers(p_client, p_generation, p_sequences);
  UPDATE clients SET seen_at = clock_timestamp()
   WHERE client = p_client AND generation = p_generation AND seen_at < clock_timestamp() - interval '1 minute';
  PERFORM wait_for_standbys();
END $$;

-- Acknowledges every verdict up to p_low_water, apart from any request. Monotonic, harmless if repeated.
CREATE FUNCTION acknowledge(p_client uuid, p_generation bigint, p_low_water bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM insist_on_an_end();
  UPDATE clients SET low_water = greatest(low_water, p_low_water), seen_at = clock_timestamp()
   WHERE client = p_client AND generation = p_generation;
  IF FOUND THEN
    DELETE FROM outcomes WHERE client = p_client AND last <= p_low_water;
    DELETE FROM tombstones WHERE client = p_client AND sequence <= p_low_water;
  END IF;
END $$;

-- Locks the current watermark row against an apply. The row may go away while this waits: look again.
CREATE FUNCTION share_watermark() RETURNS void LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  LOCK TABLE gate IN SHARE MODE;
  LOOP
    PERFORM 1 FROM watermark w ORDER BY w.version DESC LIMIT 1 FOR SHARE;
    EXIT WHEN FOUND;
  END LOOP;
END $$;

-- Gives up on one request: afterwards it is certainly not committed (code 1025), or its verdict is returned.
-- The order of the statements is the rule: queue row, watermark, then what is known.
-- Once in a transaction, and before anything that writes: else it would take a queue row behind the watermark, and an apply
-- would dead-lock with it. Never in a prepared transaction, whose locks no session's end sets free.
--   VD005 not so   VD006 the number is too far above the low-water: what a client gives up is bounded
CREATE FUNCTION cancel(p_client uuid, p_generation bigint, p_sequence bigint) RETURNS answer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  found_answer answer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'cancel needs READ COMMITTED' USING ERRCODE = 'VD005';
  END IF;
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'cancel needs a transaction of its own' USING ERRCODE = 'VD005';
  END IF;
  IF current_setting('max_prepared_transactions') <> '0' THEN
    PERFORM pg_export_snapshot(); -- PREPARE TRANSACTION refuses what has exported one
  END IF;
  PERFORM insist_on_durability();
  PERFORM insist_on_an_end();
  DELETE FROM commit_requests WHERE client = p_client AND sequence = p_sequence AND generation = p_generation;
  PERFORM share_watermark();
  SELECT * INTO found_answer FROM answers(p_client, p_generation, ARRAY[p_sequence]);
  IF found_answer.state IN (0, 1) THEN
    IF p_sequence - (SELECT c.low_water FROM clients c WHERE c.client = p_client) > 100000 THEN
      RAISE EXCEPTION 'request % is too far above the last acknowledged one to be given up', p_sequence USING ERRCODE = 'VD006';
    END IF;
    INSERT INTO tombstones VALUES (p_client, p_sequence);
    found_answer.state := 2;
    found_answer.code := 1025;
  ELSE
    PERFORM wait_for_standbys();
  END IF;
  RETURN found_answer;
END $$;

-- The fence, first after the queue rows in every apply: moves the watermark from (my term, the version that this
-- batch was resolved on) to the new version, or raises. Then refuses a batch that would decide a number which is
-- cancelled, told, or of a client that is not registered; the leader then refreshes what it knows and resolves again.
--   VD001 fenced   VD002 refused, refresh   VD004 the synchronous standbys were switched on or off
-- p_firsts: the lowest number that is decided anew, for each client; p_owners: for each number decided anew, its
-- client's place in p_clients (from 1).
CREATE FUNCTION fence(p_term uuid, p_from bigint, p_to bigint, p_synchronous boolean, p_clients uuid[],
                      p_generations bigint[], p_firsts bigint[], p_owners integer[], p_sequences bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  LOCK TABLE gate IN ROW EXCLUSIVE MODE;
  DELETE FROM watermark WHERE version = p_from AND term = p_term;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'fenced: the watermark is not at version % of term %', p_from, p_term USING ERRCODE = 'VD001';
  END IF;
  INSERT INTO watermark (version, term) VALUES (p_to, p_term);
  IF (current_setting('synchronous_standby_names') <> '') <> p_synchronous THEN
    RAISE EXCEPTION 'synchronous_standby_names has changed' USING ERRCODE = 'VD004';
  END IF;
  IF NOT p_synchronous THEN
    -- Should that change before COMMIT, then it still waits for no standby: there is no wait that could be broken off.
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  IF (SELECT count(*) FROM unnest(p_clients, p_generations, p_firsts) e(client, generation, first)
        JOIN clients c ON c.client = e.client AND c.generation = e.generation AND c.low_water < e.first)
     <> cardinality(p_clients) THEN
    RAISE EXCEPTION 'refused: a client was purged, or has been told what this batch would decide' USING ERRCODE = 'VD002';
  END IF;
  IF EXISTS (SELECT 1 FROM tombstones t WHERE t.client = ANY (p_clients)) THEN
    IF EXISTS (SELECT 1 FROM unnest(p_owners, p_sequences) e(owner, sequence)
                 JOIN tombstones t ON t.client = p_clients[e.owner] AND t.sequence = e.sequence) THEN
      RAISE EXCEPTION 'refused: a request of this batch was cancelled' USING ERRCODE = 'VD002';
    END IF;
  END IF;
END $$;

-- Deletes what lies in the given disjoint ranges. The subselect is run once, as index scans, whatever the planner
-- thinks of the ranges; nobody else writes kv behind the fence, so its ctids stay true.
-- What all ranges of a batch delete is bounded too, or many legal clears in one request would outlast every time-out, and
-- the batch be tried again for ever.
--   VD003 one range holds more than p_max rows, or all together more than four times that
CREATE FUNCTION clear_ranges(p_begins bytea[], p_ends bytea[], p_max bigint)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT SET jit = off AS $$
DECLARE
  doomed tid[];
  widest bigint;
BEGIN
  SELECT array_agg(t), max(n) INTO doomed, widest
    FROM (SELECT x.ctid AS t, x.n
            FROM unnest(p_begins, p_ends) r(begins, ends),
                 LATERAL (SELECT k.ctid, row_number() OVER () AS n FROM kv k
                           WHERE k.key >= r.begins AND k.key < r.ends LIMIT p_max + 1) x
           LIMIT 4 * p_max + 1) s;
  IF widest > p_max THEN
    RAISE EXCEPTION 'a clear of a range would delete more than % rows', p_max USING ERRCODE = 'VD003';
  END IF;
  IF cardinality(doomed) > 4 * p_max THEN
    RAISE EXCEPTION 'the clears of ranges would delete more than % rows together', 4 * p_max USING ERRCODE = 'VD003';
  END IF;
  DELETE FROM kv WHERE ctid = ANY (doomed);
END $$;

-- Acknowledgements that came with requests, written in the apply transaction now and then. A client whose row is locked (by
-- a call of its own) is passed over: its next acknowledgement says the same and more.
CREATE FUNCTION forget(p_clients uuid[], p_generations bigint[], p_low_waters bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  told uuid[];
  before bigint[];
  low_waters bigint[];
BEGIN
  SELECT array_agg(s.client), array_agg(s.before), array_agg(s.low_water) INTO told, before, low_waters
    FROM (SELECT c.client, c.low_water AS before, e.low_water
            FROM unnest(p_clients, p_generations, p_low_waters) e(client, generation, low_water)
            JOIN clients c ON c.client = e.client AND c.generation = e.generation
             FOR NO KEY UPDATE OF c SKIP LOCKED) s;
  UPDATE clients c SET low_water = greatest(c.low_water, e.low_water), seen_at = clock_timestamp()
    FROM unnest(told, low_waters) e(client, low_water) WHERE c.client = e.client;
  -- What was told up to the low-water before is gone: its dead rows, which an old snapshot keeps, are not walked over again.
  DELETE FROM outcomes o USING unnest(told, before, low_waters) e(client, before, low_water)
   WHERE o.client = e.client AND o.last > e.before AND o.last <= e.low_water;
  DELETE FROM tombstones t USING unnest(told, before, low_waters) e(client, before, low_water)
   WHERE t.client = e.client AND t.sequence > e.before AND t.sequence <= e.low_water;
END $$;

-- Registrations that nobody has used for p_age, 1000 of them at most (call again), under the lock that an apply's fence
-- respects; it is not held while they are looked for. One whose row is locked is in use.
CREATE FUNCTION purge(p_age interval) RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  old  uuid[];
  gone uuid[];
BEGIN
  SELECT array_agg(s.client) INTO old
    FROM (SELECT client FROM clients WHERE seen_at < clock_timestamp() - p_age LIMIT 1000) s;
  IF old IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM share_watermark();
  WITH d AS (DELETE FROM clients WHERE client IN
               (SELECT client FROM clients WHERE client = ANY (old) AND seen_at < clock_timestamp() - p_age FOR UPDATE SKIP LOCKED)
             RETURNING client)
  SELECT coalesce(array_agg(client), '{}') INTO gone FROM d;
  DELETE FROM outcomes WHERE client = ANY (gone);
  DELETE FROM tombstones WHERE client = ANY (gone);
  RETURN cardinality(gone);
END $$;

-- Ends the sessions that have kept what an apply, or the next leader, must write: the watermark (they hold the gate) or rows of
-- clients, for longer than p_age. What a follower calls takes milliseconds (but for a standby's confirmation, which all wait for),
-- but nothing else keeps a stranger from sleeping in the same statement. Told of are also those that were not ended: whoever may act as a resolver is not (a person repairs
-- something, or it is a node), and without pg_signal_backend nobody is.
CREATE FUNCTION end_holders(p_age interval, OUT pid integer, OUT account text, OUT held_ms bigint, OUT ended boolean)
RETURNS SETOF record LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  is_resolver boolean;
BEGIN
  FOR pid, account, held_ms, is_resolver IN
    SELECT DISTINCT a.pid, a.usename::text, (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint,
           pg_has_role(a.usesysid, t.relowner, 'MEMBER')
      FROM pg_class t
      JOIN pg_locks l ON l.relation = t.oid AND l.granted
       AND l.mode = CASE t.relname WHEN 'gate' THEN 'ShareLock' ELSE 'RowExclusiveLock' END
      JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE t.oid IN ('gate'::regclass, 'clients'::regclass) AND a.datname = current_database()
       AND a.xact_start < clock_timestamp() - p_age AND a.wait_event IS DISTINCT FROM 'SyncRep' AND a.pid <> ALL (SELECT unnest(pids) FROM lease)
  LOOP
    ended := false;
    BEGIN
      ended := NOT is_resolver AND pg_terminate_backend(pid);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

-- Takes office: epoch, term and watermark in one statement. Returns no row if the lease has moved since the
-- candidate looked (p_epoch, p_renewals are what it saw). Ends the old leader's backends before it waits for
-- anything: a frozen one could hold a row lock for ever. The delete of the watermark row waits for a batch in
-- flight, and fences every later one of the old term.
CREATE FUNCTION take_office(p_epoch bigint, p_renewals bigint, p_term uuid, p_node text, p_pids integer[],
                            p_starts timestamptz[], p_ttl interval)
RETURNS TABLE (epoch bigint, version bigint, previous_term uuid, jump_version bigint, jumped boolean,
               system_identifier bigint, timeline integer, database oid)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  held   lease%ROWTYPE;
  old    watermark%ROWTYPE;
BEGIN
  SELECT * INTO held FROM lease;
  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN
    RETURN;
  END IF;
  BEGIN
    PERFORM pg_terminate_backend(a.pid)
       FROM pg_stat_activity a JOIN unnest(held.pids, held.starts) b(pid, start)
         ON a.pid = b.pid AND a.backend_start = b.start
      WHERE a.pid <> ALL (p_pids);
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- then the time-outs of the old leader's session end its batch
  END;
  PERFORM end_holders(interval '1 second');
  SELECT * INTO held FROM lease FOR UPDATE;
  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN
    RETURN;
  END IF;
  LOCK TABLE gate IN ROW EXCLUSIVE MODE;
  LOOP
    DELETE FROM watermark w RETURNING w.version, w.term INTO old.version, old.term;
    EXIT WHEN FOUND;
  END LOOP;
  SELECT s.system_identifier INTO system_identifier FROM pg_control_system() s;
  timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
  SELECT d.oid INTO database FROM pg_database d WHERE d.datname = current_database();
  epoch := held.epoch + 1;
  version := old.version;
  jump_version := held.jump_version;
  previous_term := old.term;
  jumped := (held.system_identifier, held.timeline, held.database) IS DISTINCT FROM (system_identifier, timeline, database);
  IF jumped THEN
    version := version + 10000000000000 + (abs(random_bigint() % 10000000000000));
    jump_version := version;
  END IF;
  INSERT INTO watermark (version, term) VALUES (take_office.version, p_term);
  UPDATE lease l
     SET epoch = take_office.epoch, term = p_term, node = p_node, released = false, renewals = l.renewals + 1,
         taken_at = clock_timestamp(), expires_at = clock_timestamp() + p_ttl, pids = p_pids, starts = p_starts,
         system_identifier = take_office.system_identifier, timeline = take_office.timeline,
         database = take_office.database, jump_version = take_office.jump_version,
         batches = 0, committed = 0, conflicts = 0, too_old = 0, rejected = 0;
  RETURN NEXT;
END $$;

-- Renews the lease of a term that still holds it: also one that has expired and that nobody took. False: lost.
CREATE FUNCTION renew(p_term uuid, p_ttl interval, p_pids integer[], p_starts timestamptz[], p_batches bigint,
                      p_committed bigint, p_conflicts bigint, p_too_old bigint, p_rejected bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE lease SET renewals = renewals + 1, expires_at = clock_timestamp() + p_ttl, pids = p_pids, starts = p_starts,
         batches = p_batches, committed = p_committed, conflicts = p_conflicts, too_old = p_too_old, rejected = p_rejected
   WHERE term = p_term AND NOT released;
  RETURN FOUND;
END $$;

-- Steps down on purpose. A renewal that was on its way finds the lease released and changes nothing.
CREATE FUNCTION release(p_term uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE lease SET released = true, expires_at = clock_timestamp(), pids = '{}', starts = '{}' WHERE term = p_term AND NOT released;
  RETURN FOUND;
END $$;

-- How many requests wait, counted up to p_most, for the status.
CREATE FUNCTION queue_length(p_most bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT count(*) FROM (SELECT 1 FROM commit_requests LIMIT p_most) s
$$;

-- The age in milliseconds of the oldest snapshot that a session of this database holds, for the status; null: none.
-- With the rights of its owner, for sessions of others do not show theirs to everybody.
CREATE FUNCTION oldest_snapshot() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT (extract(epoch FROM max(clock_timestamp() - xact_start)) * 1000)::bigint FROM pg_stat_activity
   WHERE datname = current_database() AND backend_xmin IS NOT NULL AND backend_type = 'client backend'
     AND pid <> pg_backend_pid()
$$;

-- The resolvers that are connected, known by their keepers' application names; likewise.
CREATE FUNCTION nodes() RETURNS TABLE (node text, up_ms bigint, leads boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT substr(a.application_name, length(p.prefix) + 1), (extract(epoch FROM clock_timestamp() - a.backend_start) * 1000)::bigint,
         NOT l.released AND coalesce(a.pid = l.pids[1] AND a.backend_start = l.starts[1], false)
    FROM pg_stat_activity a, lease l, (SELECT 'verdict-keeper/' || current_schema() || '/' AS prefix) p
   WHERE a.datname = current_database() AND starts_with(a.application_name, p.prefix)
   ORDER BY 1
$$;

-- Roles, named after the schema. They cannot log in: grant them to the accounts that do.
DO $$
DECLARE
  s    text := current_schema();
  r    text;
  item record;
BEGIN
  FOREACH r IN ARRAY ARRAY['resolver', 'follower', 'observer'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = s || '_' || r) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', s || '_' || r);
    END IF;
  END LOOP;
  -- Without these two a failover waits for the lease instead of ending the old leader's backends.
  BEGIN
    EXECUTE format('GRANT pg_signal_backend, pg_read_all_stats TO %I', s || '_resolver');
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_signal_backend and pg_read_all_stats could not be granted to %_resolver', s;
  END;
  EXECUTE format('ALTER SCHEMA %I OWNER TO %I', s, s || '_resolver');
  FOR item IN SELECT format('ALTER TABLE %I.%I OWNER TO %I', s, c.relname, s || '_resolver') AS command
                FROM pg_class c WHERE c.relnamespace = s::regnamespace AND c.relkind = 'r' LOOP
    EXECUTE item.command;
  END LOOP;
  EXECUTE format('ALTER TYPE %I.answer OWNER TO %I', s, s || '_resolver');
  FOR item IN SELECT p.oid::regprocedure AS f FROM pg_proc p WHERE p.pronamespace = s::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', item.f, s || '_resolver');
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item.f);
  END LOOP;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, %I', s, s || '_follower', s || '_observer');
  EXECUTE format('GRANT SELECT ON kv TO %I', s || '_follower');
  EXECUTE format('GRANT SELECT ON watermark, lease, schema_migrations TO %I, %I', s || '_follower', s || '_observer');
  EXECUTE format('GRANT INSERT (client, sequence, generation, acknowledged, token, payload) ON commit_requests TO %I',
                 s || '_follower');
  EXECUTE format('GRANT EXECUTE ON FUNCTION register(uuid, bigint), look(uuid, bigint, bigint[]), '
                 'acknowledge(uuid, bigint, bigint), cancel(uuid, bigint, bigint) TO %I', s || '_follower');
  EXECUTE format('GRANT EXECUTE ON FUNCTION queue_length(bigint), oldest_snapshot(), nodes() TO %I, %I', s || '_follower', s || '_observer');
END $$;
