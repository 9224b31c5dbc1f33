-- SPDX-License-Identifier: Apache-2.0
-- The lock of the store stands in the watermark's row: whoever reads the version of a snapshot reads the lock with it, and the
-- fence, which writes that row anew, carries it on. Null: the store is not locked.
ALTER TABLE watermark ADD COLUMN lock uuid;

-- The fence, first after the queue rows in every apply: moves the watermark from (my term, the version that this
-- batch was resolved on) to the new version, or raises. Then refuses a batch that would decide a number which is
-- cancelled, told, or of a client that is not registered; the leader then refreshes what it knows and resolves again.
-- model: apply_fence, apply_check
--   VD001 fenced   VD002 refused, refresh   VD004 the synchronous standbys were switched on or off
-- p_firsts: the lowest number that is decided anew, for each client; p_owners: for each number decided anew, its
-- client's place in p_clients (from 1).
CREATE OR REPLACE FUNCTION fence(p_term uuid, p_from bigint, p_to bigint, p_synchronous boolean, p_clients uuid[],
                      p_generations bigint[], p_firsts bigint[], p_owners integer[], p_sequences bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  held uuid;
BEGIN
  LOCK TABLE gate IN ROW EXCLUSIVE MODE;
  DELETE FROM watermark WHERE version = p_from AND term = p_term RETURNING lock INTO held;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'fenced: the watermark is not at version % of term %', p_from, p_term USING ERRCODE = 'VD001';
  END IF;
  INSERT INTO watermark (version, term, lock) VALUES (p_to, p_term, held);
  IF (current_setting('synchronous_standby_names') <> '') <> p_synchronous THEN
    RAISE EXCEPTION 'synchronous_standby_names has changed' USING ERRCODE = 'VD004';
  END IF;
  IF NOT p_synchronous THEN
    -- Should that change before COMMIT, then it still waits for no standby: there is no wait that could be broken off.
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  -- Tombstones before low-waters: an acknowledgement waits for nobody, and takes the one away as it raises the other. Each of these
  -- statements has a snapshot of its own, so it is seen by one of them at least.
  IF EXISTS (SELECT 1 FROM tombstones t WHERE t.client = ANY (p_clients)) THEN
    IF EXISTS (SELECT 1 FROM unnest(p_owners, p_sequences) e(owner, sequence)
                 JOIN tombstones t ON t.client = p_clients[e.owner] AND t.sequence = e.sequence) THEN
      RAISE EXCEPTION 'refused: a request of this batch was cancelled' USING ERRCODE = 'VD002';
    END IF;
  END IF;
  IF (SELECT count(*) FROM unnest(p_clients, p_generations, p_firsts) e(client, generation, first)
        JOIN clients c ON c.client = e.client AND c.generation = e.generation AND c.low_water < e.first)
     <> cardinality(p_clients) THEN
    RAISE EXCEPTION 'refused: a client was purged, or has been told what this batch would decide' USING ERRCODE = 'VD002';
  END IF;
END $$;

DROP FUNCTION take_office(bigint, bigint, uuid, text, integer[], timestamptz[], interval);

-- Takes office: epoch, term and watermark in one statement. Returns no row if the lease has moved since the
-- candidate looked (p_epoch, p_renewals are what it saw). Ends the old leader's backends before it waits for
-- anything: a frozen one could hold a row lock for ever. The delete of the watermark row waits for a batch in
-- flight, and fences every later one of the old term. The lock goes on as it is, and is told.
CREATE FUNCTION take_office(p_epoch bigint, p_renewals bigint, p_term uuid, p_node text, p_pids integer[],
                            p_starts timestamptz[], p_ttl interval)
RETURNS TABLE (epoch bigint, version bigint, previous_term uuid, jump_version bigint, jumped boolean,
               system_identifier bigint, timeline integer, database oid, lock_held uuid)
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
    DELETE FROM watermark w RETURNING w.version, w.term, w.lock INTO old.version, old.term, old.lock;
    EXIT WHEN FOUND;
  END LOOP;
  SELECT s.system_identifier INTO system_identifier FROM pg_control_system() s;
  timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
  SELECT d.oid INTO database FROM pg_database d WHERE d.datname = current_database();
  epoch := held.epoch + 1;
  version := old.version;
  jump_version := held.jump_version;
  previous_term := old.term;
  lock_held := old.lock;
  jumped := (held.system_identifier, held.timeline, held.database) IS DISTINCT FROM (system_identifier, timeline, database);
  IF jumped THEN
    version := version + 10000000000000 + (abs(random_bigint() % 10000000000000));
    jump_version := version;
  END IF;
  INSERT INTO watermark (version, term, lock) VALUES (take_office.version, p_term, old.lock);
  UPDATE lease l
     SET epoch = take_office.epoch, term = p_term, node = p_node, released = false, renewals = l.renewals + 1,
         taken_at = clock_timestamp(), expires_at = clock_timestamp() + p_ttl, pids = p_pids, starts = p_starts,
         system_identifier = take_office.system_identifier, timeline = take_office.timeline,
         database = take_office.database, jump_version = take_office.jump_version,
         batches = 0, committed = 0, conflicts = 0, too_old = 0, rejected = 0;
  RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION take_office(bigint, bigint, uuid, text, integer[], timestamptz[], interval) FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION take_office(bigint, bigint, uuid, text, integer[], timestamptz[], interval) OWNER TO %I',
                 current_schema() || '_resolver');
END $$;
