-- SPDX-License-Identifier: Apache-2.0
-- The fence looks for tombstones before it looks at low-waters. The other way round, a number could be cancelled, acknowledged
-- and applied: the acknowledgement came between the two looks, raised the low-water behind the one and took the tombstone away
-- before the other.

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
