create or replace function ablo.sight_at(p_organization text, p_capability_id text, p_cursor bigint default null)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- What a key could see at a position of the log (null: now), for a stream that begins there and follows the
  -- grants from there on: {"cursor", "groups", "granted", "bound", "subject"}. groups: what the roles give, null:
  -- all; granted: by group, by how many rows; bound: the groups that the key is narrowed to, or null; subject: as
  -- deltas of grants name the user, null if grants play no part. Grants are those of now, less what the log
  -- says has changed since. Called by: relays, for each stream of a user's or an agent's key. STABLE: one snapshot.
  -- Raises: snapshot_required (a push has changed the roles since the cursor), the errors of ablo.key_by_id.
declare
  v_key ablo.api_key := ablo.key_by_id(p_organization, null, p_capability_id);
  v_sight record := ablo.key_sight(v_key);
  v_since bigint := (select s.since from ablo.sight_rule s);
  v_head bigint := ablo.log_head(p_organization);
  v_granted jsonb := '{}';
  v_delta record;
begin
  if p_cursor < v_since then
    perform ablo.raise_error('snapshot_required',
      format('a schema that was pushed after cursor %s has changed what this key may see', p_cursor),
      'take a new snapshot and follow from its watermark', jsonb_build_object('cursor', p_cursor, 'keptAfter', v_since));
  end if;
  if v_sight.subject is not null then
    select coalesce(jsonb_object_agg(x.g, x.n), '{}') into v_granted
      from (select g.g, sum(g.n) as n
              from (select g, 1 as n from unnest(ablo.granted_groups(p_organization, v_sight.subject)) g
                    union all
                    select c.granted, -c.change
                      from ablo.delta d cross join lateral ablo.grant_changes(d, v_sight.subject) c
                     where d.organization_id = p_organization and d.sync_id > p_cursor
                       and d.model = any (array(select jsonb_object_keys(s.grants) from ablo.sight_rule s))) g (g, n)
             group by g.g having sum(g.n) > 0) x;
  end if;
  return json_build_object('cursor', coalesce(p_cursor, v_head), 'groups', v_sight.groups, 'granted', v_granted,
    'bound', v_key.sync_groups, 'subject', v_sight.subject);
end
$$;
