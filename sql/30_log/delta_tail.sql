create or replace function ablo.delta_tail(
  p_organization text, p_before bigint, p_limit int, p_capability_id text default null,
  p_with_before boolean default false, p_judges boolean default false
) returns setof ablo.delta
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off  -- a generic plan does not know the limit, and would sort all that follows
set enable_bitmapscan = off
set jit = off
as $$
  -- Deltas of an organization before a position, newest first, at most p_limit, up to the one that reaches
  -- the budget of an answer (ablo.bound): the end of the log. p_before null: from the newest on. p_capability_id:
  -- only what that key may see. p_with_before, p_judges: as in ablo.delta_read.
  -- Called by: feeds that begin with the newest events. Locks: none. Raises: cursor_invalid.
declare
  v_done text := ablo.reader_check(p_capability_id, p_judges);
  v_key ablo.key_rights := ablo.key_of(p_organization, null, p_capability_id);
  v_delta ablo.delta;
  v_size bigint := 0;
  v_budget constant bigint := ablo.bound('answer_bytes');
  v_left int := least(greatest(p_limit, 1), 10000);
  v_to bigint := coalesce(p_before, 9223372036854775807);  -- windows, as in ablo.delta_read, downwards
  v_from bigint;
  v_span bigint := ablo.partition_ids();
begin
  if p_before < 0 then
    perform ablo.raise_error('cursor_invalid', format('position %s is not a sync id', p_before),
      'pass a sync id, or none to begin with the newest');
  end if;
  while v_left > 0 and v_to > 0 loop
    v_from := greatest(least(v_to, coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0)) - v_span, 0);
    for v_delta in
      select d.* from ablo.delta d
       where d.organization_id = p_organization and d.sync_id >= v_from and d.sync_id < v_to
         and (p_capability_id is null or (ablo.key_sees(v_key, d.model, d.groups) or ablo.key_sees(v_key, d.model, d.left_groups))
           and (ablo.delta_seen(v_key, d)).sync_id is not null)
       order by d.sync_id desc
       limit v_left
    loop
      if p_capability_id is not null then
        v_delta := ablo.delta_seen(v_key, v_delta);
      end if;
      if not p_with_before then
        v_delta.before := null;
      end if;
      return next v_delta;
      v_left := v_left - 1;
      v_size := v_size + coalesce(octet_length(v_delta."row"::text), 0)
        + coalesce(octet_length(v_delta.before::text), 0);
      if v_size >= v_budget then
        return;
      end if;
    end loop;
    v_to := v_from;
    v_span := v_span * 4;
  end loop;
end
$$;
