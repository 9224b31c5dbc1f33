-- SPDX-License-Identifier: Apache-2.0
-- What those need who look after a store: to ask a leader to hand its office over, to see who is registered, and to be told
-- who was forgotten.

-- Which term is asked to hand over: to every other one it means nothing, so that nobody has to take it back. And to whom: a node's
-- name, or '' for any node but the one that leads. Whoever else is a candidate lets that one go first, for as long as one lease.
ALTER TABLE lease ADD COLUMN hand_over_of uuid;
ALTER TABLE lease ADD COLUMN successor text NOT NULL DEFAULT '';

-- The leader sees it at its next renewal, finishes what is queued, and releases. p_successor null takes it back. False: this term
-- does not lead any more.
CREATE FUNCTION ask_to_hand_over(p_term uuid, p_successor text) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE lease SET hand_over_of = CASE WHEN p_successor IS NOT NULL THEN p_term END, successor = coalesce(p_successor, '')
   WHERE term = p_term AND NOT released;
  RETURN FOUND;
END $$;

-- How a client is called where others read it: its id is a secret.
CREATE FUNCTION client_name(p_client uuid) RETURNS text LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
  SELECT left(encode(sha256(uuid_send(p_client)), 'hex'), 16)
$$;

-- -1: for ever.
CREATE FUNCTION age_ms(p_since timestamptz) RETURNS bigint LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
  SELECT CASE WHEN isfinite(p_since) THEN (extract(epoch FROM clock_timestamp() - p_since) * 1000)::bigint ELSE -1 END
$$;

-- The registrations that were not used for p_age, the latest first. verdicts: what is decided and not acknowledged yet; given_up:
-- the tombstones among it; queued: its requests that wait. With the rights of its owner, for observers.
CREATE FUNCTION registrations(p_age interval, p_most bigint)
RETURNS TABLE (name text, follower text, registered_ms bigint, seen_ms bigint, low_water bigint, verdicts bigint, given_up bigint,
               queued bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET jit = off AS $$
  SELECT client_name(c.client), lpad(to_hex(c.reply), 16, '0'), age_ms(c.registered_at), age_ms(c.seen_at), c.low_water,
         coalesce(o.verdicts, 0) + coalesce(t.given_up, 0), coalesce(t.given_up, 0), coalesce(q.queued, 0)
    FROM clients c
    LEFT JOIN (SELECT client, sum(octet_length(entries) / 16)::bigint AS verdicts FROM outcomes GROUP BY client) o USING (client)
    LEFT JOIN (SELECT client, count(*) AS given_up FROM tombstones GROUP BY client) t USING (client)
    LEFT JOIN (SELECT client, generation, count(*) AS queued FROM commit_requests GROUP BY client, generation) q
           ON q.client = c.client AND q.generation = c.generation
   WHERE c.seen_at < clock_timestamp() - p_age
   ORDER BY c.seen_at DESC LIMIT p_most
$$;

-- Forgets registrations that nobody has used for p_age, 1000 of them at most (call again), and says which, under the lock that an
-- apply's fence respects; it is not held while they are looked for. One whose row is locked is in use.
CREATE FUNCTION purge_told(p_age interval)
RETURNS TABLE (name text, follower text, registered_ms bigint, seen_ms bigint, low_water bigint, verdicts bigint, given_up bigint,
               queued bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
  old  uuid[];
  gone clients[];
BEGIN
  SELECT array_agg(s.client) INTO old
    FROM (SELECT client FROM clients WHERE seen_at < clock_timestamp() - p_age LIMIT 1000) s;
  IF old IS NULL THEN
    RETURN;
  END IF;
  PERFORM share_watermark();
  WITH d AS (DELETE FROM clients WHERE client IN
               (SELECT client FROM clients WHERE client = ANY (old) AND seen_at < clock_timestamp() - p_age FOR UPDATE SKIP LOCKED)
             RETURNING clients)
  SELECT coalesce(array_agg(d.clients), '{}') INTO gone FROM d;
  RETURN QUERY
    SELECT client_name(g.client), lpad(to_hex(g.reply), 16, '0'), age_ms(g.registered_at), age_ms(g.seen_at), g.low_water,
           o.decided + t.given_up, t.given_up,
           (SELECT count(*) FROM commit_requests q WHERE q.client = g.client AND q.generation = g.generation)
      FROM unnest(gone) g,
           LATERAL (SELECT coalesce(sum(octet_length(entries) / 16), 0)::bigint AS decided FROM outcomes WHERE client = g.client) o,
           LATERAL (SELECT count(*) AS given_up FROM tombstones WHERE client = g.client) t;
  DELETE FROM outcomes WHERE client IN (SELECT g.client FROM unnest(gone) g);
  DELETE FROM tombstones WHERE client IN (SELECT g.client FROM unnest(gone) g);
END $$;

-- The same for those who only count: the leader, now and then.
CREATE OR REPLACE FUNCTION purge(p_age interval) RETURNS bigint LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
  SELECT count(*) FROM purge_told(p_age)
$$;

DO $$
DECLARE
  s    text := current_schema();
  item record;
BEGIN
  FOR item IN SELECT p.oid::regprocedure AS f FROM pg_proc p WHERE p.pronamespace = s::regnamespace
                 AND p.proname IN ('ask_to_hand_over', 'client_name', 'age_ms', 'registrations', 'purge_told') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', item.f, s || '_resolver');
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item.f);
  END LOOP;
  EXECUTE format('GRANT EXECUTE ON FUNCTION registrations(interval, bigint) TO %I', s || '_observer');
END $$;
