-- Check that a commit keeps to the sync groups of its key. Before: every row that it changes or names in a
-- premise is in one of them; the rows it changes are locked, so that what is found still holds when they
-- are written. After (p_after): so is every row that it leaves behind. A row outside them is refused like
-- one that does not exist. A premise on a filter would judge rows that the key cannot see.
-- Called by: ablo.commit_run, where ablo.capability_commit says so. Locks: rows, in the order of the
-- operations. Raises: capability_scope_denied.
create or replace function ablo.capability_rows(
  p_organization text, p_capability_id text, p_request jsonb, p_after boolean
) returns void
language plpgsql volatile
as $$
declare
  v_groups text[] := (select k.sync_groups from ablo.api_key k where k.id = p_capability_id);
  v_item jsonb;
  v_model text;
  v_action text;
  v_id text;
  v_now text[];
  v_created text[] := '{}';
begin
  for v_item in select e from jsonb_array_elements(coalesce(nullif(p_request -> 'operations', 'null'), '[]')) e loop
    v_model := ablo_model.resolve(v_item ->> 'model');
    v_action := lower(v_item ->> 'action');
    continue when v_model is null or v_item ->> 'id' is null or p_after and v_action = 'delete';
    if not p_after and v_action = 'create' then
      v_created := v_created || concat_ws(e'\x1f', v_model, v_item ->> 'id');
      continue;
    elsif not p_after then
      perform ablo_model.lock(v_model, v_item ->> 'id');
    end if;
    v_now := ablo.row_groups_now(p_organization, v_model, v_item ->> 'id');
    -- One that is not there yet, and that this commit creates first, is judged when it is.
    continue when v_now && v_groups
      or v_now is null and (p_after or concat_ws(e'\x1f', v_model, v_item ->> 'id') = any (v_created));
    perform ablo.capability_outside(p_capability_id, v_item ->> 'model', v_item ->> 'id');
  end loop;
  if p_after then
    return;
  end if;
  for v_item in
    select e from (values (p_request -> 'reads'), (p_request -> 'track')) l (list),
      jsonb_array_elements(case when jsonb_typeof(l.list) = 'array' then l.list else '[]' end) e
  loop
    v_model := ablo_model.resolve(v_item ->> 'model');
    continue when v_item ->> 'group' = any (v_groups);
    -- A row that is gone is judged by the groups that its last delta went to; one that never was tells nothing.
    v_id := ablo.row_id((select m.id_type from ablo.model m where m.typename = v_model), v_item ->> 'id');
    v_now := case when v_item ->> 'group' is null and not v_item ? 'where' then coalesce(
      ablo.row_groups_now(p_organization, v_model, v_id), ablo.row_groups(p_organization, v_model, v_id), v_groups) end;
    continue when v_now && v_groups;
    perform ablo.capability_outside(p_capability_id, coalesce(v_item ->> 'group', v_item ->> 'model'), v_item ->> 'id');
  end loop;
end
$$;
