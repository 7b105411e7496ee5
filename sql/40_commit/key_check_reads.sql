create or replace function ablo.key_check_reads(p_key ablo.key_rights, p_request jsonb) returns void
language plpgsql volatile
as $$
  -- Check that a commit's reads and tracks stay within the sync groups of its key. A group must be one of them; a
  -- filter would check rows that the key cannot see. Rows are not refused: one outside is treated as if it never
  -- existed, by the deltas that the key may see (ablo.delta_seen).
  -- Called by: ablo.commit_run, if the key is limited. Locks: none. Raises: capability_scope_denied.
declare
  v_item jsonb;
begin
  for v_item in
    select e from (values (p_request -> 'reads'), (p_request -> 'track')) l (list),
      jsonb_array_elements(case when jsonb_typeof(l.list) = 'array' then l.list else '[]' end) e
     where e ->> 'group' is not null or e ? 'where'
  loop
    continue when v_item ->> 'group' = any (p_key.sync_groups);
    perform ablo.key_outside(p_key.id, coalesce(v_item ->> 'group', v_item ->> 'model'), null);
  end loop;
end
$$;
